#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whole directors over what only a real kernel has: VLANs, bonds, the kernel's own tunnels, SCTP peers, bad cables.

    scenarios.py [NAME...]

Runs in the guest (`scenarios` boots it), over lab/.  A line for each scenario: its name, ok or FAILED, and why.
Servers and client are threads of this program with sockets in the machines' namespaces: that costs an emulated
CPU less than programs of their own.
"""
import contextlib
import functools
import itertools
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "lab"), str(HERE.parent / "net")]

import lab as lablib  # noqa: E402
import machine  # noqa: E402
from lab import LabError, wait_for  # noqa: E402
from scenario import render  # noqa: E402

PORT = 7777
CHUNK = 16384  # one SCTP message, of many packets
PATIENCE = 60.0  # an emulated machine's
machine.Machine.run.__kwdefaults__["timeout"] = 2 * PATIENCE
KINDS = {"tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP), "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
 "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP)}
VIPS = {method: {"4": f"192.0.2.{n}", "6": f"2001:db8::{n}"}
        for method, n in (("nat", 10), ("dr", 11), ("fullnat", 12), ("tun4", 14), ("tun6", 16))}
SERVER = {"4": "10.0.0.11", "6": "fd00::11"}
CLIENT = {"4": "192.0.2.100", "6": "2001:db8::100"}
GATEWAY = {"4": "10.0.0.1", "6": "fd00::1"}
LIP = {"4": "10.0.0.201", "6": "fd00::201"}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# ---- Cables


class Plain(lablib.Lab):
    """The lab as it is."""

    @property
    def director(self):
        return self.directors[0]


class Vlan(Plain):
    """The director has both segments in VLANs; tags are on its cables, not on the others'."""

    IDS = {"eth0": 10, "eth1": 20}

    def _plug(self):
        super()._plug()
        for name, leg in self.director.interfaces.items():
            tag = self.IDS[name]
            leg.name = f"{name}.{tag}"
            self.director.ip(f"link set {name} up", f"link add link {name} name {leg.name} type vlan id {tag}")
            bridge = "outside" if leg.segment == lablib.OUTSIDE else "inside"
            self.switch.ip(f"link set {leg.port} nomaster",
                           f"link add link {leg.port} name {leg.port}.{tag} type vlan id {tag}",
                           f"link set {leg.port}.{tag} master {bridge} up")


class Bond(Plain):
    """The director has two cables to each segment, one of them in use."""

    def _plug(self):
        super()._plug()
        for number, (name, leg) in enumerate(self.director.interfaces.items()):
            leg.name = f"bond{number}"
            bridge = "outside" if leg.segment == lablib.OUTSIDE else "inside"
            self.switch.ip(f"link add {leg.port}b type veth peer name {name}b netns {self.director.pid}",
                           f"link set {leg.port}b master {bridge} up")
            self.director.ip(f"link add {leg.name} type bond mode active-backup miimon 50",
                             f"link set {leg.name} address {leg.mac}",
                             *(f"link set {cable} {what}" for cable in (name, f"{name}b")
                               for what in ("down", f"master {leg.name}")))

    def active(self, name):
        bond = self.director.interfaces[name].name
        return self.director.run("cat", f"/sys/class/net/{bond}/bonding/active_slave").stdout.strip()


# ---- Ends of connections


class Echo:
    """Sends back what it gets at an address of a server; a stream begins with a line: server and client."""

    def __init__(self, node, address, kind):
        self.name = node.name.encode()
        self.sock = node.socket(family_of(address), *KINDS[kind])
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, PORT))
        if kind == "udp":
            self.run = self.answer_datagrams
        else:
            self.sock.listen(16)
            self.run = self.accept
        threading.Thread(target=self.run, daemon=True).start()

    def accept(self):
        while True:
            connection, peer = self.sock.accept()
            threading.Thread(target=self.answer, args=(connection, peer[0].encode()), daemon=True).start()

    def answer(self, connection, client):
        with contextlib.suppress(OSError), connection:
            connection.sendall(self.name + b" " + client + b"\n")
            while data := connection.recv(CHUNK):
                connection.sendall(data)

    def answer_datagrams(self):
        while True:
            data, peer = self.sock.recvfrom(65536)
            with contextlib.suppress(OSError):
                self.sock.sendto(self.name + b" " + peer[0].encode() + b"\n" + data, peer)


