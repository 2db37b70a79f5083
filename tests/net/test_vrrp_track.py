# SPDX-License-Identifier: BSD-2-Clause
"""Addresses follow what an instance tracks: a script's verdict, a process, the health of a service as this director
sees it."""
import lab as lablib
import pytest
from lab import wait_for
from scenario import let_pass, render

VIPS = {"4": "192.0.2.50", "6": "2001:db8::50"}
INSTANCES = {"web4": "192.0.2.50/24", "web6": "2001:db8::50/64"}


def config(track, **sections):
    instances = {name: {"interface": "eth0", "vrid": 51, "advert_interval": "100ms", "addresses": [address],
                        "track": track} for name, address in INSTANCES.items()}
    return {"director": {"engine": "none"}, "vrrp": instances, **sections,
            "nodes": {"lb1": {"vrrp": {name: {"priority": 150} for name in INSTANCES}},
                      "lb2": {"vrrp": {name: {"priority": 100} for name in INSTANCES}}}}


@pytest.fixture
def lab():
    with lablib.Lab(directors=2, servers=2) as made:
        yield made


def start(lab, settings):
    path = lab.write_config(render(settings))
    for director in lab.directors:
        director.start_lbd(path)
    wait_owner(lab, "lb1")


def wait_owner(lab, name):
    for vip in VIPS.values():
        wait_for(lambda: lab.who_has(vip) == [name], 15, f"{name} alone has {vip}")


def of(director, name):
    return next(one for one in director.lbctl("vrrp") if one["name"] == name)


def test_a_script_that_fails_moves_the_addresses(lab):
    flag = lab.folder / "flag"
    script = lab.folder / "probe"
    script.write_text(f"#!/bin/sh\nid -un >{lab.folder}/who.$LBD_INSTANCE.$LBD_TRACK\n"
                      f"[ \"$(hostname)\" = lb2 ] || [ -e {flag} ]\n")
    script.chmod(0o755)
    lab.folder.chmod(0o777)
    flag.write_text("")
    start(lab, config({"probe": {"script": str(script), "interval": "200ms", "weight": -60}}))
    flag.unlink()
    wait_owner(lab, "lb2")
    found = of(lab["lb1"], "web4")
    assert (found["priority"], found["priority_base"]) == (90, 150)
    assert found["tracks"][0]["verdict"] == "failed"
    assert found["tracks"][0]["detail"] == "exit status 1"
    assert (lab.folder / "who.web6.probe").read_text() == "nobody\n"
    flag.write_text("")
    wait_owner(lab, "lb1")


def test_a_script_that_hangs_is_a_fault_and_leaves_nothing(lab):
    """A fault is told: the peer waits the skew time only."""
    start(lab, config({"probe": {"file": str(lab.folder / "unused"), "reverse": True, "interval": "200ms"}}))
    settings = config({"probe": {"script": ["/bin/sh", "-c", "[ $(hostname) = lb2 ] || sleep 4242"],
                                 "interval": "300ms"}})
    lab.write_config(render(settings))
    for director in lab.directors:
        director.reload_lbd()
    wait_owner(lab, "lb2")
    found = of(lab["lb1"], "web4")
    assert found["state"] == "INITIALIZE"
    assert found["reason"] == "track probe: took longer than 0.3 s"
    assert found["counters"]["priority_zero_sent"] == 1
    assert lab["lb1"].stop_lbd() == 0
    wait_for(lambda: not lab["lb1"].run("pgrep", "-fx", "sleep 4242", check=False).stdout, what="an end of the script")


def test_a_process_that_ends_moves_the_addresses(lab):
    """Process lists are shared here: so it is tracked on lb1 only."""
    program = lab.folder / "tracked-by-lbd"
    program.write_bytes(open("/bin/sleep", "rb").read())
    program.chmod(0o755)
    process = lab["lb1"].start(program, "4242")
    settings = config({})
    for name in INSTANCES:
        settings["nodes"]["lb1"]["vrrp"][name]["track"] = {"it": {"process": program.name, "interval": "200ms"}}
    start(lab, settings)
    process.stop()
    wait_owner(lab, "lb2")
    assert of(lab["lb1"], "web4")["reason"] == "track it: does not run"


def services():
    return {"services": {"www": {"vip": list(VIPS.values()), "port": 80, "method": "dr",
                                 "check": {"type": "tcp", "port": 8080, "interval": "200ms", "timeout": "200ms",
                                           "rise": 1, "fall": 2},
                                 "servers": {f"web{n}{suffix}": {"address": f"{prefix}{10 + n}"}
                                             for suffix, prefix in (("", "10.0.0."), ("_6", "fd00::"))
                                             for n in (1, 2)}}}}


def part(lab, switch):
    """lb1 and the servers no longer reach each other."""
    for port in ("lb1-eth1", "web1-eth0", "web2-eth0"):
        lab.switch.run("bridge", "link", "set", "dev", port, "isolated", switch)


def test_addresses_follow_the_health_of_a_service(lab):
    for server in lab.servers:
        server.start_nginx()
    start(lab, config({"www": {"service": "www", "below": "50%", "delay": "1s", "weight": -60}}, **services()))
    wait_for(lambda: of(lab["lb1"], "web4")["tracks"][0]["detail"] == "4 of 4 servers are healthy",
             what="healthy servers")
    part(lab, "on")
    wait_owner(lab, "lb2")
    part(lab, "off")
    wait_owner(lab, "lb1")


def test_servers_dead_for_both_directors_move_nothing(lab):
    for server in lab.servers:
        server.start_nginx()
    start(lab, config({"www": {"service": "www", "below": "50%", "delay": "1s", "weight": -60}}, **services()))
    wait_for(lambda: all(of(director, "web4")["tracks"][0]["detail"] == "4 of 4 servers are healthy"
                         for director in lab.directors), what="healthy servers")
    for server in lab.servers:
        server.stop_nginx()
    wait_for(lambda: [of(director, "web6")["priority"] for director in lab.directors] == [90, 40],
             what="lower priorities")
    for server in lab.servers:
        server.start_nginx()
    wait_for(lambda: [of(director, "web6")["priority"] for director in lab.directors] == [150, 100],
             what="priorities as before")
    let_pass(1)
    wait_owner(lab, "lb1")
    for director, times in ((lab["lb1"], 1), (lab["lb2"], 0)):
        assert {of(director, name)["counters"]["became_master"] for name in INSTANCES} == {times}
