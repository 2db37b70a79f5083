# SPDX-License-Identifier: BSD-2-Clause
"""UDP by nat and by dr: a client's port is a flow, and answers come from the VIP."""
import collections
import os
import socket

import pytest
from conftest import families
from scenario import CLIENT, DR, NAT, udp_ask

methods = pytest.mark.parametrize("vips", [NAT, DR], ids=["nat", "dr"])


def udp_socket(scenario, family):
    sock = scenario.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    return sock


@methods
@families
def test_flows_go_round_and_servers_see_the_client(forwarding, vips, family):
    answers = collections.Counter()
    for _ in range(12):
        with udp_socket(forwarding, family) as sock:
            answers[udp_ask(sock, vips[family])[:2]] += 1
    assert answers == {(f"web{n}", CLIENT[family]): 4 for n in (1, 2, 3)}


@methods
@families
def test_a_flow_stays_with_its_server(forwarding, vips, family):
    with udp_socket(forwarding, family) as sock:
        assert len({udp_ask(sock, vips[family])[:2] for _ in range(10)}) == 1


@methods
@families
@pytest.mark.parametrize("size", [0, 1, 1401])
def test_payload_comes_back_whole(forwarding, vips, family, size):
    """The socket is connected, so only answers from the VIP count; an odd size tries the checksum's end."""
    payload = os.urandom(size)
    with udp_socket(forwarding, family) as sock:
        sock.connect((vips[family], 7777))
        sock.send(payload)
        assert sock.recv(65536).split(b" ", 3)[3] == payload
    assert forwarding.checksum_errors() == {}
