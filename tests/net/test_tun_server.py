# SPDX-License-Identifier: BSD-2-Clause
"""A real server of tun, prepared by the script: it takes a director's packets out of the tunnel, answers the
client itself as the VIP, and tells it an MSS that leaves room for the outer header.  Where the kernel has no ipip
the tunnels end in lbd-decap.  But for the last test the packets are made by hand, and no lbd runs."""
import ipaddress
import itertools
import json
import os
import re
import socket
import struct

import lab as lablib
import pytest
from conftest import families
from lab import wait_for
from scenario import CHECK, CLIENT, ECHO_PORT, base_config, exchange, render

TUN = {"4": "192.0.2.19", "6": "2001:db8::19"}
SERVER = {"4": "10.0.0.11", "6": "fd00::11"}
PROTOCOL = {"4": socket.IPPROTO_IPIP, "6": socket.IPPROTO_IPV6}
FAMILY = {"4": socket.AF_INET, "6": socket.AF_INET6}
SYN = 2
ports = itertools.count(30000)

outers = pytest.mark.parametrize("outer", ["4", "6"])


def config(outer="46", family="46"):
    """Services whose VIPs have these families, with a server at an address of each of those."""
    whole = base_config()
    whole["vrrp"]["shop4"]["addresses"].append(f"{TUN['4']}/24")
    whole["vrrp"]["shop6"]["addresses"].append(f"{TUN['6']}/64")
    tun = {"vip": [TUN[each] for each in family], "method": "tun",
           "servers": {f"web1_{each}": {"address": SERVER[each]} for each in outer}}
    whole["services"] = {
        "www": {**tun, "port": 80},
        "echo": {**tun, "port": ECHO_PORT},
        "echo_udp": {**tun, "port": ECHO_PORT, "protocol": "udp", "check": {**CHECK, "port": ECHO_PORT}},
    }
    return whole


@pytest.fixture(scope="module")
def lab():
    with lablib.Lab(directors=1, servers=1) as made:
        made.lb1 = made.directors[0]
        made.web1 = made.servers[0]
        made.path = made.write_config(render(config()))
        made.web1.start_nginx()
        made.web1.start_echo()
        made.said = made.web1.prepare(made.path)
        yield made


def csum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_sum(segment, offset, source, destination, protocol):
    """A TCP or UDP segment with its checksum at that offset."""
    pseudo = source.packed + destination.packed + struct.pack("!IHBB", len(segment), 0, 0, protocol)
    return segment[:offset] + struct.pack("!H", csum(pseudo + segment) or 0xFFFF) + segment[offset + 2:]


def in_ip(source, destination, protocol, segment):
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(segment), protocol, 64) + source.packed + destination.packed + segment
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0x4000, 64, protocol, 0)
    header += source.packed + destination.packed
    return header[:10] + struct.pack("!H", csum(header)) + header[12:] + segment


def inner(destination, protocol, port, dport, payload=b""):
    """A packet of the client's: a SYN or a datagram."""
    destination = ipaddress.ip_address(destination)
    source = ipaddress.ip_address(CLIENT[str(destination.version)])
    if protocol == socket.IPPROTO_UDP:
        segment, offset = struct.pack("!HHHH", port, dport, 8 + len(payload), 0) + payload, 6
    else:
        segment, offset = struct.pack("!HHIIBBHHH", port, dport, 1, 0, 5 << 4, SYN, 65535, 0, 0), 16
    return in_ip(source, destination, protocol, with_sum(segment, offset, source, destination, protocol))


def through_tunnel(lab, outer, packet, to=None):
    """As the director sends it: to the server's address, from its own."""
    protocol = PROTOCOL["6" if packet[0] >> 4 == 6 else "4"]
    with lab.lb1.socket(FAMILY[outer], socket.SOCK_RAW, protocol) as sock:
        sock.sendto(packet, (to or SERVER[outer], 0))


