# SPDX-License-Identifier: BSD-2-Clause
"""What a new flow costs, beside a program that does one lookup miss and one insert (BPF_NOEXIST).

    new_flow.py [BATCHES]    default 25, of 8192 flows; needs root and `make bench`

Nanoseconds of BPF_PROG_TEST_RUN on one CPU, each frame a SYN of a new flow, less what feeding them takes (measured
too).  The reference's table is of the same kind, key and value sizes, and has as many flows in it; batches take
turns, ratios are taken within a round.
"""
import itertools
import subprocess
import sys

from cpu import machine_load
from stats import describe, verdict
from ways import lablib

LIMITS = {"dr": 1.3, "fullnat": 2.5}


def measure(method, family, hook, batches):
    """[(ns of lbd, of the reference) of each round]"""
    done = subprocess.run([lablib.BUILD / "bench" / "new_flow", method, family, hook, str(batches)], check=True,
                          text=True, stdout=subprocess.PIPE)
    rows = [map(int, line.split()[1:]) for line in done.stdout.splitlines() if line.startswith("batch ")]
    return [(lbd - nothing, reference - nothing) for lbd, reference, nothing in rows]


def main(batches):
    good = True
    for method, family, hook in itertools.product(LIMITS, "46", ("tc", "xdp")):
        pairs = measure(method, family, hook, batches)
        print(f"{method}, IPv{family}, {hook.upper()}: ns for a new flow")
        print(describe("lookup miss and insert", [reference for _, reference in pairs], "ns"))
        print(describe("lbd", [lbd for lbd, _ in pairs], "ns"))
        good &= verdict("lbd / that", [lbd / reference for lbd, reference in pairs], LIMITS[method], "")
    print(machine_load())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 25))
