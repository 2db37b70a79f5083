# SPDX-License-Identifier: BSD-2-Clause
"""A service without a server rejects: TCP by a reset, UDP by an ICMP port unreachable, made by the data plane."""
import socket
import time

import pytest
from conftest import VARIANTS, families
from lab import wait_for
from scenario import CLIENT, DR, ECHO_PORT, NAT, Scenario


@pytest.fixture(scope="module", params=VARIANTS)
def empty(request):
    """A director all of whose servers have stopped."""
    scenario = Scenario(**VARIANTS[request.param])
    try:
        scenario.start()
        for server in scenario.servers:
            server.stop_nginx()
            server.echo.stop()
        yield scenario
    finally:
        scenario.close()


def refused_after(scenario, family, kind, port, vip):
    """How long it took until the connection was refused; other outcomes are raised."""
    with scenario.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, kind) as sock:
        sock.settimeout(1)
        begun = time.monotonic()
        try:
            sock.connect((vip, port))
            sock.send(b"x")
            sock.recv(1)
        except ConnectionRefusedError:
            return time.monotonic() - begun
        raise AssertionError("not refused")


@pytest.mark.parametrize("vips", [NAT, DR], ids=["nat", "dr"])
@families
@pytest.mark.parametrize("kind,port", [(socket.SOCK_STREAM, 80), (socket.SOCK_DGRAM, ECHO_PORT)], ids=["tcp", "udp"])
def test_client_is_refused_at_once(empty, vips, family, kind, port):
    """While a server still counts as up its own reset may refuse, too: so the answer must come from the VIP with no
    packet to a server."""
    vip = vips[family]
    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"

    def rejected():
        capture = empty.lab.capture(empty.lb1, "eth1", f"{protocol} and host {CLIENT[family]}")
        took = refused_after(empty, family, kind, port, vip)
        return not capture.stop() and took
    assert wait_for(rejected, what=f"a reject by {vip}", interval=0.1) < 0.5


def test_rejects_have_right_checksums(empty):
    for family, vip in NAT.items():
        refused_after(empty, family, socket.SOCK_STREAM, 80, vip)
        refused_after(empty, family, socket.SOCK_DGRAM, ECHO_PORT, vip)
    assert empty.checksum_errors() == {}
