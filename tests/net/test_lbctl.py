# SPDX-License-Identifier: BSD-2-Clause
"""lbctl: what it says as JSON and as text, and that nobody who asks can hold up the daemon."""
import json
import socket
import time

import lab as lablib
import pytest
from conftest import families
from lab import wait_for
from scenario import DR, NAT, Scenario, base_config, render, servers

LBCTL = lablib.BUILD / "lbctl"
NUMBER = (int, float)
COUNTERS = {"conns", "in_packets", "in_bytes", "out_packets", "out_bytes"}
RATES = {"cps", "in_pps", "in_bps", "out_pps", "out_bps"}

# The members that programs rely on.  A list stands for any number of such elements; MAYBE: or null.
MAYBE = type(None)
INTERFACE = {"name": str, "driver": str, "mode": str, "reason": str, "attached": bool, "repaired": int}
PACKETS = {"seen": int, "redirected": int, "passed": int, "drop_no_server": int, "made_reset": int}
CHECK = {"name": str, "up": bool, "last": str, "detail": str, "warning": str, "run": int, "latency_s": NUMBER, "since_s": NUMBER,
         "attempts": int, "failures": int, "local": int}
SERVER = {"name": str, "address": str, "port": int, "weight": int, "up": bool, "next_hop": str, "active": int,
          "inactive": int, "checks": [CHECK], **dict.fromkeys(COUNTERS | RATES, int)}
SHAPES = {
    "status": {"version": str, "pid": int, "router_id": str, "node": (str, MAYBE), "config": str, "uptime_s": NUMBER,
               "longest_turn_s": NUMBER, "log_lost": int, "instances": int, "services": int,
               "netlink": {"messages": int, "resyncs": int, "malformed": int},
               "engine": {"kind": str, "adopted": bool, "pins_repaired": int, "interfaces": [INTERFACE],
                          "flows": {"flows": int, "entries4": int, "size4": int, "entries6": int, "size6": int,
                                    "reclaimed": int, "sweep_s": NUMBER},
                          "packets": {"xdp": PACKETS, "ingress": PACKETS, "egress": PACKETS}}},
    "services": [{"name": str, "vips": [str], "port": int, "protocol": str, "method": str, "scheduler": str,
                  "available": int, "active": int, "inactive": int, "conns": int, "in_packets": int,
                  "in_bytes": int, "out_packets": int, "out_bytes": int, "servers": [SERVER],
                  **dict.fromkeys(RATES, int)}],
    "interfaces": [{**INTERFACE, **dict.fromkeys((COUNTERS | RATES) - {"conns", "cps"}, int)}],
    "cpus": [{"cpu": int, "packets": {"xdp": PACKETS, "ingress": PACKETS, "egress": PACKETS}}],
    "vrrp": [{"name": str, "interface": str, "vrid": int, "family": str, "state": str, "reason": str,
              "since_s": (*NUMBER, MAYBE), "priority": int, "priority_base": int, "version": int,
              "group": (str, MAYBE), "advert_interval_s": NUMBER,
              "master_interval_s": NUMBER, "master": (str, MAYBE), "master_priority": int,
              "last_advert_s": (*NUMBER, MAYBE), "addresses": int,
              "counters": {"adverts_sent": int, "adverts_received": int, "became_master": int}}],
}


