# SPDX-License-Identifier: BSD-2-Clause
"""SIGHUP makes what runs equal to the file; what stands before and after is never taken away in between."""
import time

from conftest import families
from lab import wait_for
from scenario import DR, GATEWAY, NAT, base_config, let_pass, servers


def watch_addresses(director):
    """ip monitor: a line `Deleted ...` for each address that goes."""
    monitor = director.start("ip", "-o", "monitor", "address")
    director.ip("address add 198.51.100.1/32 dev lo")
    wait_for(lambda: "198.51.100.1" in monitor.log(), what="ip monitor")
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
    config["vrrp"]["shop4"]["addresses"].append("192.0.2.12/24")
    config["services"]["www"]["vip"].append("192.0.2.12")
    monitor = watch_addresses(single.lb1)
    single.reload(config)
    wait_for(lambda: len(single.client.get_many(3, "192.0.2.12")) == 3, what="the new VIP")
    single.reload(base_config())
    wait_for(lambda: single.lab.who_has("192.0.2.12") == [], what="the VIP gone again")
    gone = [line for line in monitor.log().splitlines() if line.startswith("Deleted")]
    assert len(gone) == 1 and "192.0.2.12/24" in gone[0], gone


@families
def test_moves_a_vip_between_instances(single, family):
    """The VIP goes from one instance to a new one: not for a moment is it away, and connections go on."""
    config = base_config()
    old = config["vrrp"][f"shop{family}"]
    moved = next(text for text in old["addresses"] if text.startswith(NAT[family] + "/"))
    old["addresses"].remove(moved)
    config["vrrp"]["other"] = {"interface": "eth0", "vrid": 60, "priority": 255, "addresses": [moved]}
    monitor = watch_addresses(single.lb1)
    connection = single.client.connect(NAT[family])
    first = single.client.request(connection)
    probe = single.client.probe("udp", NAT[family], "7777")
    probe.wait_answer()
    begun = time.monotonic()
    single.reload(config)
    wait_for(lambda: "other" in single.lb1.lbd.log(), what="the new instance")
    let_pass(1)
    assert probe.longest_gap(begun, time.monotonic() - 0.05) < 0.1
    probe.stop()
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
