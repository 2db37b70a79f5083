# SPDX-License-Identifier: BSD-2-Clause
"""What flows take: bytes of each, all in, and what the sweep over a million costs.

    memory.py [PASSES [FLOWS]]   default 8 passes of the sweep over 1,000,000 flows; needs root and `make bench`

Bytes: the pages of what the kernel allocates more for maps when the table has TABLE entries than when it is the
smallest (/proc/vmallocinfo), and what it says of the map itself; and the daemon's own growth when the flows are
there.  The sweep: CPU time of the whole daemon between the ends of two passes, less what it takes without flows; and
the longest turn of its loop.
"""
import glob
import json
import os
import pathlib
import re
import sys
import time

from cpu import machine_load, process_seconds
from footprint import resident_beside_maps
from stats import describe, verdict
from ways import VIPS, config, lablib, new_lab, render

TABLE = 1000000  # the default of `flows`
SMALLEST = 1024
SAMPLES = 9
PAGE = os.sysconf("SC_PAGE_SIZE")
ENTRIES = {"dr, tun": 1, "nat, fullnat": 2}
LIMITS = {"dr, tun": 128, "nat, fullnat": 256}  # bytes, IPv4
LOCAL_ADDRESSES = [f"{prefix}{n}" for prefix in ("10.0.0.", "fd00::") for n in range(201, 209)]
TURN_MAX = 5  # ms


def large_areas():
    """{address: bytes} of what the kernel holds for hash tables, in pieces of a MiB or more."""
    areas = {}
    for line in pathlib.Path("/proc/vmallocinfo").read_text().splitlines():
        found = re.match(r"(\S+)\s+\d+ htab_map_alloc\S* pages=(\d+)", line)
        if found and int(found[2]) * PAGE >= 1 << 20:
            areas[found[1]] = int(found[2]) * PAGE
    return areas


def start(lab, flows, flows6):
    """A fresh lbd with tables of these sizes; returns what its start took of the kernel's memory."""
    made = config()
    made["director"] = {"flows": flows, "flows6": flows6}
    for service in made["services"].values():
        if service["method"] == "fullnat":
            service["local_addresses"] = LOCAL_ADDRESSES
    lab.write_config(render(made))
    before = large_areas()
    lab.lb1.start_lbd(lab.path)
    lab.areas = {area: size for area, size in large_areas().items() if area not in before}
    return sum(lab.areas.values())


def stop(lab):
    """The kernel frees maps a moment later.  The largest tells: others may be of another program."""
    if lab.lb1.stop_lbd():
        raise lablib.LabError(lab.lb1.lbd.log()[-2000:])
    lab.lb1.run("sh", "-c", "rm -rf /run/lbd/bpf/*/")
    largest = max(lab.areas, key=lab.areas.get)
    lablib.wait_for(lambda: large_areas().get(largest) != lab.areas[largest], 30, "the maps are gone", interval=0.05)


def pinned(lab, name):
    """As the director sees it."""
    found, = glob.glob(f"/proc/{lab.lb1.lbd.pid}/root/run/lbd/bpf/*/layout-*/{name}")
    return found.partition("/root")[2]


def map_bytes(lab, name):
    """What the kernel says that the map takes, for each entry."""
    shown = json.loads(lab.lb1.run("bpftool", "map", "show", "pinned", pinned(lab, name), "-j").stdout)
    return shown["bytes_memlock"] / shown["max_entries"]


def bytes_each(lab):
    """Samples of bytes for an IPv4 entry, by what the kernel has in use; and what it says of both maps."""
    used, said = [], {}
    for _ in range(SAMPLES):
        small = start(lab, SMALLEST, SMALLEST)
        stop(lab)
        large = start(lab, TABLE, SMALLEST)
        said["flows4"] = map_bytes(lab, "flows4")
        stop(lab)
        used.append((large - small) / (TABLE - SMALLEST))
    start(lab, SMALLEST, TABLE)
    said["flows6"] = map_bytes(lab, "flows6")
    stop(lab)
    return used, said


def status(lab):
    said = lab.lb1.lbctl("status")
    return said["longest_turn_s"] * 1000, said["engine"]["flows"]