def assert_shape(value, shape, path):
    if isinstance(shape, dict):
        assert isinstance(value, dict), path
        for name, member in shape.items():
            assert name in value, f"{path} has no {name}"
            assert_shape(value[name], member, f"{path}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, path
        for number, element in enumerate(value):
            assert_shape(element, shape[0], f"{path}[{number}]")
    else:
        wanted = shape if isinstance(shape, tuple) else (shape,)
        assert type(value) in wanted, f"{path} is {value!r}"


@pytest.fixture(scope="module")
def shown():
    """A pair that the tests of this module look at."""
    scenario = Scenario(directors=2)
    try:
        yield scenario.start()
    finally:
        scenario.close()


def ask(director, *arguments, check=True):
    return director.run(LBCTL, *arguments, check=check)


def service_of(director, vip, port=80, protocol="tcp"):
    return next(s for s in director.lbctl("services")
                if vip in s["vips"] and (s["port"], s["protocol"]) == (port, protocol))


@pytest.mark.parametrize("command", SHAPES)
def test_json_has_the_members_that_programs_rely_on(shown, command):
    for director in shown.directors:
        assert_shape(director.lbctl(command), SHAPES[command], command)


def test_status_tells_of_this_daemon(shown):
    status = shown.lb1.lbctl("status")
    assert status["pid"] == shown.lb1.lbd.pid
    assert (status["node"], status["instances"], status["services"]) == ("lb1", 2, len(shown.config["services"]))
    assert status["config"] == str(shown.path)
    interfaces = status["engine"]["interfaces"]
    assert {(i["name"], i["mode"], i["attached"]) for i in interfaces} == {("eth0", "tc", True), ("eth1", "tc", True)}


def test_every_packet_seen_is_accounted_for(shown):
    """Per program: seen = redirected + passed + held + dropped; what more there is says how, or counts what was made."""
    shown.client.get_many(3, NAT["4"])
    for packets in shown.lb1.lbctl("status")["engine"]["packets"].values():
        dropped = sum(n for name, n in packets.items() if name.startswith("drop_"))
        assert packets["seen"] == packets["redirected"] + packets["passed"] + packets["held"] + dropped
    assert packets  # egress, at least
    assert shown.lb1.lbctl("status")["engine"]["packets"]["ingress"]["redirected"] > 0


@families
@pytest.mark.parametrize("vips", [NAT, DR], ids=["nat", "dr"])
def test_connections_and_packets_are_counted_by_server(shown, vips, family):
    """Answers of dr do not pass the director."""
    before = {s["name"]: s for s in service_of(shown.lb1, vips[family])["servers"]}
    shown.client.get_many(9, vips[family])
    for server in service_of(shown.lb1, vips[family])["servers"]:
        more = {name: server[name] - before[server["name"]][name] for name in COUNTERS}
        assert more["conns"] == 3
        assert more["in_packets"] >= 4 * 3 and more["in_bytes"] > 40 * more["in_packets"]
        if vips is DR:
            assert more["out_packets"] == more["out_bytes"] == 0
        else:
            assert more["out_packets"] >= 3 * 3 and more["out_bytes"] > 40 * more["out_packets"]


def test_cpus_add_up(shown):
    """Each packet was counted on one CPU; those that come meanwhile are on neither side less than before."""
    shown.client.get_many(3, NAT["4"])
    before = shown.lb1.lbctl("status")["engine"]["packets"]
    cpus = shown.lb1.lbctl("cpus")
    after = shown.lb1.lbctl("status")["engine"]["packets"]
    assert len({c["cpu"] for c in cpus}) == len(cpus)
    for program in before:
        for name, n in before[program].items():
            assert n <= sum(c["packets"][program][name] for c in cpus) <= after[program][name], (program, name)


def test_interfaces_count_what_is_forwarded(shown):
    """What a nat service gets comes in at the front and leaves at the back, and the other way round."""
    def numbers():
        return {i["name"]: i for i in shown.lb1.lbctl("interfaces")}, service_of(shown.lb1, NAT["4"])
    (before, service), _ = numbers(), shown.client.get_many(9, NAT["4"])
    after, served = numbers()
    for interface, other in (("eth0", "eth1"), ("eth1", "eth0")):
        for kind in ("packets", "bytes"):
            came = after[interface][f"in_{kind}"] - before[interface][f"in_{kind}"]
            left = after[other][f"out_{kind}"] - before[other][f"out_{kind}"]
            way = "in" if interface == "eth0" else "out"
            assert came == left == served[f"{way}_{kind}"] - service[f"{way}_{kind}"]
    assert after["eth0"]["mode"] == "tc" and after["eth0"]["attached"]


@families
def test_rates_rise_and_fall(shown, family):
    """Of the server, of its service, and of the interface that it comes by."""
    def rates():
        service = service_of(shown.lb1, NAT[family])
        front = next(i for i in shown.lb1.lbctl("interfaces") if i["name"] == "eth0")
        return [{name: of[name] for name in RATES if name in of} for of in (service, service["servers"][0], front)]

    def busy():
        shown.client.get_many(60, NAT[family])
        return all(all(of.values()) for of in rates())
    wait_for(busy, deadline=30, what="rates above 0")
    service, server, front = rates()
    assert service["in_pps"] >= server["in_pps"] and service["in_bps"] > 40 * service["in_pps"]
    assert service["cps"] < service["in_pps"]
    wait_for(lambda: all(n < service[name] / 2 for name, n in rates()[0].items()), deadline=30, what="rates halved")


@families
def test_open_connection_is_active(shown, family):
    def active():
        return sum(s["active"] for s in service_of(shown.lb1, NAT[family])["servers"])
    before = active()
    connection = shown.client.connect(NAT[family])
    wait_for(lambda: active() == before + 1, what="the connection counted")
    connection.close()
    wait_for(lambda: active() == before, what="its end counted")


def test_vrrp_tells_of_both_sides(shown):
    for instance, address in zip(shown.lb1.lbctl("vrrp"), ("192.0.2.2", "fe80::c0ff:fe00:202")):
        assert (instance["state"], instance["priority"], instance["vrid"]) == ("MASTER", 150, 51)
        assert instance["counters"]["became_master"] == 1 and instance["counters"]["adverts_sent"] > 0
        other = next(i for i in shown.lb2.lbctl("vrrp") if i["name"] == instance["name"])
        assert (other["state"], other["priority"], other["family"]) == ("BACKUP", 100, instance["family"])
        assert (other["master"], other["master_priority"]) == (address, 150)
        assert other["counters"]["adverts_received"] > 0 and other["last_advert_s"] < 5


def rows(text, heading):
    """The table under a heading, as lists of words."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.split()[:1] == [heading])
    end = next((n for n in range(start, len(lines)) if not lines[n].strip()), len(lines))
    return [line.split() for line in lines[start + 1:end]]


def test_text_says_what_json_does(shown):
    status = ask(shown.lb1, "status").stdout
    assert f"pid {shown.lb1.lbd.pid}," in status and "node lb1" in status and str(shown.path) in status
    assert [row[:4] for row in rows(status, "INTERFACE")] == [["eth0", "veth", "tc", "yes"], ["eth1", "veth", "tc", "yes"]]
    text = ask(shown.lb1, "services").stdout
    for service in shown.lb1.lbctl("services"):
        vips = ", ".join(service["vips"])
        head = (f"{service['name']}: {service['protocol']} {vips} port {service['port']}, {service['method']}, rr, "
                "3 of 3 servers available")
        assert head in text
        shown_servers = rows(text[text.index(head):], "SERVER")
        assert [row[:6] for row in shown_servers] == [
            [s["name"], s["address"], str(s["port"]), "1", "up", "L4OK"] for s in service["servers"]]
    for director, state in ((shown.lb1, "MASTER"), (shown.lb2, "BACKUP")):
        table = rows(ask(director, "vrrp").stdout, "INSTANCE")
        assert [row[:5] for row in table] == [["shop4", "eth0", "51", "ipv4", state], ["shop6", "eth0", "51", "ipv6", state]]


@pytest.mark.parametrize("form,heading,members", [
    ("--stats", "CONNS", ("conns", "in_packets", "out_packets", "in_bytes", "out_bytes")),
    ("--rates", "CONNS/S", ("cps", "in_pps", "out_pps", "in_bps", "out_bps"))])
def test_services_in_numbers(shown, form, heading, members):
    def said():
        table = [["SERVICE", heading]]
        for service in shown.lb1.lbctl("services"):
            table.append([service["name"], service["vips"][0], *(str(service[m]) for m in members)])
            table.extend([s["name"], *(str(s[m]) for m in members)] for s in service["servers"])
        return table

    def text():
        lines = [line.split() for line in ask(shown.lb1, "services", form).stdout.splitlines()]
        return [lines[0][:2], *lines[1:]]
    wait_for(lambda: text() == said(), what="the same in both")


def test_interfaces_and_cpus_as_text(shown):
    assert [row[:2] for row in rows(ask(shown.lb1, "interfaces").stdout, "INTERFACE")] == [["eth0", "tc"], ["eth1", "tc"]]
    text = ask(shown.lb1, "cpus").stdout
    for cpu in shown.lb1.lbctl("cpus"):
        assert f"cpu {cpu['cpu']}\n" in text
    assert " seen=" in text


def test_server_that_is_down_is_shown_with_its_reason(single):
    single.servers[1].stop_nginx()

    def web2():
        return next(s for s in service_of(single.lb1, NAT["4"])["servers"] if s["name"] == "web2")
    wait_for(lambda: not web2()["up"], what="web2 shown as down")
    assert (web2()["checks"][0]["up"], web2()["checks"][0]["last"]) == (False, "L4CON")
    assert web2()["checks"][0]["detail"] == "connection refused" and web2()["checks"][0]["failures"] >= 2
    assert service_of(single.lb1, NAT["4"])["available"] == 2
    text = ask(single.lb1, "services").stdout
    assert "2 of 3 servers available" in text
    assert ["web2", "10.0.0.12", "8080", "1", "DOWN", "L4CON"] in [row[:6] for row in rows(text, "SERVER")]
    assert ": connection refused\n" in text and ": connection accepted\n" in text


@pytest.mark.parametrize("arguments,said", [
    (("-s", "/run/lbd/none.sock", "status"), ("/run/lbd/none.sock", "No such file", "is lbd running?")),
    (("-s", "/etc/passwd", "status"), ("/etc/passwd", "Connection refused")),
    (("-s", "/" + 200 * "x", "status"), ("File name too long",)),
    (("stauts",), ('"stauts"', "status")),
    ((), ("Usage", "status", "services", "vrrp")),
    (("--rates", "vrrp"), ("--rates", "services")),
], ids=["no_socket", "no_listener", "long_path", "unknown_command", "no_command", "no_such_form"])
def test_what_cannot_be_asked_is_status_2(shown, arguments, said):
    done = ask(shown.lb1, *arguments, check=False)
    assert done.returncode == 2 and not done.stdout
    assert all(words in done.stderr for words in said), done.stderr


def test_only_root_and_lbd_are_answered(shown):
    """By the socket's mode, and behind it by who asks."""
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", LBCTL, "status")
    done = shown.lb1.run(*nobody, check=False)
    assert done.returncode == 2 and "Permission denied" in done.stderr
    shown.lb1.run("chmod", "666", "/run/lbd/lbd.sock")
    done = shown.lb1.run(*nobody, check=False)
    assert done.returncode == 2 and "only root" in done.stderr and not done.stdout


# ---- Clients that are slow, or talk rubbish


def connect(director):
    """To the control socket of a machine, whose /run is its own."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(f"/proc/{director.pid}/root/run/lbd/lbd.sock")
    return sock


def answer(sock):
    with sock, sock.makefile("rb") as stream:
        return stream.read()


def test_command_may_come_in_pieces(shown):
    sock = connect(shown.lb1)
    for byte in b"vrrp\n":
        sock.send(bytes([byte]))
    assert [i["name"] for i in json.loads(answer(sock))] == ["shop4", "shop6"]


@pytest.mark.parametrize("sent", [b"rub\x1b[31mbish\n", b"\n", b"status\r\n"])
def test_unknown_command_is_an_error_that_a_terminal_can_show(shown, sent):
    sock = connect(shown.lb1)
    sock.send(sent)
    told = json.loads(answer(sock))
    assert list(told) == ["error"] and "unknown command" in told["error"] and told["error"].isprintable()


def test_endless_command_is_cut_off(shown):
    sock = connect(shown.lb1)
    sock.send(b"x" * 255)
    with pytest.raises((ConnectionError, BrokenPipeError)):
        for _ in range(1000):
            if not sock.recv(1):
                raise ConnectionError
    sock.close()
    assert shown.lb1.lbctl("status")


@pytest.fixture(scope="module")
def crowded():
    """A director with a thousand services: its answers are larger than any socket buffer."""
    config = base_config()
    config["pools"] = {"web": {"servers": servers(port=8080)}}
    config["services"] = {f"s{n}": {"vip": list(NAT.values()), "port": 1000 + n, "method": "nat", "pool": "web"}
                          for n in range(1000)}
    with lablib.Lab(directors=1, servers=1) as lab:
        director = lab.directors[0]
        director.start_lbd(lab.write_config(render(config)))
        wait_for(lambda: [i["state"] for i in director.lbctl("vrrp")] == ["MASTER"] * 2, what="MASTER")
        yield director
        assert director.stop_lbd() == 0


def test_long_answer_is_made_in_turns(crowded):
    """It takes the daemon a quarter of a second: VRRP must not wait so long.  The best of three, for the machine
    may be busy with something else."""
    def share():
        crowded.lbctl("status")  # the longest turn is counted from here
        begun = time.monotonic()
        assert len(crowded.lbctl("services")) == 2000
        took = time.monotonic() - begun
        return crowded.lbctl("status")["longest_turn_s"] / took
    assert min(share() for _ in range(3)) < 0.1


def test_slow_clients_cost_nobody_anything(crowded):
    """Some never ask, some never read.  Others are answered meanwhile, adverts go on, and the slow ones are cut off."""
    def counters():
        return [i["counters"] for i in crowded.lbctl("vrrp")]
    before = counters()
    begun = time.monotonic()
    silent = [connect(crowded) for _ in range(10)]
    deaf = [connect(crowded) for _ in range(10)]
    for sock in deaf:
        sock.send(b"services\n")
    asked = time.monotonic()
    assert len(crowded.lbctl("services")) == 2000
    assert time.monotonic() - asked < 3
    for sock in silent:
        assert answer(sock) == b""
    held = time.monotonic() - begun
    for sock in deaf:
        with pytest.raises(ValueError):
            json.loads(answer(sock))
    assert 4.5 < held < 8
    for now, then in zip(counters(), before):
        assert now["became_master"] == 1
        assert now["adverts_sent"] - then["adverts_sent"] > held / 0.1 * 0.8


def test_service_counts_what_its_servers_count(single):
    before = service_of(single.lb1, NAT["4"])["conns"]
    single.client.get_many(9, NAT["4"])
    service = service_of(single.lb1, NAT["4"])
    assert service["conns"] == before + 9
    for key in ("conns", "in_packets", "in_bytes", "out_packets", "out_bytes", "active", "inactive"):
        assert service[key] == sum(server[key] for server in service["servers"])


def test_totals_outlive_a_removed_server(single):
    single.client.get_many(6, NAT["4"])
    before = service_of(single.lb1, NAT["4"])["conns"]
    config = single.config
    del config["services"]["www"]["servers"]["web3"]
    single.reload(config)
    wait_for(lambda: len(service_of(single.lb1, NAT["4"])["servers"]) == 2, what="two servers left")
    assert service_of(single.lb1, NAT["4"])["conns"] >= before
