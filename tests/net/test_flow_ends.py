# SPDX-License-Identifier: BSD-2-Clause
"""The end of a flow: the sweep takes closed connections out of the table, and counters return to 0."""
import socket
import struct

import pytest
from conftest import families
from lab import wait_for
from scenario import DR, NAT

CLOSE_TIMEOUT = 10  # seconds after a reset, as IPVS has it
SWEEP = 3


def flows(scenario):
    return scenario.lb1.lbctl("status")["engine"]["flows"]


def connections(scenario, vip):
    """(active, inactive) over all servers behind a VIP."""
    service = next(s for s in scenario.lb1.lbctl("services") if vip in s["vips"] and s["port"] == 80)
    return tuple(sum(server[key] for server in service["servers"]) for key in ("active", "inactive"))


def reset(connection):
    """Closes so that a RST goes out."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@families
@pytest.mark.parametrize("vips", [NAT, DR], ids=["nat", "dr"])
def test_reset_connections_leave_the_table(single, vips, family):
    vip = vips[family]
    _, before = connections(single, vip)  # those of the start, in TIME_WAIT for two minutes
    reclaimed = flows(single)["reclaimed"]
    socks = []
    for _ in range(6):
        sock = single.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_STREAM)
        sock.connect((vip, 80))
        socks.append(sock)
    wait_for(lambda: connections(single, vip)[0] == 6, what="six active connections")
    for sock in socks:
        reset(sock)
    wait_for(lambda: connections(single, vip) == (0, before + 6), what="six inactive connections more")
    wait_for(lambda: connections(single, vip) == (0, before), 3 * (CLOSE_TIMEOUT + SWEEP), "all six gone")
    wait_for(lambda: flows(single)["reclaimed"] >= reclaimed + 6, 2 * SWEEP, "the sweep's count")
    assert flows(single)["orphans"] == 0
    assert flows(single)["corrected"] == 0


def test_established_connection_outlives_the_sweep(single):
    sock = single.client.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect((NAT["4"], 80))
    before = flows(single)["reclaimed"]
    others = single.client.socket(socket.AF_INET, socket.SOCK_STREAM)
    others.connect((NAT["4"], 80))
    reset(others)
    wait_for(lambda: flows(single)["reclaimed"] > before, 3 * (CLOSE_TIMEOUT + SWEEP), "a reclaimed flow")
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert sock.recv(100).startswith(b"HTTP/1.1 200")
    sock.close()
