# SPDX-License-Identifier: BSD-2-Clause
"""What each method costs, beside plain kernel forwarding, nftables DNAT and HAProxy (TCP mode).

    methods.py [ROUNDS] [--v6] [--bulk | --cpu] [--methods nat dr tun fullnat]

ROUNDS: default 15.  Needs root, iperf3, wrk, nft, haproxy and a build.

Bulk TCP: each method is measured right after or before forwarding on the same legs (of dr and tun the answers
by-pass the director), and ratios are taken within the pair.  CPU per HTTP connection, of client, director, server
and the kernel: each round measures each way once; differences are taken within a round, of each method to forwarding
on its legs, of nftables and HAProxy to forwarding.
"""
import argparse
import sys
import time

import ways as waylib
from cpu import machine_load
from stats import describe, verdict
from ways import Way, Ways, rounds

METHODS = list(waylib.VIPS)
BULK_SHARE = 0.95
SHARES = {"nftables": 0.8, "haproxy": 0.2}


def bulk(ways, count):
    print(f"Bulk TCP through the director, {waylib.SECONDS} s each, pairs, Gbit/s")
    pairs = {method: [] for method in ways.methods}
    for number in range(count):
        for method in ways.methods:
            pairs[method].append(ways.pairs(method, Way.bulk, number))
    good = True
    for method, values in pairs.items():
        reference = ways.reference(method)
        ours, theirs = zip(*values)
        print(describe(reference, [gigabits for gigabits, _ in theirs], "Gbit/s"))
        print(describe(method, [gigabits for gigabits, _ in ours], "Gbit/s"))
        print(describe(f"CPU: {method} / {reference}", [a[1] / b[1] for a, b in values], ""))
        good &= verdict(f"{method} / {reference}", [a[0] / b[0] for a, b in values], BULK_SHARE, "", at_least=True)
    return good


def cpu(ways, count):
    print(f"CPU for one HTTP connection, of all machines, {waylib.SECONDS} s each, microseconds")
    results = rounds(ways.of, count, Way.cpu_per_connection)
    for name, values in results.items():
        print(describe(name, values, "us"))

    def above(name, reference):
        return [a - b for a, b in zip(results[name], results[reference])]

    peers = {peer: above(peer, "forwarding") for peer in SHARES}
    for peer, values in peers.items():
        print(describe(f"{peer} above forwarding", values, "us"))
    good = True
    for method in ways.methods:
        reference = ways.reference(method)
        ours = above(method, reference)
        print(describe(f"{method} above {reference}", ours, "us"))
        for peer, share in SHARES.items():
            good &= verdict(f"{method} above it - {share} x {peer}",
                            [a - share * b for a, b in zip(ours, peers[peer])], 0, "us")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    parser.add_argument("--v6", action="store_true")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--bulk", action="store_true", help="only this")
    only.add_argument("--cpu", action="store_true", help="only this")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options = parser.parse_args()

    begun = time.monotonic()
    ways = Ways("6" if options.v6 else "4", options.methods)
    try:
        good = True
        if not options.cpu:
            good &= bulk(ways, options.rounds)
        if not options.bulk:
            good &= cpu(ways, options.rounds)
        print(f"IPv{'6' if options.v6 else '4'}, took {time.monotonic() - begun:.0f} s, {machine_load()}")
        return 0 if good else 1
    finally:
        ways.close()


if __name__ == "__main__":
    waylib.lablib.close_on_signals()
    sys.exit(main())
