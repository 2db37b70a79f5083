# SPDX-License-Identifier: BSD-2-Clause
"""Ways from the client to a server, each through a director of its own: lbd's methods and their peers.

A way is measured by what the client asks of it; all ways lead to servers that were prepared alike, so that only
the director differs.  Labs stand at the same time, and what is compared is measured in turn.
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent / "tests" / "net")]

import lab as lablib  # noqa: E402
from cpu import Group  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import DR, FULLNAT, GATEWAY, LIP, NAT, base_config, render  # noqa: E402

TUN = {"4": "192.0.2.19", "6": "2001:db8::19"}
VIPS = {"nat": NAT, "dr": DR, "tun": TUN, "fullnat": FULLNAT}
SERVER = {"4": "10.0.0.11", "6": "fd00::11"}
DIRECTOR = {"4": "192.0.2.2", "6": "2001:db8::2"}
INSIDE = {"4": "10.0.0.0/24", "6": "fd00::/64"}
LENGTH = {"4": "24", "6": "64"}
HOST_LENGTH = {"4": "32", "6": "128"}
BULK_PORT = 5201
WEB_PORT = 80
NGINX_PORT = 8080  # it listens on 80 as well
FLOWS = 1 << 20
SECONDS = 1


class Way:
    """What the client asks: an address, the port of iperf3 there, and of nginx."""

    def __init__(self, group, lab, address, web=WEB_PORT):
        self.group = group
        self.client = lab.client
        self.address = address
        self.web = web

    def bulk(self):
        """One TCP connection, client to server: (Gbit/s, CPU seconds for each GB)."""
        return wait_for(self._try_bulk, 10, "iperf3")  # a server is busy for a moment after each

    def _try_bulk(self):
        before = self.group.seconds()
        done = self.client.run("iperf3", "-c", self.address, "-p", str(BULK_PORT), "-t", str(SECONDS), "-J",
                               timeout=30, check=False)
        told = json.loads(done.stdout)
        if "sum_received" not in told["end"]:
            raise lablib.LabError(told.get("error", done.stderr))
        received = told["end"]["sum_received"]
        return received["bits_per_second"] / 1e9, (self.group.seconds() - before) / received["bytes"] * 1e9

    def cpu_per_connection(self):
        """Microseconds of CPU time for each HTTP connection: client, director, server, and the kernel for them."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        before = self.group.seconds()
        done = self.client.run("wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", "Connection: close",
                               f"http://{host}:{self.web}/", timeout=30)
        spent = self.group.seconds() - before
        if "Socket errors" in done.stdout:
            raise lablib.LabError(done.stdout)
        return spent * 1e6 / int(re.search(r"(\d+) requests in", done.stdout)[1])


def config():
    """For each method a web and an iperf3 service of both families, with one server."""
    made = base_config()
    made["director"] = {"flows": FLOWS, "flows6": FLOWS}
    made["defaults"] = {"scheduler": "rr"}
    made["vrrp"]["shop4"]["addresses"].append(f"{TUN['4']}/24")
    made["vrrp"]["shop6"]["addresses"].append(f"{TUN['6']}/64")
    made["services"] = {}
    for method, vips in VIPS.items():
        common = {"vip": list(vips.values()), "method": method}
        if method == "fullnat":
            common["local_addresses"] = list(LIP.values())
        mapped = {"port": NGINX_PORT} if method in ("nat", "fullnat") else {}
        for name, port, members in (("www", WEB_PORT, mapped), ("bulk", BULK_PORT, {})):
            made["services"][f"{name}_{method}"] = {
                **common, "port": port,
                "servers": {f"web{family}": {"address": address, **members} for family, address in SERVER.items()}}
    return made


def new_lab():
    lab = lablib.Lab(directors=1, servers=1)
    lab.lb1, lab.web1 = lab.directors[0], lab.servers[0]
    lab.path = lab.write_config(render(config()))
    lab.web1.start_nginx()
    lab.web1.start("iperf3", "-s", "-p", BULK_PORT)
    lab.web1.prepare(lab.path)
    wait_for(lambda: lab.web1.run("ss", "-Htln", "sport", "=", f":{BULK_PORT}").stdout, what="iperf3")
    return lab