def waited(pid):
    """Milliseconds that the loop's thread was ready to run and had no CPU."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1]) / 1e6


def watch(lab, passes):
    """[CPU share, in percent, between the ends of two passes], [(longest turn, wait for a CPU) of each look, ms],
    [CPU ms of a pass]"""
    shares, turns, costs = [], [], []
    last, ended, before = None, None, waited(lab.lb1.lbd.pid)
    status(lab)  # forgets the longest turn up to now
    while len(shares) < passes:
        time.sleep(0.25)
        turn, flows = status(lab)
        delay = waited(lab.lb1.lbd.pid)
        turns.append((turn, delay - before))
        before = delay
        if last is not None and (flows["sweep_s"], flows["sweep_cpu_s"]) != last:
            now = time.monotonic(), process_seconds(lab.lb1.lbd.pid)
            costs.append(flows["sweep_cpu_s"] * 1000)
            if ended:
                shares.append((now[1] - ended[1]) / (now[0] - ended[0]) * 100)
            ended = now
        last = flows["sweep_s"], flows["sweep_cpu_s"]
    return shares, turns, costs


def at_rest(lab, seconds=10):
    """CPU share without flows, asked as often."""
    before = process_seconds(lab.lb1.lbd.pid)
    for _ in range(seconds * 4):
        time.sleep(0.25)
        status(lab)
    return (process_seconds(lab.lb1.lbd.pid) - before) / seconds * 100


def sweeps(lab, passes, flows):
    vips = [vip for method in VIPS.values() for vip in method.values()]
    start(lab, flows, flows)
    for vip in vips:
        lablib.wait_for(lambda: lab.client.get(vip), 10, f"an answer of {vip}")
    rest = at_rest(lab)
    resident = resident_beside_maps(lab.lb1.lbd.pid)
    begun = time.monotonic()
    lab.lb1.run(lablib.BUILD / "bench" / "open_flows", pinned(lab, "flows4"), "eth0", flows // len(vips), *vips,
                timeout=600)
    print(f"Sweep: {flows} flows of four methods, both families, opened in {time.monotonic() - begun:.1f} s")
    lablib.wait_for(lambda: status(lab)[1]["flows"] >= flows // len(vips) * len(vips), 120, "the flows")
    shares, turns, costs = watch(lab, passes)
    growth = (resident_beside_maps(lab.lb1.lbd.pid) - resident) * 2**20 / flows
    entries = status(lab)[1]
    print(f"  entries: {entries['entries4']} IPv4, {entries['entries6']} IPv6; "
          f"the daemon grew by {growth:.2f} bytes a flow; CPU without flows {rest:.3f} %")
    print(describe("CPU of a pass", costs, "ms"))
    good = verdict("CPU for sweeping", [share - rest for share in shares], 2, "%")
    print(describe("longest turn of each quarter second", [turn for turn, _ in turns], "ms"))
    longest, delay = max(turns)
    print(f"    limit: none over {TURN_MAX} ms: {'met' if longest <= TURN_MAX else 'MISSED'}"
          f" (the longest {longest:.1f} ms; the loop was ready and had no CPU for {delay:.1f} ms around it)")
    stop(lab)
    return good and longest <= TURN_MAX, growth


def main(passes, flows):
    lab = new_lab()
    try:
        good, growth = sweeps(lab, passes, flows)
        used, said = bytes_each(lab)
        print(f"Memory: tables of {TABLE} entries; the kernel says {said['flows4']:.1f} bytes of an IPv4 entry, "
              f"{said['flows6']:.1f} of an IPv6 one")
        for methods, count in ENTRIES.items():
            good &= verdict(f"an IPv4 flow of {methods}, all in", [count * each + growth for each in used],
                            LIMITS[methods], "bytes")
        print(machine_load())
        return 0 if good else 1
    finally:
        lab.close()


if __name__ == "__main__":
    lablib.close_on_signals()
    arguments = list(map(int, sys.argv[1:]))
    sys.exit(main(*(arguments + [8, 1000000][len(arguments):])))
