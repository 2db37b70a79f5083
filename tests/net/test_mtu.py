# SPDX-License-Identifier: BSD-2-Clause
"""Paths narrower than the segments: the director says what fits, both ends learn it, and transfers complete."""
import os
import re

import pytest
from conftest import VARIANTS, families
from scenario import CLIENT, DR, FULLNAT, LIP, NAT, TUN, Scenario, exchange, with_tun

MTU = 1400
OUTER = {"4": 20, "6": 40}


def narrow_routes(director, nodes):
    """Lets the director know that only so much fits on its way to these legs."""
    for leg, device in nodes:
        director.run("ip", "-4", "route", "add", f"{leg.v4}/32", "dev", device, "mtu", "lock", str(MTU))
        director.run("ip", "-6", "route", "add", f"{leg.v6}/128", "dev", device, "mtu", "lock", str(MTU))


@pytest.fixture(scope="module", params=VARIANTS)
def narrow(request):
    scenario = Scenario(config=with_tun(), **VARIANTS[request.param])
    try:
        narrow_routes(scenario.lb1, [(scenario.client.interfaces["eth0"], "eth0"),
                                     *((server.interfaces["eth0"], "eth1") for server in scenario.servers)])
        yield scenario.start()
    finally:
        scenario.close()


def learnt(node, address):
    """The path MTU that a machine has learnt; None: nothing."""
    found = re.search(r"\bmtu (\d+)", node.run("ip", "route", "get", address).stdout)
    return found and int(found.group(1))


@pytest.mark.parametrize("vips,seen", [(NAT, CLIENT), (DR, None), (TUN, None), (FULLNAT, LIP)],
                         ids=["nat", "dr", "tun", "fullnat"])
@families
def test_transfer_completes_and_both_sides_learn(narrow, vips, seen, family):
    """seen: to whom the servers answer through the director."""
    payload = os.urandom(1_000_000)
    assert exchange(narrow.client, vips[family], payload)[1] == payload
    assert learnt(narrow.client, vips[family]) == MTU - (OUTER[family] if vips is TUN else 0)
    if seen:
        assert MTU in [learnt(server, seen[family]) for server in narrow.servers]


def test_all_of_it_had_right_checksums(narrow):
    for vip in (*NAT.values(), *DR.values(), *TUN.values(), *FULLNAT.values()):
        exchange(narrow.client, vip, os.urandom(100_000))
    assert narrow.checksum_errors() == {}