def routed():
    """A director that only routes.  nat's legs: both directions pass it.  dr's: the server holds an address of the
    outside segment too, and what it answers from there goes straight to the client."""
    lab = new_lab()
    lab.lb1.sysctl("net/ipv4/ip_forward", 1)
    lab.lb1.sysctl("net/ipv6/conf/all/forwarding", 1)
    for family in "46":
        lab.lb1.ip(f"address add {GATEWAY[family]}/{LENGTH[family]} dev eth1{' nodad' if family == '6' else ''}",
                   f"route add {DR[family]}/{HOST_LENGTH[family]} via {SERVER[family]}")
        lab.client.ip(f"route add {INSIDE[family]} via {DIRECTOR[family]}",
                      f"route add {DR[family]}/{HOST_LENGTH[family]} via {DIRECTOR[family]}")
    return lab


def with_vips(lab):
    for family in "46":
        lab.lb1.ip(f"address add {NAT[family]}/{LENGTH[family]} dev eth0{' nodad' if family == '6' else ''}")
    return lab


def start_lbd():
    lab = new_lab()
    lab.lb1.start_lbd(lab.path)
    for vips in VIPS.values():
        for vip in vips.values():
            wait_for(lambda: lab.client.get(vip), 10, f"an answer of {vip}")
    return lab


def start_nftables():
    lab = with_vips(routed())
    rules = "".join(f"""
        table {table} nat {{
            chain prerouting {{
                type nat hook prerouting priority -100;
                {table} daddr {NAT[family]} tcp dport {BULK_PORT} dnat to {SERVER[family]}
                {table} daddr {NAT[family]} tcp dport {WEB_PORT} dnat to {at(SERVER[family])}:{NGINX_PORT}
            }}
        }}""" for family, table in (("4", "ip"), ("6", "ip6")))
    lab.lb1.run("nft", "-f", "-", input=rules)
    return lab


def start_haproxy():
    """One thread: with two it costs more on two CPUs."""
    lab = with_vips(new_lab())
    text = "global\n nbthread 1\n maxconn 4096\n"
    text += "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
    for family in "46":
        for name, port, to in (("www", WEB_PORT, NGINX_PORT), ("bulk", BULK_PORT, BULK_PORT)):
            text += f"listen {name}{family}\n bind {NAT[family]}:{port}\n server web {at(SERVER[family])}:{to}\n"
    process = lab.lb1.start("haproxy", "-db", "-f", lab.write_config(text, "haproxy.conf"))
    wait_for(lambda: lab.client.get(NAT["4"]), what=f"haproxy ({process.log()})")
    return lab


def at(address):
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


class Ways:
    """All ways of one family; {name: Way}, and the name of the plain forwarding on the same legs."""

    def __init__(self, family, methods):
        self.group = group = Group()  # before anything is started
        self.labs = []
        self.methods = methods
        self.of = {}
        try:
            lab = self._add(routed)
            self.of["forwarding"] = Way(group, lab, SERVER[family], NGINX_PORT)
            self.of["forwarding one way"] = Way(group, lab, DR[family])
            lab = self._add(start_lbd)
            for method in methods:
                self.of[method] = Way(group, lab, VIPS[method][family])
            self.of["nftables"] = Way(group, self._add(start_nftables), NAT[family])
            self.of["haproxy"] = Way(group, self._add(start_haproxy), NAT[family])
            for way in self.of.values():  # neighbours, caches
                way.bulk()
                way.cpu_per_connection()
        except BaseException:
            self.close()
            raise

    def _add(self, make):
        self.labs.append(make())
        return self.labs[-1]

    @staticmethod
    def reference(method):
        return "forwarding one way" if method in ("dr", "tun") else "forwarding"

    def pairs(self, method, measure, number):
        """(the method's, its reference's), one right after the other, in alternating order."""
        names = [method, self.reference(method)]
        measured = {name: measure(self.of[name]) for name in (names if number % 2 else names[::-1])}
        return measured[names[0]], measured[names[1]]

    def close(self):
        for lab in self.labs:
            lab.close()
        self.group.close()


def rounds(ways, count, measure):
    """{name: [value of each round]}; the order rotates, so that what else the machine does hits all alike."""
    results = {name: [] for name in ways}
    names = list(ways)
    for number in range(count):
        for name in names[number % len(names):] + names[:number % len(names)]:
            results[name].append(measure(ways[name]))
    return results