def send(sock, payload):
    with contextlib.suppress(OSError):  # who reads misses it
        for at in range(0, len(payload), CHUNK):
            sock.sendall(payload[at:at + CHUNK])


def read_stream(sock, size):
    """A line, and so many bytes behind it."""
    got = bytearray()
    while (end := got.find(b"\n") + 1) == 0 or len(got) < end + size:
        data = sock.recv(65536)
        if not data:
            break
        got += data
    return bytes(got[:end]), bytes(got[end:])


def exchange(lab, kind, vip, payload, timeout=PATIENCE, meanwhile=None):
    """Sends the payload to an Echo behind the VIP, which must come back; returns (server, client it saw)."""
    family = "6" if ":" in vip else "4"
    with lab.client.socket(family_of(vip), *KINDS[kind]) as sock:
        sock.settimeout(timeout)
        sock.bind((CLIENT[family], 0))  # SCTP would tell all its addresses else
        sock.connect((vip, PORT))
        if kind == "udp":
            sock.send(payload)
            line, _, back = sock.recv(65536).partition(b"\n")
        else:
            sender = threading.Thread(target=send, args=(sock, payload), daemon=True)
            sender.start()
            if meanwhile:
                meanwhile()
            line, back = read_stream(sock, len(payload))
            sender.join(timeout)
    if back != payload:
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(back, payload)))
        raise LabError(f"{kind} to {vip}: {len(back)} of {len(payload)} bytes came back, {same} right ones")
    return tuple(line.decode().split())


# ---- A lab with lbd in it


def config_of(lab, methods, sctp):
    """Services of these methods: every protocol at one port, servers of both families."""
    outside, inside = (lab.director.interfaces[name].name for name in ("eth0", "eth1"))
    check = {"type": "tcp", "port": PORT, "interval": "5s", "timeout": "5s", "rise": 1, "fall": 5}
    vrrp = {f"shop{family}": {
        "interface": outside, "vrid": 51, "advert_interval": "100ms",
        "addresses": [*(f"{VIPS[method][family]}/{length}" for method in methods),
                      f"{GATEWAY[family]}/{length} dev {inside}"]} for family, length in (("4", 24), ("6", 64))}
    services = {}
    for method in methods:
        kinds = ["tcp", "udp"] if method == "fullnat" or not sctp else ["tcp", "udp", "sctp"]
        for kind in kinds:
            service = {"vip": list(VIPS[method].values()), "port": PORT, "protocol": kind,
                       "method": method.rstrip("46"), "check": check,
                       "servers": {f"{server.name}_{family}": {"address": address} for server in lab.servers
                                   for family, address in zip("46", legs_of(server))
                                   if not method.startswith("tun") or family == method[-1]}}
            if method == "fullnat":
                service["local_addresses"] = list(LIP.values())
            services[f"{method}_{kind}"] = service
    return {"director": {"flows": 16384, "flows6": 16384}, "vrrp": vrrp,
            "defaults": {"scheduler": "rr"}, "services": services,
            "nodes": {"lb1": {"director": {"router_id": "lb1"}}}}


def legs_of(server):
    leg = server.interfaces["eth0"]
    return leg.v4, leg.v6


