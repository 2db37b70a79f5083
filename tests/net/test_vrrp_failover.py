# SPDX-License-Identifier: BSD-2-Clause
"""The standby takes over when the master loses its link, and the master comes back when it may."""
import time

from lab import wait_for
from scenario import ADVERT, DR, GATEWAY, MASTER_DOWN, NAT, base_config, let_pass


def pull_and_measure(pair, interface="eth0"):
    """Cuts lb1 off; returns how long nobody answered UDP requests to the VIPs, the longest of both families.  Each
    request has its flow already, so the gap is VRRP's, the addresses' and the new flow's on the standby."""
    probes = [pair.client.probe("udp", vip, "7777") for vip in NAT.values()]
    for probe in probes:
        probe.wait_answer()
    cut = time.monotonic()
    pair.lab.cut(pair.lb1, interface)
    gaps = []
    for probe in probes:
        back, _ = probe.wait_answer(after=cut + ADVERT)
        gaps.append(probe.longest_gap(cut, back))
        probe.stop()
    return max(gaps)


def test_link_down_moves_vips_and_gateway(pair):
    gap = pull_and_measure(pair)
    assert gap < MASTER_DOWN + 0.15
    pair.wait_owner(pair.lb2)
    pair.wait_serving(pair.lb2)


def test_servers_leave_by_the_new_master(pair):
    """The inside gateway moves with the outside VIPs: nat's answers depend on it."""
    pair.lab.cut(pair.lb1, "eth0")
    pair.wait_owner(pair.lb2)
    for vip in (*NAT.values(), *DR.values()):
        assert len(pair.client.get_many(9, vip)) == 3


def test_returns_with_preempt(pair):
    pair.lab.cut(pair.lb1, "eth0")
    pair.wait_owner(pair.lb2)
    pair.lab.plug_in(pair.lb1, "eth0")
    pair.wait_owner(pair.lb1)
    pair.wait_serving(pair.lb1)


def test_stays_away_without_preempt(make_scenario):
    config = base_config()
    for instance in config["vrrp"].values():
        instance["preempt"] = False
    pair = make_scenario(directors=2, config=config)
    pair.lb1.start_lbd(pair.path)
    pair.wait_owner(pair.lb1)  # whoever is first stays
    pair.lb2.start_lbd(pair.path)
    pair.lab.cut(pair.lb1, "eth0")
    pair.wait_owner(pair.lb2)
    pair.lab.plug_in(pair.lb1, "eth0")
    wait_for(lambda: pair.lab.who_has("192.0.2.2") == ["lb1"], what="lb1's link")
    let_pass(5 * MASTER_DOWN)
    for address in (*NAT.values(), *GATEWAY.values()):
        assert pair.lab.who_has(address) == ["lb2"]
