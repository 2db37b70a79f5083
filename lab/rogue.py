#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Servers that misbehave, each on a port of its own, over IPv4 and IPv6.

    rogue.py [--cert FILE] MODE=PORT...

tls_MODE is the same behind a TLS handshake, with the certificate and key in FILE.
"""
import argparse
import asyncio
import contextlib
import socket
import ssl
import struct

FOREVER = 3600


async def silent(reader, writer):
    """Accepts, and says nothing."""
    await asyncio.sleep(FOREVER)


async def drip(reader, writer):
    """A good answer, at three bytes a second."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 10000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.3)


async def _flood(writer, begin, again):
    writer.write(begin)
    while True:
        writer.write(again * 100)
        await writer.drain()
        await asyncio.sleep(0)  # drain alone may never let the others have a turn


async def endless_headers(reader, writer):
    await _flood(writer, b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n")


async def endless_body(reader, writer):
    await _flood(writer, b"HTTP/1.1 200 OK\r\n\r\n", b"and more ")


async def endless_interim(reader, writer):
    await _flood(writer, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


async def garbage(reader, writer):
    await _flood(writer, b"", bytes(range(256)).replace(b"\n", b""))


async def reset(reader, writer):
    """Hears the first bytes, and resets the connection."""
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def close(reader, writer):
    """Closes before anything was said."""


async def half_close(reader, writer):
    """Says that it has no more to say, and stays."""
    writer.write_eof()
    await asyncio.sleep(FOREVER)


async def cut_off(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is well, but")


async def chunked(reader, writer):
    """Nothing wrong here: an answer in chunks, between pauses."""
    for piece in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r", b"\n6\r\nall is\r\n", b"5;x=y\r\n wel", b"l\r\n0\r\n\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)


async def smtp_flood(reader, writer):
    await _flood(writer, b"220-I am\r\n", b"220-still not done\r\n")


async def smtp_refuse(reader, writer):
    writer.write(b"554 not now\r\n")
    await asyncio.sleep(1)


class UdpSilent(asyncio.DatagramProtocol):
    """Takes datagrams, and says nothing."""


class UdpGarbage(asyncio.DatagramProtocol):
    """Answers nonsense of several lengths."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        for answer in (b"", b"\xff" * 3, data[:2] + b"\x81\x80" + b"\xff" * 1000):
            self.transport.sendto(answer, addr)


UDP_MODES = {"udp_silent": UdpSilent, "udp_garbage": UdpGarbage}
MODES = {f.__name__: f for f in (silent, drip, endless_headers, endless_body, endless_interim, garbage, reset, close,
                                 half_close, cut_off, chunked, smtp_flood, smtp_refuse)}


def serve(talk):
    async def handle(reader, writer):
        with contextlib.suppress(ConnectionError):
            await talk(reader, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()
    return handle


def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


async def main(arguments):
    for argument in arguments.servers:
        mode, _, port = argument.partition("=")
        if mode in UDP_MODES:
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                sock = socket.socket(family, socket.SOCK_DGRAM)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((address, int(port)))
                await asyncio.get_running_loop().create_datagram_endpoint(UDP_MODES[mode], sock=sock)
            continue
        tls = context(arguments.cert) if mode.startswith("tls_") else None
        await asyncio.start_server(serve(MODES[mode.removeprefix("tls_")]), ["0.0.0.0", "::"], int(port), ssl=tls)
    print("ready", flush=True)
    await asyncio.sleep(FOREVER * 24)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("servers", nargs="+", metavar="MODE=PORT")
    asyncio.run(main(parser.parse_args()))
