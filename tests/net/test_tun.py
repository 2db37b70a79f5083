# SPDX-License-Identifier: BSD-2-Clause
"""TUN: requests reach a server inside a packet to its own address, of the VIP's family or of the other one, and
answers go straight to the client."""
import os
import re
import socket

import pytest
from conftest import VARIANTS, families
from scenario import CLIENT, TUN, Scenario, exchange, with_tun


@pytest.fixture(scope="module", params=[(variant, crossed) for crossed in (False, True) for variant in VARIANTS],
                ids=lambda param: param[0] + "_crossed" * param[1])
def tunnels(request):
    variant, crossed = request.param
    scenario = Scenario(config=with_tun(crossed=crossed), **VARIANTS[variant])
    scenario.crossed = crossed
    try:
        yield scenario.start()
    finally:
        scenario.close()


@families
def test_requests_go_round_and_servers_see_the_client(tunnels, family):
    answers = tunnels.client.get_many(30, TUN[family])
    assert answers == {(f"web{n}", CLIENT[family]): 10 for n in (1, 2, 3)}


@families
def test_answers_by_pass_the_director(tunnels, family):
    """Requests come to the director as they are and leave it in an outer packet, from its own address; nothing comes
    back."""
    outside, inside = (tunnels.lab.capture(tunnels.lb1, interface) for interface in ("eth0", "eth1"))
    tunnels.client.get_many(3, TUN[family])
    seen = [line for line in outside.stop() if f"{TUN[family]}.80:" in line]
    assert seen and all(f"> {TUN[family]}.80:" in line for line in seen)
    carried = [line for line in inside.stop() if f"{TUN[family]}." in line]
    prefix = "fd00::" if (family == "6") != tunnels.crossed else r"10\.0\.0\."
    assert len(carried) == len(seen)
    assert all(re.search(rf" {prefix}2 > {prefix}1[123]: .*> {TUN[family]}\.80:", line) for line in carried), carried


@families
def test_bulk_arrives_whole_in_both_directions(tunnels, family):
    payload = os.urandom(4_000_000)
    assert exchange(tunnels.client, TUN[family], payload) == (CLIENT[family], payload)


@families
def test_datagrams_and_their_answers(tunnels, family):
    kind = socket.AF_INET6 if family == "6" else socket.AF_INET
    with tunnels.client.socket(kind, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((TUN[family], 7777))
        for size in (0, 1, 1000):
            payload = os.urandom(size)
            sock.send(payload)
            assert sock.recv(65536).split(b" ", 3)[1::2] == [CLIENT[family].encode(), payload]


@families
def test_only_the_director_answers_for_the_vip(tunnels, family):
    assert tunnels.lab.who_has(TUN[family]) == ["lb1"]


def test_no_machine_counted_a_checksum_error(tunnels):
    for vip in TUN.values():
        tunnels.client.get_many(3, vip)
    assert tunnels.checksum_errors() == {}
