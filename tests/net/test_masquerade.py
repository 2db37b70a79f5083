# SPDX-License-Identifier: BSD-2-Clause
"""The recipe of lbd-rs(7) for what nat servers send on their own account: with it they reach hosts outside, and
it never sees a packet of a service."""
import pathlib
import re
import socket

import pytest
from conftest import families
from scenario import CLIENT, ECHO_PORT, NAT, exchange, udp_ask
from lab import wait_for

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "man" / "lbd-rs.7"
DIRECTOR = {"4": "192.0.2.2", "6": "2001:db8::2"}
# What netfilter forwards is counted.
WATCH = """
table inet watch {
    chain forward {
        type filter hook forward priority filter
        counter
    }
}
"""


def recipe():
    return re.search(r"^table inet lbd_outbound \{\n.*?^\}\n", MANUAL.read_text(), re.M | re.S)[0]


def own_connection(server, family):
    """Whom a host outside sees when the server connects to it.  Nothing of the connection is under way afterwards."""
    with server.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        sock.connect((CLIENT[family], ECHO_PORT))
        with sock.makefile("rb") as stream:
            seen = stream.readline().decode().split()[1]
            sock.shutdown(socket.SHUT_WR)
            assert stream.read() == b""
            return seen


def own_datagram(server, family):
    with server.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        return udp_ask(sock, CLIENT[family])[1]


def forwarded(director):
    return int(re.search(r"counter packets (\d+)", director.run("nft", "list", "table", "inet", "watch").stdout)[1])


@families
def test_nat_servers_reach_hosts_outside_and_services_pass_by(single, family):
    server, vip = single.servers[0], NAT[family]
    single.client.start_echo()
    with pytest.raises(OSError):
        own_connection(server, family)
    single.lb1.run("nft", "-f", "-", input=recipe() + WATCH)
    wait_for(lambda: own_connection(server, family) == DIRECTOR[family], what="a connection to the outside")
    assert own_datagram(server, family) == DIRECTOR[family]
    seen = forwarded(single.lb1)
    assert seen > 0
    answers = single.client.get_many(6, vip)
    assert answers == {(f"web{n}", CLIENT[family]): 2 for n in (1, 2, 3)}
    payload = bytes(range(256)) * 4000
    assert exchange(single.client, vip, payload) == (CLIENT[family], payload)
    assert forwarded(single.lb1) == seen
    assert own_connection(server, family) == DIRECTOR[family]