class Stage:
    """A lab, prepared servers, and lbd that serves."""

    def __init__(self, cables, methods, sctp=False, servers=2):
        self.lab = cables(directors=1, servers=servers)
        self.methods = methods
        try:
            self.path = self.lab.write_config(render(config_of(self.lab, methods, sctp)))
            self.said = [self.prepare(server, ["tcp", "udp", "sctp"] if sctp else ["tcp", "udp"])
                         for server in self.lab.servers]
            self.lab.director.start_lbd(self.path, ready=False)
            self.lab.director.wait_lbd(PATIENCE)
            for method, family in itertools.product(methods, "46"):
                wait_for(lambda vip=VIPS[method][family]: exchange(self.lab, "tcp", vip, b"x", 3), PATIENCE,
                         f"an answer of {method} over IPv{family}")
        except BaseException:
            self.close()
            raise

    def prepare(self, server, kinds):
        said = server.prepare(self.path)
        held = [vip for method in self.methods if method not in ("nat", "fullnat") for vip in VIPS[method].values()]
        for address, kind in itertools.product([*legs_of(server), *held], kinds):
            Echo(server, address, kind)
        return said

    def log(self):
        return self.lab.director.lbd.log() if self.lab.director.lbd else ""

    def close(self):
        self.lab.close()

    def end(self):
        """lbd ends well."""
        status = self.lab.director.stop_lbd()
        if status:
            raise LabError(f"lbd ended with {status}")

    def checksums(self):
        """No machine has counted a wrong checksum."""
        for node in self.lab.nodes:
            text = node.run("cat", "/proc/net/snmp", "/proc/net/snmp6", "/proc/net/sctp/snmp", check=False).stdout
            lines = [line.split() for line in text.splitlines()]
            counts = {f"{names[0]}{name}": value for names, values in zip(lines, lines[1:])
                      if names[0] == values[0] for name, value in zip(names[1:], values[1:])}
            counts |= {line[0]: line[1] for line in lines if len(line) == 2}
            for name, value in counts.items():
                if re.search("InCsumErrors|ChecksumErrors", name) and int(value):
                    raise LabError(f"{node.name} counted {name} {value}")

    def drops(self):
        packets = self.lab.director.lbctl("status")["engine"]["packets"]
        return {(hook, name): n for hook, counters in packets.items() for name, n in counters.items()
                if name.startswith("drop_")}

    @contextlib.contextmanager
    def nothing_dropped(self, *but):
        """lbd drops nothing meanwhile, and nobody sees a wrong checksum."""
        before = self.drops()
        yield
        if grown := {name: n - before[name] for name, n in self.drops().items()
                     if n != before[name] and name[1] not in but}:
            raise LabError(f"lbd dropped {grown}")
        self.checksums()

    def service(self, name, vip):
        """What is counted of a service, whose families have an entry each."""
        return next(each for each in self.lab.director.lbctl("services")
                    if each["name"] == name and vip in each["vips"])

    def payload(self, kind, size):
        return os.urandom(min(size, 1200) if kind == "udp" else size)

    def both_families(self, kind, method, size, **options):
        """An exchange over each family, and whom the server saw."""
        for family in "46":
            server, client = exchange(self.lab, kind, VIPS[method][family], self.payload(kind, size), **options)
            wanted = LIP[family] if method == "fullnat" else CLIENT[family]
            if client != wanted:
                raise LabError(f"{server} saw {client}, not {wanted}")


# ---- What is tried


def carries(kind, method, size, stage):
    with stage.nothing_dropped():
        stage.both_families(kind, method, size)


def tagged(stage):
    """Both cables of the director carry nothing but tags: no address of ours is on the devices below."""
    for name in ("eth0", "eth1"):
        below = stage.lab.director.run("ip", "-o", "-4", "address", "show", "dev", name).stdout
        if below:
            raise LabError(f"{name} has {below}")
    carries("tcp", "nat", 10_000, stage)


def loses_a_cable(method, stage):
    """The cable in use is pulled while a megabyte is on its way, of either segment; then put in again."""
    for name, vip in itertools.product(("eth0", "eth1"), VIPS[method].values()):
        before = stage.lab.active(name)
        port = f"lb1-{before}"

        def pull():
            stage.lab.switch.ip(f"link set {port} down")

        exchange(stage.lab, "tcp", vip, os.urandom(1_000_000), meanwhile=pull)
        wait_for(lambda: stage.lab.active(name) not in (before, ""), PATIENCE, f"another cable than {before}")
        exchange(stage.lab, "tcp", vip, os.urandom(10_000))
        stage.lab.switch.ip(f"link set {port} up")
        wait_for(lambda: "up" in stage.lab.director.run("cat", f"/sys/class/net/{before}/operstate").stdout,
                 PATIENCE, f"{before} up")


