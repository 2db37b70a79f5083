# SPDX-License-Identifier: BSD-2-Clause
"""ICMP errors reach whom they concern, across the director, and the director's own are believed."""
import errno
import re
import socket

import pytest
from conftest import VARIANTS, families
from lab import wait_for
from scenario import CHECK, DR, ECHO_PORT, FULLNAT, LIP, NAT, Scenario, base_config, servers

CLOSED_PORT = 4444  # of UDP: no server has it open
RECVERR = {"4": (socket.IPPROTO_IP, 11), "6": (socket.IPPROTO_IPV6, 25)}
HOPS = {"4": (socket.IPPROTO_IP, socket.IP_TTL), "6": (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}
UNREACHABLES = {"4": "IcmpInDestUnreachs", "6": "Icmp6InDestUnreachs"}

three_methods = pytest.mark.parametrize("vips", [NAT, DR, FULLNAT], ids=["nat", "dr", "fullnat"])


def closed_config():
    """Services of a port that is closed on servers which are up."""
    config = base_config()
    common = {"port": CLOSED_PORT, "protocol": "udp", "servers": servers(), "check": {**CHECK, "port": ECHO_PORT}}
    config["services"] |= {
        "closed_nat": {"vip": list(NAT.values()), "method": "nat", **common},
        "closed_fullnat": {"vip": list(FULLNAT.values()), "method": "fullnat",
                           "local_addresses": list(LIP.values()), **common},
    }
    return config


@pytest.fixture(scope="module", params=VARIANTS)
def closed(request):
    scenario = Scenario(config=closed_config(), **VARIANTS[request.param])
    try:
        yield scenario.start()
    finally:
        scenario.close()


def udp_socket(scenario, family):
    sock = scenario.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    return sock


def translated(scenario):
    return scenario.lb1.lbctl("status")["engine"]["packets"]["ingress"]["icmp_translated"]


@pytest.mark.parametrize("vips", [NAT, FULLNAT], ids=["nat", "fullnat"])
@families
def test_client_hears_a_servers_unreachable(closed, vips, family):
    before = translated(closed)
    with udp_socket(closed, family) as sock:
        sock.connect((vips[family], CLOSED_PORT))
        sock.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(1)
    assert translated(closed) == before + 1


@three_methods
@families
def test_server_hears_a_clients_unreachable(closed, vips, family):
    """The client has gone when the answer comes."""
    def heard():
        counters = (server.run("nstat", "-asz", UNREACHABLES[family]).stdout for server in closed.servers)
        return sum(int(re.search(rf"^{UNREACHABLES[family]}\s+(\d+)", text, re.M).group(1)) for text in counters)
    before = heard()

    def ask_and_go():
        with udp_socket(closed, family) as sock:
            sock.sendto(b"never mind", (vips[family], ECHO_PORT))
        return heard() > before
    wait_for(ask_and_go, what="an ICMP error at a server", interval=0.1)


@three_methods
@families
def test_the_director_is_a_hop(closed, vips, family):
    with udp_socket(closed, family) as sock:
        sock.setsockopt(*RECVERR[family], 1)
        sock.setsockopt(*HOPS[family], 1)
        sock.connect((vips[family], ECHO_PORT))
        sock.send(b"too far")
        with pytest.raises(OSError) as caught:
            sock.recv(1)
    assert caught.value.errno == errno.EHOSTUNREACH


def test_all_of_it_had_right_checksums(closed):
    assert closed.checksum_errors() == {}
