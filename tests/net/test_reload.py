# SPDX-License-Identifier: BSD-2-Clause
"""SIGHUP makes what runs equal to the file; what stands before and after is never taken away in between."""
import contextlib
import functools
import socket
import time

import pytest
from conftest import families
from lab import wait_for
from scenario import DR, ECHO_PORT, GATEWAY, NAT, base_config, let_pass, servers


def watch_addresses(director):
    """ip monitor: a line `Deleted ...` for each address that goes."""
    monitor = director.start("ip", "-o", "monitor", "address")

    def hears():
        director.ip("address replace 198.51.100.1/32 dev lo")
        return "198.51.100.1" in monitor.log()
    wait_for(hears, what="ip monitor")
    return monitor


def test_adds_and_removes_a_service(single):
    config = base_config()
    config["services"]["new"] = {"vip": list(NAT.values()), "port": 81, "method": "nat", "servers": servers(port=8080)}
    connection = single.client.connect(NAT["4"])
    first = single.client.request(connection)
    single.reload(config)
    for vip in NAT.values():
        wait_for(lambda: len(single.client.get_many(3, vip, 81)) == 3, what=f"{vip} port 81")
    single.reload(base_config())
    for vip in NAT.values():
        wait_for(lambda: not connects(single, vip, 81), what=f"no service on {vip} port 81")
    assert single.client.request(connection) == first


def connects(scenario, vip, port):
    try:
        scenario.client.get(vip, port, timeout=0.3)
    except OSError:
        return False
    return True


def test_adds_a_vip(single):
    config = base_config()
    config["vrrp"]["shop4"]["addresses"].append("192.0.2.17/24")
    config["services"]["www"]["vip"].append("192.0.2.17")
    monitor = watch_addresses(single.lb1)
    single.reload(config)
    wait_for(lambda: len(single.client.get_many(3, "192.0.2.17")) == 3, what="the new VIP")
    single.reload(base_config())
    wait_for(lambda: single.lab.who_has("192.0.2.17") == [], what="the VIP gone again")
    gone = [line for line in monitor.log().splitlines() if line.startswith("Deleted")]
    assert len(gone) == 1 and "192.0.2.17/24" in gone[0], gone


SPARE = {"4": "192.0.2.17/24", "6": "2001:db8::17/64"}


def config_with_spares():
    """The base, and for each family another instance that is master of something else."""
    config = base_config()
    for number, (family, address) in enumerate(SPARE.items()):
        config["vrrp"]["spare" + family] = {"interface": "eth0", "vrid": 70 + number, "advert_interval": "100ms",
                                            "addresses": [address]}
    return config


def to_a_new_instance(config, family, moved):
    """It does not wait as a new BACKUP: the address is ours."""
    config["vrrp"]["shop" + family]["addresses"].remove(moved)
    config["vrrp"]["other"] = {"interface": "eth0", "vrid": 60, "addresses": [moved]}


def to_a_new_owner(config, family, moved):
    to_a_new_instance(config, family, moved)
    config["vrrp"]["other"]["priority"] = 255


def to_another_instance(config, family, moved):
    """Both were master before and are afterwards."""
    config["vrrp"]["shop" + family]["addresses"].remove(moved)
    config["vrrp"]["spare" + family]["addresses"].append(moved)


def to_another_name(config, family, _):
    """The old instance ends, and all it has goes on."""
    config["vrrp"]["other"] = config["vrrp"].pop("shop" + family)
    for node in config["nodes"].values():
        del node["vrrp"]["shop" + family]


def flows_lost(scenario, vip, action, count=800):
    """Does something while a datagram every 0.5 ms begins a new flow; returns when, in ms afterwards, those began
    that had no answer."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    with contextlib.ExitStack() as stack:
        flows = [stack.enter_context(scenario.client.socket(family, socket.SOCK_DGRAM)) for _ in range(count)]
        begun = time.monotonic()
        action()
        sent = []
        for sock in flows:
            sock.connect((vip, ECHO_PORT))
            sock.send(b"x")
            sent.append(time.monotonic() - begun)
            time.sleep(0.0005)
        let_pass(0.2)
        return [round(when * 1000) for sock, when in zip(flows, sent) if not answered(sock)]


def answered(sock):
    sock.setblocking(False)
    try:
        return bool(sock.recv(100))
    except OSError:
        return False


@families
@pytest.mark.parametrize("move", [to_a_new_instance, to_a_new_owner, to_another_instance, to_another_name])
def test_moves_a_vip_between_instances(make_scenario, family, move):
    """There and back: for no moment is the VIP away, connections go on, and no new flow finds nobody."""
    single = make_scenario(config=config_with_spares()).start()
    moved = next(text for text in single.config["vrrp"]["shop" + family]["addresses"]
                 if text.startswith(NAT[family] + "/"))
    config = config_with_spares()
    move(config, family, moved)
    monitor = watch_addresses(single.lb1)
    connection = single.client.connect(NAT[family])
    first = single.client.request(connection)
    for wanted in (config, config_with_spares()):
        reloads = single.lb1.lbd.log().count("reloaded: ")
        lost = flows_lost(single, NAT[family], functools.partial(single.reload, wanted))
        assert single.lb1.lbd.log().count("reloaded: ") == reloads + 1
        assert not lost, f"{len(lost)} flows lost, from {lost[0]} to {lost[-1]} ms after SIGHUP"
        assert single.client.request(connection) == first
    assert f"{NAT[family]}/" not in "".join(line for line in monitor.log().splitlines() if "Deleted" in line)
    assert single.lab.who_has(NAT[family]) == ["lb1"]


def test_bad_file_leaves_all_as_it_was(single):
    """The log names file, line and value; then a good file is taken."""
    before = single.lb1.run("ip", "-o", "address").stdout
    bad = base_config()
    bad["services"]["www"]["port"] = 70000
    single.reload(bad)
    wait_for(lambda: "70000" in single.lb1.lbd.log(), what="a complaint")
    assert "lbd.conf:" in single.lb1.lbd.log() and "services.www.port" in single.lb1.lbd.log()
    for vip in (*NAT.values(), *DR.values()):
        assert len(single.client.get_many(6, vip)) == 3
    assert single.lb1.run("ip", "-o", "address").stdout == before
    good = base_config()
    good["services"]["www"]["port"] = 82
    single.reload(good)
    wait_for(lambda: connects(single, NAT["4"], 82), what="port 82 after the good file")


def test_missing_file_leaves_all_as_it_was(single):
    single.path.rename(single.path.with_suffix(".away"))
    single.lb1.reload_lbd()
    wait_for(lambda: "No such file" in single.lb1.lbd.log(), what="a complaint")
    assert len(single.client.get_many(6, NAT["4"])) == 3


def test_many_reloads_lose_no_request(single):
    """One a turn, alternating; each request is a new connection."""
    other = base_config()
    other["services"]["www"]["scheduler"] = "wrr"
    del other["services"]["echo_dr"]
    for turn in range(20):
        single.reload(other if turn % 2 == 0 else base_config())
        single.client.get_many(5, NAT["4"])
        single.client.get_many(5, DR["6"])
    assert single.lab.who_has(GATEWAY["4"]) == ["lb1"]
