# SPDX-License-Identifier: BSD-2-Clause
"""Many short connections from few ports, by packets that change CPU: each use of a port meets what is left of the one
before, in the director and in the server, and none waits for a second SYN."""
import os
import re

import lab as lablib
import pytest
from conftest import VARIANTS, families
from scenario import DR, FULLNAT, NAT, TUN, Scenario, with_tun

PORTS = 500
RETRANSMITS = ("TcpRetransSegs", "TcpExtTCPSynRetrans", "TcpExtTCPTimeouts")
methods = pytest.mark.parametrize("vips", [NAT, DR, TUN, FULLNAT], ids=["nat", "dr", "tun", "fullnat"])


@pytest.fixture(scope="module", params=["tc", "xdp"])
def busy(request):
    """Few local ports let connections of different client ports meet at the same one."""
    config = with_tun()
    config["services"]["www_fullnat"]["local_ports"] = "20000-27999"
    scenario = Scenario(config=config, **VARIANTS[request.param])
    try:
        yield scenario.start()
    finally:
        scenario.close()


def retransmits(scenario):
    """The client's, by counter."""
    text = scenario.client.run("nstat", "-asz", *RETRANSMITS).stdout
    return {name: int(value) for name, value in re.findall(r"^(\w+)\s+(\d+)", text, re.M)}


def connections(scenario, vip):
    service = next(s for s in scenario.lb1.lbctl("services") if vip in s["vips"] and s["port"] == 80)
    return service["conns"]


@methods
@families
def test_no_connection_waits(busy, vips, family, request):
    count = 100_000 if request.config.getoption("long") else 1_250
    busy.client.sysctl("net/ipv4/ip_local_port_range", f"20000 {20000 + PORTS - 1}")
    made, before = connections(busy, vips[family]), retransmits(busy)
    assert len(before) == len(RETRANSMITS)
    busy.client.run(lablib.PYTHON, lablib.HERE / "storm.py", vips[family], 80, count, timeout=count / 100)
    assert retransmits(busy) == before
    assert connections(busy, vips[family]) == made + count


@methods
@families
def test_a_connection_goes_on_when_its_packets_change_cpu(busy, vips, family):
    """The kernel handles a packet on the CPU of its sender: a system call here, or the answer to it."""
    cpus = os.sched_getaffinity(0)
    connection = busy.client.connect(vips[family])
    try:
        servers = set()
        for _ in range(50):
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                servers.add(busy.client.request(connection))
        assert len(servers) == 1
    finally:
        os.sched_setaffinity(0, cpus)
        connection.close()
