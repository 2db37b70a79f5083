# SPDX-License-Identifier: BSD-2-Clause
"""What the scenarios share: a configuration to vary, and a lab with lbd running in it."""
import concurrent.futures
import copy
import re
import socket
import sys
import threading
import time

import lab as lablib
from lab import wait_for

NAT = {"4": "192.0.2.10", "6": "2001:db8::10"}
DR = {"4": "192.0.2.11", "6": "2001:db8::11"}
FULLNAT = {"4": "192.0.2.12", "6": "2001:db8::12"}
TUN = {"4": "192.0.2.13", "6": "2001:db8::13"}  # where a configuration has them, see with_tun()
LIP = {"4": "10.0.0.201", "6": "fd00::201"}  # what fullnat's packets come from
GATEWAY = {"4": "10.0.0.1", "6": "fd00::1"}
OUTSIDE_VIPS = [*NAT.values(), *DR.values(), *FULLNAT.values()]
CLIENT = {"4": "192.0.2.100", "6": "2001:db8::100"}
ECHO_PORT = lablib.ECHO_PORT
ADVERT = 0.1
# A backup's patience with 100 ms adverts and priority 100.
MASTER_DOWN = ADVERT * (3 + 156 / 256)


def servers(**members):
    """The three servers in both families: a service with VIPs of both needs both."""
    return {f"web{n}{suffix}": {"address": f"{prefix}{10 + n}", **members}
            for suffix, prefix in (("", "10.0.0."), ("_6", "fd00::")) for n in (1, 2, 3)}


CHECK = {"type": "tcp", "interval": "300ms", "timeout": "300ms", "rise": 1, "fall": 2}

_BASE = {
    "director": {"flows": 65536, "flows6": 65536},
    "vrrp": {
        "shop4": {"interface": "eth0", "vrid": 51, "advert_interval": "100ms",
                  "addresses": [f"{NAT['4']}/24", f"{DR['4']}/24", f"{FULLNAT['4']}/24",
                                f"{GATEWAY['4']}/24 dev eth1"]},
        "shop6": {"interface": "eth0", "vrid": 51, "advert_interval": "100ms",
                  "addresses": [f"{NAT['6']}/64", f"{DR['6']}/64", f"{FULLNAT['6']}/64",
                                f"{GATEWAY['6']}/64 dev eth1"]},
    },
    "defaults": {"scheduler": "rr", "check": CHECK},
    "services": {
        "www": {"vip": list(NAT.values()), "port": 80, "method": "nat", "servers": servers(port=8080)},
        "www_dr": {"vip": list(DR.values()), "port": 80, "method": "dr", "servers": servers()},
        "echo": {"vip": list(NAT.values()), "port": ECHO_PORT, "method": "nat", "servers": servers()},
        "echo_udp": {"vip": list(NAT.values()), "port": ECHO_PORT, "protocol": "udp", "method": "nat",
                     "servers": servers(), "check": {**CHECK, "port": ECHO_PORT}},
        "echo_dr": {"vip": list(DR.values()), "port": ECHO_PORT, "method": "dr", "servers": servers()},
        "www_fullnat": {"vip": list(FULLNAT.values()), "port": 80, "method": "fullnat",
                        "local_addresses": list(LIP.values()), "servers": servers(port=8080)},
        "echo_fullnat": {"vip": list(FULLNAT.values()), "port": ECHO_PORT, "method": "fullnat",
                         "local_addresses": list(LIP.values()), "servers": servers()},
        "echo_udp_fullnat": {"vip": list(FULLNAT.values()), "port": ECHO_PORT, "protocol": "udp",
                             "method": "fullnat", "local_addresses": list(LIP.values()),
                             "servers": servers(), "check": {**CHECK, "port": ECHO_PORT}},
        "echo_udp_dr": {"vip": list(DR.values()), "port": ECHO_PORT, "protocol": "udp", "method": "dr",
                        "servers": servers(), "check": {**CHECK, "port": ECHO_PORT}},
    },
    "nodes": {
        "lb1": {"vrrp": {"shop4": {"priority": 150}, "shop6": {"priority": 150}}},
        "lb2": {"vrrp": {"shop4": {"priority": 100}, "shop6": {"priority": 100}}},
    },
}


def base_config():
    return copy.deepcopy(_BASE)


def with_tun(config=None, crossed=False):
    """The configuration and TUN's services, not part of the base because their servers take a second to prepare.
    A server is reached by the VIP's own family; crossed: by the other one."""
    config = config or base_config()
    for family, length in (("4", 24), ("6", 64)):
        config["vrrp"]["shop" + family]["addresses"].append(f"{TUN[family]}/{length}")
        outer_6 = (family == "6") != crossed
        common = {"vip": [TUN[family]], "method": "tun",
                  "servers": {name: member for name, member in servers().items() if name.endswith("_6") == outer_6}}
        config["services"] |= {
            f"www_tun_{family}": {"port": 80, **common},
            f"echo_tun_{family}": {"port": ECHO_PORT, **common},
            f"echo_udp_tun_{family}": {"port": ECHO_PORT, "protocol": "udp", **common,
                                       "check": {**CHECK, "port": ECHO_PORT}},
        }
    return config