def kernel_tunnels(stage):
    for kind in ("ipip", "sit", "ip6tnl"):
        if f"({kind})" not in stage.said[0] or "lbd-decap" in stage.said[0]:
            raise LabError(f"no {kind}: {stage.said[0]}")


def as_from_a_cable(stage):
    """No card makes super-packets of SCTP's, only a sender on the same host does; no helper of the kernel's puts
    an outer header on one."""
    stage.lab.client.offload("eth0", **{"tx-sctp-segmentation": "off"})


def packets_of_tunnels(server):
    """How many packets came out of each tunnel device."""
    names = server.run("ls", "/sys/class/net").stdout.split()
    return {name: int(server.run("cat", f"/sys/class/net/{name}/statistics/rx_packets").stdout)
            for name in names if name.startswith("lbdtun")}


def tunnelled(kind, outer, family, size, stage):
    """Through the one tunnel; of a stream as super-packets, several segments each."""
    server = stage.lab.servers[0]
    before = packets_of_tunnels(server)
    # Nobody tells an MSS over SCTP: its packets are too big at first, and their sender learns it.
    with stage.nothing_dropped(*["drop_too_big"] * (kind == "sctp")):
        exchange(stage.lab, kind, VIPS[f"tun{outer}"][family], stage.payload(kind, size))
    grown = {name: n - before[name] for name, n in packets_of_tunnels(server).items() if n - before[name]}
    if len(grown) != 1:
        raise LabError(f"packets came through {grown}")
    if size >= 10_000_000 and kind == "tcp" and sum(grown.values()) > size / 1400 / 2:
        raise LabError(f"{grown} packets for {size} bytes: no super-packets")


def whole_over_bad_cable(method, stage):
    """Both directions of the client's leg lose 2 % and send 5 % twice."""
    stage.both_families("tcp", method, 1_000_000)
    stage.checksums()


def spoil(stage):
    lab = stage.lab
    for node in (lab.client, *lab.servers):
        for name in node.interfaces:  # a loss is of one packet
            node.offload(name, tso="off", gso="off", gro="off")
    for node, name in bad_ends(lab):
        node.run("tc", "qdisc", "add", "dev", name, "root", "netem", "loss", "2%", "duplicate", "5%")


def bad_ends(lab):
    return (lab.client, "eth0"), (lab.switch, lab.client.interfaces["eth0"].port)


def was_spoilt(stage):
    """The cable was a bad one: packets were lost in both directions, and TCP saw what came twice."""
    for node, name in bad_ends(stage.lab):
        said = node.run("tc", "-s", "qdisc", "show", "dev", name).stdout
        lost = re.search(r"dropped (\d+)", said)
        if not lost or not int(lost[1]):
            raise LabError(f"{node.name} {name} lost nothing: {said}")
    lines = stage.lab.client.run("cat", "/proc/net/netstat").stdout.splitlines()
    counts = dict(zip(lines[0].split(), lines[1].split()))
    if not int(counts["TCPDSACKOldSent"]):
        raise LabError("nothing came twice")


def mend(stage):
    for node, name in bad_ends(stage.lab):
        node.run("tc", "qdisc", "del", "dev", name, "root")


def association(method, stage):
    """What is counted of one, from its INIT to its SHUTDOWN COMPLETE; answers of dr do not come by."""
    for vip in VIPS[method].values():
        look = functools.partial(stage.service, f"{method}_sctp", vip)
        wait_for(lambda: not look()["active"], PATIENCE, "the end of others")
        before = look()
        exchange(stage.lab, "sctp", vip, os.urandom(100_000), meanwhile=lambda: wait_for(
            lambda: look()["active"] == 1, PATIENCE, "an active association"))
        wait_for(lambda: not look()["active"], PATIENCE, "the end of the association")
        grown = {key: look()[key] - before[key] for key in ("conns", "in_packets", "out_packets")}
        if grown["conns"] != 1 or grown["in_packets"] < 40 or (grown["out_packets"] >= 40) != (method == "nat"):
            raise LabError(f"{vip}: {grown}")


