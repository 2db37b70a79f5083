# SPDX-License-Identifier: BSD-2-Clause
"""What NAT costs beside plain kernel forwarding and nftables DNAT: bulk TCP, and CPU per HTTP connection.

    nat.py [ROUNDS]          default 15; needs root, iperf3, wrk, nft and a build

Three labs stand at the same time, one a way to forward; each round measures each once, in rotating order, so
that what else the machine does hits all alike.  Ratios and differences are taken within a round.
"""
import json
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent / "tests" / "net")]

import lab as lablib  # noqa: E402
from scenario import NAT, Scenario, base_config  # noqa: E402
from stats import describe, verdict  # noqa: E402

BULK_PORT = 5201
SECONDS = 2
TICK = 1 / os.sysconf("SC_CLK_TCK")


class Way:
    """One way from the client to the servers; address and port are what the client asks."""

    def __init__(self, scenario, address, bulk, web):
        self.scenario = scenario
        self.client = scenario.client
        self.bulk = (address, bulk)
        self.web = (address, web)

    def gigabits(self):
        address, port = self.bulk
        done = self.client.run("iperf3", "-c", address, "-p", str(port), "-t", str(SECONDS), "-J", timeout=30)
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9

    def cpu_per_connection(self):
        """Microseconds of the whole machine's CPU time for each connection."""
        address, port = self.web
        before = busy_seconds()
        done = self.client.run("wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", "Connection: close",
                               f"http://{address}:{port}/", timeout=30)
        spent = busy_seconds() - before
        if "Socket errors" in done.stdout:
            raise lablib.LabError(done.stdout)
        return spent * 1e6 / int(re.search(r"(\d+) requests in", done.stdout)[1])


def busy_seconds():
    """CPU time of this machine that was not idle."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    idle = int(fields[3]) + int(fields[4])
    return (sum(map(int, fields)) - idle) * TICK


def with_bulk_server(scenario):
    scenario.servers[0].start("iperf3", "-s", "-p", BULK_PORT)
    lablib.wait_for(lambda: scenario.servers[0].run("ss", "-Htln", "sport", "=", f":{BULK_PORT}").stdout,
                    what="iperf3")
    return scenario


def lbd():
    """Both services have one server: the same work as the others do."""
    config = base_config()
    config["services"]["www"]["servers"] = {"web1": {"address": "10.0.0.11", "port": 8080}}
    config["services"]["www"]["vip"] = [NAT["4"]]
    config["services"]["bulk"] = {"vip": NAT["4"], "port": BULK_PORT, "method": "nat",
                                  "servers": {"web1": {"address": "10.0.0.11"}}}
    scenario = with_bulk_server(Scenario(config=config))
    scenario.lb1.start_lbd(scenario.path)
    scenario.wait_owner(scenario.lb1)
    lablib.wait_for(lambda: scenario.client.get(NAT["4"]), what="the service")
    return Way(scenario, NAT["4"], BULK_PORT, 80)


def routed():
    """A director that only routes, for the other two ways."""
    scenario = with_bulk_server(Scenario())
    scenario.lb1.sysctl("net/ipv4/ip_forward", 1)
    scenario.lb1.ip("address add 10.0.0.1/24 dev eth1")
    scenario.client.ip("route add 10.0.0.0/24 via 192.0.2.2")
    return scenario


def forwarding():
    return Way(routed(), "10.0.0.11", BULK_PORT, 8080)


def nftables():
    scenario = routed()
    scenario.lb1.ip(f"address add {NAT['4']}/24 dev eth0")
    scenario.lb1.run("nft", "-f", "-", input=f"""
        table ip nat {{
            chain prerouting {{
                type nat hook prerouting priority -100;
                ip daddr {NAT['4']} tcp dport {BULK_PORT} dnat to 10.0.0.11
                ip daddr {NAT['4']} tcp dport 80 dnat to 10.0.0.11:8080
            }}
        }}""")
    return Way(scenario, NAT["4"], BULK_PORT, 80)


def rounds(ways, count, measure):
    """{name: [value of each round]}"""
    results = {name: [] for name in ways}
    names = list(ways)
    for number in range(count):
        for name in names[number % len(names):] + names[:number % len(names)]:
            results[name].append(measure(ways[name]))
    return results


def main(count):
    begun = time.monotonic()
    ways = {}
    try:
        for make in (forwarding, lbd, nftables):
            ways[make.__name__] = make()
        for way in ways.values():  # neighbours, caches
            way.gigabits()
            way.cpu_per_connection()
        good = True
        print(f"Bulk TCP through the director, {SECONDS} s each, Gbit/s")
        bulk = rounds(ways, count, Way.gigabits)
        for name, values in bulk.items():
            print(describe(name, values, "Gbit/s"))
        ratios = [ours / theirs for ours, theirs in zip(bulk["lbd"], bulk["forwarding"])]
        good &= verdict("lbd / forwarding", ratios, 0.95, "", at_least=True)

        print(f"CPU of the whole machine for one HTTP connection, {SECONDS} s each, microseconds")
        cpu = rounds(ways, count, Way.cpu_per_connection)
        for name, values in cpu.items():
            print(describe(name, values, "us"))
        print(describe("lbd above forwarding", [a - b for a, b in zip(cpu["lbd"], cpu["forwarding"])], "us"))
        print(describe("nftables above forwarding", [a - b for a, b in zip(cpu["nftables"], cpu["forwarding"])], "us"))
        good &= verdict("lbd - nftables", [a - b for a, b in zip(cpu["lbd"], cpu["nftables"])], 0, "us")
        print(f"took {time.monotonic() - begun:.0f} s")
        return 0 if good else 1
    finally:
        for way in ways.values():
            way.scenario.close()


if __name__ == "__main__":
    lablib.close_on_signals()
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
