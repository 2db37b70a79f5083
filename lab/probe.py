#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Asks once a millisecond who answers, and prints each answer with its time.

    probe.py udp ADDRESS PORT          sends datagrams that echo.py answers with its host name
    probe.py link INTERFACE ADDRESS    asks for the address's MAC: ARP, or neighbour solicitation

A line is `TIME WHO`: seconds of CLOCK_MONOTONIC, which all processes of a host share.  SIGTERM ends it.
"""
import ipaddress
import select
import signal
import socket
import struct
import sys
import time

ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0800, 0x0806, 0x86DD
BROADCAST = b"\xff" * 6


def mac_text(mac):
    return ":".join(f"{byte:02x}" for byte in mac)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp_request(mac, address):
    """A probe as RFC 5227 has it: sender address 0, so that nobody learns anything from it."""
    return (BROADCAST + mac + struct.pack("!HHHBBH", ETH_P_ARP, 1, ETH_P_IP, 6, 4, 1)
            + mac + bytes(4) + bytes(6) + address.packed)


def arp_answer(frame, address):
    """The MAC that says it has the address; None: this frame does not say so."""
    if frame[12:14] != struct.pack("!H", ETH_P_ARP) or frame[20:22] != b"\0\2":
        return None
    return mac_text(frame[22:28]) if frame[28:32] == address.packed else None


def link_local(mac):
    return b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]


def neighbour_solicitation(mac, address):
    source = link_local(mac)
    group = b"\xff\x02" + bytes(9) + b"\1\xff" + address.packed[13:]
    body = struct.pack("!BBHI", 135, 0, 0, 0) + address.packed + b"\1\1" + mac
    pseudo = source + group + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), socket.IPPROTO_ICMPV6, 255)
    return (b"\x33\x33" + group[12:] + mac + struct.pack("!H", ETH_P_IPV6)
            + header + source + group + body)


def neighbour_answer(frame, address):
    if frame[12:14] != struct.pack("!H", ETH_P_IPV6) or frame[20] != socket.IPPROTO_ICMPV6:
        return None
    if frame[54] != 136 or frame[62:78] != address.packed or frame[78:80] != b"\2\1":
        return None
    return mac_text(frame[80:86])


class LinkProbe:
    """Asks a segment who has an address."""

    def __init__(self, sock, interface, address):
        self.sock = sock
        self.address = ipaddress.ip_address(address)
        arp = self.address.version == 4
        sock.bind((interface, ETH_P_ARP if arp else ETH_P_IPV6))
        sock.setblocking(False)
        mac = sock.getsockname()[4]
        self.request = (arp_request if arp else neighbour_solicitation)(mac, self.address)
        self.answer = arp_answer if arp else neighbour_answer

    def ask(self):
        self.sock.send(self.request)

    def read(self):
        """Who answered: a MAC, or None for a packet that says nothing."""
        return self.answer(self.sock.recv(256).ljust(128, b"\0"), self.address)


class UdpProbe:
    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.peer = (address, port)

    def ask(self):
        self.sock.sendto(b"?", self.peer)

    def read(self):
        return self.sock.recv(256).split()[0].decode()


def probe(what, interval=0.001):
    """Asks and prints until the process is ended; a refused or lost packet is no answer."""
    due = time.monotonic()
    while True:
        now = time.monotonic()
        if now >= due:
            due = max(due + interval, now)
            try:
                what.ask()
            except OSError:
                pass  # no route, no carrier: that is what is measured
        readable, _, _ = select.select([what.sock], [], [], max(0.0, due - time.monotonic()))
        if not readable:
            continue
        try:
            who = what.read()
        except OSError:
            continue
        if who:
            print(f"{time.monotonic():.6f} {who}", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    match sys.argv[1:]:
        case ["udp", address, port]:
            probe(UdpProbe(address, int(port)))
        case ["link", interface, address]:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            probe(LinkProbe(sock, interface, address))
        case _:
            sys.exit(__doc__.strip())


if __name__ == "__main__":
    main()
