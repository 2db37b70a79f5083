#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes one short HTTP connection after the other.

    storm.py ADDRESS PORT COUNT

Of two connections the server closes one, which it then has in TIME_WAIT, and the client resets the other.  After
every 50 the client goes to the next CPU.  Any error ends it with status 1.
"""
import os
import socket
import struct
import sys

TURN = 50
RESET = struct.pack("ii", 1, 0)  # of SO_LINGER
CLOSED_BY_SERVER = b"GET / HTTP/1.0\r\n\r\n"
CLOSED_BY_CLIENT = b"GET / HTTP/1.1\r\nHost: storm\r\n\r\n"


def connect_once(family, peer, reset):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(peer)
        sock.sendall(CLOSED_BY_CLIENT if reset else CLOSED_BY_SERVER)
        if not sock.recv(1000).startswith(b"HTTP/1.1 200 "):
            raise OSError("not the answer")
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif sock.recv(1000):
            raise OSError("more than the answer")


def main(address, port, count):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    cpus = sorted(os.sched_getaffinity(0))
    for number in range(count):
        if number % TURN == 0:
            os.sched_setaffinity(0, {cpus[number // TURN % len(cpus)]})
        try:
            connect_once(family, (address, port), number % 2 == 1)
        except OSError as error:
            sys.exit(f"connection {number}: {error}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
