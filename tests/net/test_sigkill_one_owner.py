# SPDX-License-Identifier: BSD-2-Clause
"""A director whose daemon was killed is fenced by its data plane as soon as a peer speaks for its addresses."""
import signal
import time

import pytest
from scenario import DR, FULLNAT, GATEWAY, MASTER_DOWN, NAT, OUTSIDE_VIPS, let_pass

ALL = [*OUTSIDE_VIPS, *GATEWAY.values()]
# Each is asked once a millisecond: more of them would be a load of their own on two cores.
WATCHED = [*NAT.values(), *DR.values(), *GATEWAY.values()]
USED = [*NAT.values(), *FULLNAT.values()]


def start_probes(pair):
    """Who answers for each address, asked each millisecond on the address's own segment."""
    probes = {}
    for address in WATCHED:
        asker = pair.client if address in OUTSIDE_VIPS else pair.servers[-1]
        probes[address] = asker.probe("link", "eth0", address)
        probes[address].wait_answer()
    return probes


def assert_lb1_took_over(pair, probes, begun):
    """Both answer only while the advert that makes lb2 yield is on its way."""
    for address, probe in probes.items():
        probe.stop()
        times = {"lb1": [], "lb2": []}
        for when, who in probe.answers(begun):
            times[pair.lab.name_of(who)].append(when)
        both = max(times["lb2"], default=begun) - min(times["lb1"])
        print(f"{address}: both answered for {both * 1000:.1f} ms")
        assert both < 0.05, address


def test_one_owner_within_a_second(pair):
    probes = start_probes(pair)
    killed = time.monotonic()
    assert pair.lb1.stop_lbd(signal.SIGKILL) == -signal.SIGKILL
    let_pass(2.1)
    for address, probe in probes.items():
        later = {who for _, who in probe.answers(killed + 1)}
        assert {pair.lab.name_of(who) for who in later} == {"lb2"}, address
        assert probe.longest_gap(killed + 1, killed + 2) < 0.2, address
        probe.stop()
    pair.wait_serving(pair.lb2)


def test_fenced_director_forwards_nothing_to_its_vips(pair):
    """A client that still has the dead director's MAC is not served by it: two directors would answer."""
    pair.lb1.stop_lbd(signal.SIGKILL)
    pair.wait_owner(pair.lb2)
    for vip in (NAT["4"], DR["4"]):
        pair.client.ip(f"neighbour replace {vip} lladdr {pair.lb1.interfaces['eth0'].mac} dev eth0 nud permanent")
        with pytest.raises(OSError):
            pair.client.get(vip, timeout=0.5)


def test_forwarding_goes_on_when_the_peer_falls_silent(pair):
    pair.lb1.stop_lbd(signal.SIGKILL)
    pair.wait_owner(pair.lb2)
    for interface in pair.lb2.interfaces:
        pair.lab.cut(pair.lb2, interface)
    pair.wait_owner(pair.lb1)
    # There is no daemon to announce it: whoever asks finds lb1, and now all ask.
    for node in (pair.client, *pair.servers):
        node.run("ip", "neighbour", "flush", "all")
    for vip in OUTSIDE_VIPS:
        pair.client.get(vip)


def test_forwarding_goes_on_without_a_peer(single):
    single.lb1.stop_lbd(signal.SIGKILL)
    let_pass(5 * MASTER_DOWN)
    for vip in OUTSIDE_VIPS:
        assert len(single.client.get_many(6, vip)) == 3
    for address in ALL:
        assert single.lab.who_has(address) == ["lb1"]


def test_restarted_director_takes_its_addresses_back(pair):
    """It is silent until it is master again, also while it takes away what its last life left; then its servers
    are checked already, and no client notices."""
    pair.lb1.stop_lbd(signal.SIGKILL)
    pair.wait_owner(pair.lb2)
    probes = start_probes(pair)
    clients = [pair.client.probe("udp", vip, "7777") for vip in USED]
    for client in clients:
        client.wait_answer()
    begun = time.monotonic()
    pair.lb1.start_lbd(pair.path)
    pair.wait_owner(pair.lb1)
    end = time.monotonic()
    assert_lb1_took_over(pair, probes, begun)
    for vip, client in zip(USED, clients):
        client.stop()
        assert client.longest_gap(begun, end) < 0.1, vip
    pair.wait_serving(pair.lb1)


def test_stopped_daemon_is_fenced_until_it_has_heard_its_peer(pair):
    """SIGSTOP, takeover, SIGCONT: the higher priority takes the addresses back, once."""
    probes = start_probes(pair)
    pair.lb1.lbd.send(signal.SIGSTOP)
    try:
        pair.wait_owner(pair.lb2)
    finally:
        resumed = time.monotonic()
        pair.lb1.lbd.send(signal.SIGCONT)
    pair.wait_owner(pair.lb1)
    assert_lb1_took_over(pair, probes, resumed)
