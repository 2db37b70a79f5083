#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Says who it is and whom it saw, over UDP and TCP, IPv4 and IPv6.

    echo.py PORT

A datagram is answered by `HOSTNAME CLIENT PORT ` and its content, from the address it was sent to.  A TCP
connection is greeted with the line `HOSTNAME CLIENT PORT` and then sends back what it gets.
"""
import asyncio
import ipaddress
import socket
import struct
import sys

IP_PKTINFO = 8


def plain(address):
    """IPv4 clients of an IPv6 socket have mapped addresses."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return str(ip.ipv4_mapped or ip) if ip.version == 6 else str(ip)


def identity(peer):
    return f"{socket.gethostname()} {plain(peer[0])} {peer[1]}"


async def serve_tcp(reader, writer):
    try:
        writer.write(identity(writer.get_extra_info("peername")).encode() + b"\n")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the test ended it; the next one starts anew
    finally:
        writer.close()


def answer_udp(sock):
    """Answers from the address that was asked: one of several, or one that is only on lo."""
    data, ancillary, _, peer = sock.recvmsg(65536, 256)
    source = []
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _, _, destination = struct.unpack("=i4s4s", value[:12])
            source.append((level, kind, struct.pack("=i4s4s", 0, destination, bytes(4))))
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            source.append((level, kind, value[:16] + struct.pack("=I", 0)))
    try:
        sock.sendmsg([f"{identity(peer)} ".encode(), data], source, 0, peer)
    except OSError as error:
        print(f"answer to {peer}: {error}", file=sys.stderr, flush=True)


def open_udp(family, address, port):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    sock.bind((address, port))
    sock.setblocking(False)
    return sock


async def main(port):
    loop = asyncio.get_running_loop()
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        sock = open_udp(family, address, port)
        loop.add_reader(sock, answer_udp, sock)
    server = await asyncio.start_server(serve_tcp, ["0.0.0.0", "::"], port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