def offload(state, stage):
    """Whether machines complete checksums themselves and send super-packets."""
    for node in stage.lab.nodes:
        for name in node.interfaces:
            node.offload(name, tx=state, tso=state, gso=state, **{"tx-sctp-segmentation": state})


def table(*rows):
    return {name: function for name, function in rows}


METHODS = ("nat", "dr", "fullnat")
MEGABYTE = 1_000_000

STAGES = {
    "vlan": (functools.partial(Stage, Vlan, METHODS), table(
        ("tags", tagged),
        *((f"{method} {kind}", functools.partial(carries, kind, method, MEGABYTE))
          for method in METHODS for kind in ("tcp", "udp")))),
    "bond": (functools.partial(Stage, Bond, METHODS), table(
        *((f"{method} {kind}", functools.partial(carries, kind, method, MEGABYTE))
          for method in METHODS for kind in ("tcp", "udp")),
        *((f"{method} loses a cable", functools.partial(loses_a_cable, method)) for method in ("nat", "dr")))),
    "tun": (functools.partial(Stage, Plain, ("tun4", "tun6"), sctp=True, servers=1), table(
        ("kernel's tunnels", kernel_tunnels),
        ("sctp as from a cable", as_from_a_cable),
        *((f"{family}in{outer} {kind}", functools.partial(tunnelled, kind, outer, family, size))
          for outer in "46" for family in "46"
          for kind, size in (("udp", 0), ("tcp", 10 * MEGABYTE), ("sctp", 100_000))))),
    "sctp": (functools.partial(Stage, Plain, METHODS, sctp=True), table(
        *((f"{method} sctp", functools.partial(carries, "sctp", method, MEGABYTE)) for method in ("nat", "dr")),
        *((f"{method} association", functools.partial(association, method)) for method in ("nat", "dr")),
        ("offload off", functools.partial(offload, "off")),
        *((f"{method} sctp without offload", functools.partial(carries, "sctp", method, MEGABYTE))
          for method in ("nat", "dr")),
        ("offload on", functools.partial(offload, "on")),
        ("bad cable", spoil),
        *((f"{method} tcp over a bad cable", functools.partial(whole_over_bad_cable, method)) for method in METHODS),
        ("was bad", was_spoilt),
        ("mended", mend))),
}


def report(name, begun, trouble=None):
    print(f"{'FAILED' if trouble else 'ok':7}{time.monotonic() - begun:6.1f} s  {name}"
          f"{f': {trouble}' if trouble else ''}", flush=True)


def play(name, make, scenarios):
    """All scenarios of a stage; returns how many failed."""
    begun, stage, failed = time.monotonic(), None, 0
    try:
        stage = make()
        report(f"{name}: lbd serves", begun)
        for title, scenario in [*scenarios.items(), ("lbd ends", Stage.end)]:
            begun = time.monotonic()
            try:
                scenario(stage)
                report(f"{name}: {title}", begun)
            except (OSError, LabError, KeyError, ValueError, subprocess.SubprocessError) as error:
                report(f"{name}: {title}", begun, repr(error))
                failed += 1
    except (OSError, LabError, subprocess.SubprocessError) as error:
        report(f"{name}: lbd serves", begun, repr(error))
        failed += 1
    finally:
        if stage:
            if failed:
                print(stage.log()[-6000:])
            stage.close()
    return failed


def main():
    wanted = sys.argv[1:] or list(STAGES)
    failed = sum(play(name, *STAGES[name]) for name in wanted)
    print(f"{failed} scenarios failed" if failed else "all scenarios passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