def render(value, indent=""):
    """A nested dict as libconfig text."""
    lines = []
    for name, member in value.items():
        if isinstance(member, dict):
            lines += [f"{indent}{name}: {{", render(member, indent + "\t").rstrip("\n"), f"{indent}}};"]
        else:
            lines.append(f"{indent}{name} = {_scalar(member)};")
    return "\n".join(lines) + "\n"


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[ {', '.join(map(_scalar, value))} ]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def let_pass(seconds):
    """Time for something to happen that must not."""
    time.sleep(seconds)


class Scenario:
    """A lab with a configuration, prepared servers and running directors."""

    def __init__(self, directors=1, config=None, attach="tc", tx_offload=True):
        self.config = config or base_config()
        self.config["director"]["attach"] = attach
        self.lab = lablib.Lab(directors=directors, tx_offload=tx_offload, xdp=attach == "xdp")
        try:
            self.client = self.lab.client
            self.servers = self.lab.servers
            self.directors = self.lab.directors
            self.lb1, self.lb2 = (self.directors + [None])[:2]
            self.path = self.write(self.config)
            for server in self.servers:
                server.start_nginx()
                server.echo = server.start_echo()
                server.said = server.prepare(self.path)
        except BaseException:
            self.lab.close()
            raise

    def start(self):
        """Starts lbd everywhere, and waits until lb1 serves all that is configured."""
        for director in self.directors:
            director.start_lbd(self.path, ready=False)
        for director in self.directors:
            director.wait_lbd()
        self.wait_serving(self.lb1)
        return self

    def write(self, config):
        return self.lab.write_config(render(config))

    def reload(self, config):
        """The new configuration, and SIGHUP to every director."""
        self.write(config)
        for director in self.directors:
            director.reload_lbd()

    def wait_owner(self, director, addresses=None, deadline=5.0):
        """Waits until this director alone answers for the addresses, asking for all at the same time."""
        def wait(address):
            wait_for(lambda: self.lab.who_has(address) == [director.name], deadline,
                     f"{director.name} alone has {address}")

        addresses = addresses or [*OUTSIDE_VIPS, *GATEWAY.values()]
        with concurrent.futures.ThreadPoolExecutor(len(addresses)) as pool:
            list(pool.map(wait, addresses))

    def wait_serving(self, director):
        """Waits until the director has the addresses, and every server of the web services is used."""
        self.wait_owner(director)
        for vip in [*OUTSIDE_VIPS, *(TUN.values() if "www_tun_4" in self.config["services"] else [])]:
            wait_for(lambda: len(self.client.get_many(3, vip)) == 3, what=f"three servers behind {vip}")

    def wait_idle(self, deadline=20.0):
        """Waits until no flow is left."""
        wait_for(lambda: not sum(server["active"] + server["inactive"] for service in self.lb1.lbctl("services")
                                 for server in service["servers"]), deadline, "no flow is left")

    def checksum_errors(self):
        """Checksum errors that the machines' stacks have counted, by machine and counter."""
        found = {}
        for node in self.lab.nodes:
            text = node.run("nstat", "-asz").stdout
            for name, value in re.findall(r"^(\w*InCsumErrors)\s+(\d+)", text, re.M):
                if int(value):
                    found[node.name, name] = int(value)
        return found

    def close(self):
        """Every lbd still running ends by SIGTERM with status 0 and without a sanitizer's complaint."""
        try:
            for director in self.directors:
                if director.lbd and director.lbd.running:
                    assert director.stop_lbd() == 0, f"{director.name}: {director.lbd.log()[-3000:]}"
                if director.lbd:
                    log = director.lbd.log()
                    assert not re.search(r"Sanitizer|runtime error:", log), log
        except BaseException:
            self.show_logs()
            raise
        finally:
            self.lab.close()

    def show_logs(self):
        for director in self.directors:
            if director.lbd:
                print(f"--- {director.name}: lbd\n{director.lbd.log()[-6000:]}", file=sys.stderr)


def exchange(client, vip, payload):
    """Sends the payload over TCP to an echo.py behind the VIP; returns (client address it saw, what came back)."""
    with client.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect((vip, ECHO_PORT))
        sender = threading.Thread(target=sock.sendall, args=(payload,))
        sender.start()
        with sock.makefile("rb") as stream:
            greeting = stream.readline().decode().split()
            received = stream.read(len(payload))
        sender.join()
    return greeting[1], received


def udp_ask(sock, vip, port=ECHO_PORT, payload=b"x"):
    """One datagram to echo.py; returns (server, client address it saw, payload)."""
    sock.sendto(payload, (vip, port))
    server, client, _, data = sock.recv(65536).split(b" ", 3)
    return server.decode(), client.decode(), data
