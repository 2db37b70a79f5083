# SPDX-License-Identifier: BSD-2-Clause
"""What others remove from under lbd is put back within 100 ms, with a warning."""
import re
import time

import pytest
from lab import wait_for
from scenario import DR, GATEWAY, NAT, OUTSIDE_VIPS, let_pass

REMOVALS = {
    "clsact": ["tc", "qdisc", "del", "dev", "eth0", "clsact"],
    "ingress_filter": ["tc", "filter", "del", "dev", "eth0", "ingress"],
    "egress_filter": ["tc", "filter", "del", "dev", "eth0", "egress"],
    "inside_clsact": ["tc", "qdisc", "del", "dev", "eth1", "clsact"],
}


def filters(director):
    """The BPF filters on each hook of each interface."""
    return {(interface, hook): director.run("tc", "filter", "show", "dev", interface, hook).stdout.count(" direct-action ")
            for interface in director.interfaces for hook in ("ingress", "egress")}


@pytest.mark.parametrize("removal", REMOVALS)
def test_filters_come_back(single, removal):
    before = filters(single.lb1)
    assert all(before.values())
    probes = [single.client.probe("udp", vip, "7777") for vip in (*NAT.values(), *DR.values())]
    for probe in probes:
        probe.wait_answer()
    connection = single.client.connect(NAT["4"])
    first = single.client.request(connection)
    begun = time.monotonic()
    single.lb1.run(*REMOVALS[removal])
    wait_for(lambda: filters(single.lb1) == before, what="the filters as before")
    let_pass(0.3)
    for probe in probes:
        assert probe.longest_gap(begun, begun + 0.3) < 0.1
        probe.stop()
    assert single.client.request(connection) == first
    assert "program had been removed: put back" in single.lb1.lbd.log()


def test_filters_of_others_stay(single):
    """lbd shares clsact: neither its repair nor its end takes somebody else's filter away."""
    before = filters(single.lb1)
    # Classic BPF that matches nothing: a classifier that every kernel has on which lbd runs.
    single.lb1.run("tc", "filter", "add", "dev", "eth0", "ingress", "pref", "7", "bpf", "bytecode", "1,6 0 0 0")
    single.lb1.run("tc", "filter", "del", "dev", "eth0", "egress")
    wait_for(lambda: filters(single.lb1) == before, what="lbd's filter")
    shown = single.lb1.run("tc", "filter", "show", "dev", "eth0", "ingress").stdout
    single.lb1.stop_lbd()
    left = single.lb1.run("tc", "filter", "show", "dev", "eth0", "ingress").stdout
    assert "pref 7 " in shown and "pref 7 " in left


@pytest.mark.parametrize("address", [*OUTSIDE_VIPS, *GATEWAY.values()])
def test_addresses_come_back(single, address):
    interface = "eth0" if address in OUTSIDE_VIPS else "eth1"
    length = 64 if ":" in address else 24
    begun = time.monotonic()
    single.lb1.ip(f"address del {address}/{length} dev {interface}")
    wait_for(lambda: f" {address}/" in single.lb1.run("ip", "-o", "address").stdout, interval=0.002,
             what="the address")
    assert time.monotonic() - begun < 0.1 + 0.05  # and what `ip` itself takes
    assert re.search(rf"warn +vrrp: {address}/{length} was removed from {interface} by somebody else: put back",
                     single.lb1.lbd.log())
    assert "MASTER -> " not in single.lb1.lbd.log()


def test_removed_pins_come_back(single):
    """Without its pins a restarted daemon could not adopt the flows."""
    def pins():
        return set(single.lb1.run("find", "/run/lbd/bpf/lbd", "-type", "f").stdout.split())
    before = pins()
    assert len(before) > 10
    single.lb1.run("rm", *before)
    wait_for(lambda: pins() == before, what="the pins")
    assert "had been removed: put back" in single.lb1.lbd.log()
    connection = single.client.connect(NAT["4"])
    first = single.client.request(connection)
    single.lb1.stop_lbd(9)
    single.lb1.start_lbd(single.path)
    assert single.client.request(connection) == first
