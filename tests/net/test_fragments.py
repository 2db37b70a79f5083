# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams longer than a frame, and packets longer than the way to the server: they arrive whole."""
import ipaddress
import os
import socket
import struct

import pytest
from conftest import families
from lab import wait_for
from probe import ETH_P_IP, ETH_P_IPV6, checksum
from scenario import CLIENT, DR, ECHO_PORT, FULLNAT, NAT, TUN, udp_ask, with_tun

config = with_tun
methods = pytest.mark.parametrize("vips", [NAT, DR, TUN, FULLNAT], ids=["nat", "dr", "tun", "fullnat"])
PIECE = 1400
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0


def udp_socket(scenario, family, port=0):
    sock = scenario.client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((CLIENT[family], port))
    return sock


def udp_datagram(source, sport, destination, dport, payload):
    """A UDP header with its checksum, and the payload."""
    length = 8 + len(payload)
    pseudo = source.packed + destination.packed + struct.pack("!II", length, socket.IPPROTO_UDP)
    header = struct.pack("!HHH", sport, dport, length)
    check = checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return header + struct.pack("!H", check) + payload


def fragments(source, destination, ident, body):
    """IP packets that hold the UDP datagram in pieces, from the first one on."""
    for at in range(0, len(body), PIECE):
        piece = body[at:at + PIECE]
        more = at + PIECE < len(body)
        if source.version == 6:
            yield (struct.pack("!IHBB", 6 << 28, 8 + len(piece), socket.IPPROTO_FRAGMENT, 64)
                   + source.packed + destination.packed
                   + struct.pack("!BBHI", socket.IPPROTO_UDP, 0, at | more, ident) + piece)
        else:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(piece), ident, at // 8 | more << 13, 64,
                               socket.IPPROTO_UDP, 0) + source.packed + destination.packed
            yield head[:10] + struct.pack("!H", checksum(head)) + head[12:] + piece


def send_fragments(sender, interface, mac, packets):
    """Puts IP packets on the wire, in this order, as frames to a MAC."""
    with sender.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        for packet in packets:
            ethertype = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
            own = sender.interfaces[interface].mac
            wire.send(bytes.fromhex((mac + own).replace(":", "")) + struct.pack("!H", ethertype) + packet)


def reversed_datagram(sender, interface, mac, source, destination, payload):
    """Sends (address, port) -> (address, port) a datagram in fragments, the last one first."""
    addresses = [ipaddress.ip_address(end[0]) for end in (source, destination)]
    body = udp_datagram(addresses[0], source[1], addresses[1], destination[1], payload)
    packets = list(fragments(*addresses, int.from_bytes(os.urandom(2), "big"), body))
    assert len(packets) > 2
    send_fragments(sender, interface, mac, reversed(packets))


def engine_counts(scenario, name):
    return scenario.lb1.lbctl("status")["engine"]["packets"]["ingress"][name]


def learn_mtu(client, sock, payload):
    """Nobody splits a fragment of IPv6 that does not fit into the tunnel: its sender is told, and it is lost."""
    def learnt():
        sock.sendto(payload, (TUN["6"], ECHO_PORT))
        return " mtu 1460 " in client.run("ip", "-o", "route", "get", TUN["6"]).stdout

    sock.settimeout(0.3)
    wait_for(learnt, what="the client knows the tunnel's MTU")
    sock.settimeout(2)


@methods
@families
@pytest.mark.parametrize("size", [1473, 4000, 20001, 60000])
def test_datagrams_arrive_whole_both_ways(forwarding, vips, family, size):
    payload = os.urandom(size)
    with udp_socket(forwarding, family) as sock:
        if vips is TUN and family == "6":
            learn_mtu(forwarding.client, sock, payload)
        for _ in range(3):
            assert udp_ask(sock, vips[family], payload=payload)[2] == payload
    assert forwarding.checksum_errors() == {}


@methods
@families
def test_request_whose_last_fragment_comes_first(forwarding, vips, family):
    payload = os.urandom(4000)
    before = engine_counts(forwarding, "made_replay")
    with udp_socket(forwarding, family) as sock:
        reversed_datagram(forwarding.client, "eth0", forwarding.lb1.interfaces["eth0"].mac,
                          sock.getsockname()[:2], (vips[family], ECHO_PORT), payload)
        data, sender = sock.recvfrom(65536)
    assert sender[:2] == (vips[family], ECHO_PORT)
    assert data.split(b" ", 3)[3] == payload
    assert engine_counts(forwarding, "made_replay") == before + 3
    assert forwarding.checksum_errors() == {}


@pytest.mark.parametrize("vips", [NAT, FULLNAT], ids=["nat", "fullnat"])
@families
def test_answer_whose_last_fragment_comes_first(forwarding, vips, family):
    payload = os.urandom(4000)
    with udp_socket(forwarding, family) as sock:
        sock.sendto(b"who", (vips[family], ECHO_PORT))
        name, client, port, _ = sock.recv(1000).decode().split(" ")
        server = next(server for server in forwarding.servers if server.name == name)
        leg = server.interfaces["eth0"]
        reversed_datagram(server, "eth0", forwarding.lb1.interfaces["eth1"].mac,
                          (leg.v6 if family == "6" else leg.v4, ECHO_PORT), (client, int(port)), payload)
        data, sender = sock.recvfrom(65536)
    assert (sender[:2], data) == ((vips[family], ECHO_PORT), payload)
    assert forwarding.checksum_errors() == {}


@pytest.fixture
def narrow_inside(forwarding):
    """The inside segment's MTU is 1400."""
    legs = [(forwarding.lb1, "eth1"), *((server, "eth0") for server in forwarding.servers)]
    for machine, interface in legs:
        machine.run("ip", "link", "set", interface, "mtu", "1400")
    yield forwarding
    for machine, interface in legs:
        machine.run("ip", "link", "set", interface, "mtu", "1500")


@methods
def test_too_long_for_the_server_without_df_is_split(narrow_inside, vips):
    payload = os.urandom(1472)
    before = engine_counts(narrow_inside, "made_fragment")
    with udp_socket(narrow_inside, "4") as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.settimeout(0.5)

        def comes_back():
            try:
                return udp_ask(sock, vips["4"], payload=payload)[2] == payload
            except TimeoutError:
                return False

        wait_for(comes_back, what="a whole datagram")
    assert engine_counts(narrow_inside, "made_fragment") >= before + 2
    assert narrow_inside.checksum_errors() == {}
