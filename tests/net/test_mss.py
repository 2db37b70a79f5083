# SPDX-License-Identifier: BSD-2-Clause
"""The MSS clamp: neither side hears of a larger segment than the service allows."""
import re
import socket

import pytest
from conftest import VARIANTS, families
from scenario import CLIENT, DR, ECHO_PORT, FULLNAT, LIP, NAT, Scenario, base_config

MSS = 1200


@pytest.fixture(scope="module", params=VARIANTS)
def clamped(request):
    config = base_config()
    for name in ("echo", "echo_dr", "echo_fullnat"):
        config["services"][name]["mss"] = MSS
    scenario = Scenario(config=config, **VARIANTS[request.param])
    try:
        yield scenario.start()
    finally:
        scenario.close()


def announced(lines):
    """What the SYNs in a capture announce, not the answers to them."""
    return {int(value) for line in lines if "Flags [S]," in line for value in re.findall(r"mss (\d+)", line)}


@pytest.mark.parametrize("vips,seen", [(NAT, CLIENT), (DR, CLIENT), (FULLNAT, LIP)], ids=["nat", "dr", "fullnat"])
@families
def test_segments_are_bounded(clamped, vips, seen, family):
    """Servers of dr answer past the director: what they announce stays."""
    captures = [clamped.lab.capture(server, "eth0", f"tcp port {ECHO_PORT} and host {seen[family]}")
                for server in clamped.servers]
    with clamped.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect((vips[family], ECHO_PORT))
        assert sock.recv(100).startswith(b"web")
        used = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    assert announced(line for capture in captures for line in capture.stop()) == {MSS}
    assert (used <= MSS) == (vips is not DR)


def test_all_of_it_had_right_checksums(clamped):
    assert clamped.checksum_errors() == {}