def ask(lab, outer, vip, payload, **to):
    """The answer to a datagram that came through the tunnel; None: there is none within half a second."""
    port = next(ports)
    with lab.client.socket(FAMILY["6" if ":" in vip else "4"], socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        sock.settimeout(0.5)
        through_tunnel(lab, outer, inner(vip, socket.IPPROTO_UDP, port, ECHO_PORT, payload), **to)
        try:
            answer, who = sock.recvfrom(65536)
        except TimeoutError:
            return None
    assert who[:2] == (vip, ECHO_PORT)
    return answer


@outers
@families
def test_datagrams_are_answered_by_the_vip(lab, outer, family):
    wait_for(lambda: ask(lab, outer, TUN[family], b"are you there"), what="the first answer")
    for payload in (b"x", bytes(range(256)) * 5):
        answer = ask(lab, outer, TUN[family], payload)
        assert answer.split(b" ", 3)[:2] == [b"web1", CLIENT[family].encode()]
        assert answer.split(b" ", 3)[3] == payload


@outers
@families
def test_answers_leave_room_for_the_outer_header(lab, outer, family):
    """For a VIP that comes through both kinds of tunnels there is one MSS, the smaller one."""
    wait_for(lambda: ask(lab, outer, TUN[family], b"are you there"), what="the first answer")
    capture = lab.capture(lab.client, "eth0", f"tcp and src host {TUN[family]}")
    through_tunnel(lab, outer, inner(TUN[family], socket.IPPROTO_TCP, next(ports), 80))
    wait_for(lambda: any("[S.]" in line for line in capture.lines()), what="a SYN-ACK")
    told = [line for line in capture.stop() if "[S.]" in line]
    assert f"mss {1500 - 40 - (40 if family == '4' else 60)}" in told[0], told


@outers
@families
def test_nothing_else_comes_in(lab, outer, family):
    """Not to the server's own addresses, nor from an address that is nobody's tunnel."""
    wait_for(lambda: ask(lab, outer, TUN[family], b"are you there"), what="the first answer")
    if "lbd-decap" in lab.said:
        assert ask(lab, outer, SERVER[family], b"x") is None
    leg = lab.web1.interfaces["eth1"]
    assert ask(lab, outer, TUN[family], b"x", to=leg.v6 if outer == "6" else leg.v4) is None


def test_a_stopped_server_takes_nothing(lab):
    lab.web1.prepare(lab.path, "stop")
    try:
        for outer, family in itertools.product("46", "46"):
            assert ask(lab, outer, TUN[family], b"x") is None
    finally:
        lab.web1.prepare(lab.path)
    wait_for(lambda: ask(lab, "4", TUN["4"], b"back"), what="an answer after start")


@outers
@families
def test_bulk_of_tcp_arrives_whole_in_both_directions(outer, family):
    """From a running lbd, which sends super-packets through the tunnel: tc takes them out when the families are
    the same, xdp when they are not."""
    with lablib.Lab(directors=1, servers=1) as made:
        server, path = made.servers[0], made.write_config(render(config(outer, family)))
        server.start_nginx()
        server.start_echo()
        said = server.prepare(path, addresses=[SERVER[outer]])
        made.directors[0].start_lbd(path)
        wait_for(lambda: made.client.get(TUN[family]), what="an answer")
        payload = os.urandom(4_000_000)
        assert exchange(made.client, TUN[family], payload) == (CLIENT[family], payload)
        counted = server.run("nstat", "-asz").stdout
        assert not re.search(r"InCsumErrors\s+[1-9]", counted), counted
        if "lbd-decap" in said:
            state, = json.loads(server.run(lablib.BUILD / "lbd-decap", "status", "--json").stdout)
            assert state["program"] == ("tc" if outer == family else "xdp")
            packets = state["counters"].pop(f"decap_{family}in{outer}")
            assert 10 < packets < len(payload) / 1500 and not any(state["counters"].values()), state
        assert made.directors[0].stop_lbd() == 0
