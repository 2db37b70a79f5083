# SPDX-License-Identifier: BSD-2-Clause
"""What people do with a director, by all methods: downloads from nginx, and iperf3 in both directions at once."""
import json
import os
import pathlib

import pytest
from conftest import VARIANTS, families
from scenario import CHECK, DR, ECHO_PORT, FULLNAT, LIP, NAT, TUN, Scenario, with_tun

IPERF_PORT = 5201
VIPS = {"nat": NAT, "dr": DR, "tun": TUN, "fullnat": FULLNAT}
FILE = os.urandom(1_000_000)
methods = pytest.mark.parametrize("method", VIPS)


def config():
    """One server has iperf3, for that one's two connections must meet."""
    made = with_tun()
    for method, vips in VIPS.items():
        for family, server in (("4", "10.0.0.11"), ("6", "fd00::11")):
            for protocol in ("tcp", "udp"):
                made["services"][f"iperf_{protocol}_{method}_{family}"] = {
                    "vip": [vips[family]], "port": IPERF_PORT, "protocol": protocol, "method": method,
                    "servers": {"web1": {"address": server}}, "check": {**CHECK, "port": ECHO_PORT},
                    **({"local_addresses": [LIP[family]]} if method == "fullnat" else {})}
    return made


@pytest.fixture(scope="module", params=VARIANTS)
def forwarding(request):
    scenario = Scenario(config=config(), **VARIANTS[request.param])
    try:
        for server in scenario.servers:
            folder = pathlib.Path(f"/proc/{server.pid}/root/run/www")
            folder.mkdir()
            (folder / "file").write_bytes(FILE)
        # Each bound to an address, for iperf3 does not answer datagrams from the address that they came to.
        for address in ("10.0.0.11", "fd00::11", *DR.values(), *TUN.values()):
            scenario.servers[0].start("iperf3", "-s", "-p", IPERF_PORT, "-B", address, name=f"iperf3-{address}")
        yield scenario.start()
    finally:
        scenario.close()


@pytest.fixture(autouse=True)
def nothing_is_lost(forwarding):
    """No packet of a test is dropped, and none is changed in a way that its receiver finds."""
    def dropped():
        return {(program, name): number
                for program, counters in forwarding.lb1.lbctl("status")["engine"]["packets"].items()
                for name, number in counters.items() if name.startswith("drop_")}
    before = dropped()
    yield
    assert dropped() == before
    assert forwarding.checksum_errors() == {}


@methods
@families
def test_downloads_are_whole(forwarding, method, family):
    for _ in range(3):
        connection = forwarding.client.connect(VIPS[method][family])
        assert forwarding.client.request(connection, "/files/file") == FILE
        connection.close()


def iperf(scenario, method, family, *options):
    """Both ways at once for a second; iperf3's summary."""
    said = scenario.client.run("iperf3", "-c", VIPS[method][family], "-p", IPERF_PORT, "-t", "1", "--bidir", "-J", *options,
                               check=False).stdout
    result = json.loads(said)
    assert "error" not in result, result["error"]
    return result["end"]


@methods
@families
def test_tcp_both_ways(forwarding, method, family):
    end = iperf(forwarding, method, family)
    assert end["sum_received"]["bytes"] > 1_000_000
    assert end["sum_received_bidir_reverse"]["bytes"] > 1_000_000


@methods
@families
def test_udp_both_ways(forwarding, method, family):
    end = iperf(forwarding, method, family, "-u", "-b", "10M")
    streams = [stream["udp"] for stream in end["streams"]]
    assert sorted(stream["sender"] for stream in streams) == [False, True]
    for stream in streams:
        assert stream["packets"] > 500 and stream["lost_packets"] < stream["packets"] / 10, streams
