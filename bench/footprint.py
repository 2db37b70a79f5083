# SPDX-License-Identifier: BSD-2-Clause
"""What lbd takes at rest: memory beside the maps, and CPU, with 100 services of 10 servers each.

    footprint.py [SECONDS]       default 30; needs root and a build
"""
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent / "tests" / "net")]

import lab as lablib  # noqa: E402
from cpu import process_seconds  # noqa: E402
from scenario import NAT, base_config, render  # noqa: E402
from stats import verdict  # noqa: E402

SERVICES, SERVERS = 100, 10
SAMPLES = 6


def config():
    """No check is due: none is configured.  The adverts come at their default interval."""
    made = base_config()
    made["director"] = {}
    for instance in made["vrrp"].values():
        del instance["advert_interval"]
    made["services"] = {
        f"service{n}": {"vip": NAT["4"], "port": 10000 + n, "method": "nat", "check": {"type": "none"},
                        "servers": {f"server{m}": {"address": f"10.0.0.{100 + m}"} for m in range(SERVERS)}}
        for n in range(SERVICES)}
    return made


def resident_beside_maps(pid):
    """MiB; mapped BPF maps are the engine's tables, and are shared with the kernel."""
    total = 0
    for mapping in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", pathlib.Path(f"/proc/{pid}/smaps").read_text(), flags=re.M):
        if mapping and "bpf-map" not in mapping.partition("\n")[0]:
            total += int(re.search(r"^Rss:\s+(\d+) kB", mapping, re.M)[1])
    return total / 1024


def main(seconds):
    with lablib.Lab(directors=1, servers=1) as lab:
        director = lab.directors[0]
        director.start_lbd(lab.write_config(render(config())))
        lablib.wait_for(lambda: lab.who_has(NAT["4"]) == ["lb1"], 10, "the VIP")
        time.sleep(5)  # the second burst of announcements is over
        pid = director.lbd.pid
        memory, cpu = [], []
        for _ in range(SAMPLES):
            before = process_seconds(pid)
            time.sleep(seconds / SAMPLES)
            cpu.append((process_seconds(pid) - before) / (seconds / SAMPLES) * 100)
            memory.append(resident_beside_maps(pid))
        print(f"{SERVICES} services x {SERVERS} servers at rest, {seconds} s")
        good = verdict("resident memory beside the maps", memory, 20, "MiB")
        good &= verdict("CPU", cpu, 0.1, "%")
        return 0 if good else 1


if __name__ == "__main__":
    lablib.close_on_signals()
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
