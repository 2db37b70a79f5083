# SPDX-License-Identifier: BSD-2-Clause
"""The lab: a client, one or two directors, and real servers on two segments, in network namespaces.

                    client
                       | eth0   192.0.2.100        2001:db8::100
    outside   ---+-----+-----+-----------+-------+-------+----   192.0.2.0/24   2001:db8::/64
                 |           |           |       |       |
              .2 | eth0   .3 | eth0      | .21   | .22   | .23   eth1
                lb1         lb2         web1    web2    web3
              .2 | eth1   .3 | eth1      | .11   | .12   | .13   eth0
                 |           |           |       |       |
    inside    ---+-----------+-----------+-------+-------+----   10.0.0.0/24    fd00::/64

Requests reach the servers on the inside segment, for nat and for dr.  Answers of nat go back through the
director: the servers' default route is the inside gateway address, which moves with VRRP.  Answers of
dr go straight to the client by the servers' leg in the outside segment: what leaves with an outside address
as source takes it (a rule of source routing, as a server with two legs has it); nothing else does, or nat's
answers would by-pass the director.  All else that a real server needs comes from `lbd rs-script`.
A MAC address holds the machine's IPv4 address: 02:00:c0:00:02:02 is 192.0.2.2.
"""
import atexit
import collections
import http.client
import ipaddress
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import machine
import probe
from machine import LabError, Machine, wait_for

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("LBD_BUILDDIR") or HERE.parent / "build").resolve()
PYTHON = "/usr/bin/python3"

OUTSIDE = ("192.0.2.", "2001:db8::")
INSIDE = ("10.0.0.", "fd00::")
LEG_TABLE = 100
ECHO_PORT = 7777

Answer = collections.namedtuple("Answer", "server client")


class Interface:
    """A leg of a machine: the addresses with number `host` of a segment."""

    def __init__(self, owner, name, segment, host, plain=True):
        self.owner = owner
        self.name = name
        self.segment = segment
        self.port = f"{owner.name}-{name}"  # its other end, in the switch
        self.v4 = f"{segment[0]}{host}"
        self.v6 = f"{segment[1]}{host}"
        self.plain = plain  # has the segment's routes in the main table
        self.mac = "02:00:" + probe.mac_text(ipaddress.ip_address(self.v4).packed)

    def address_commands(self):
        length4, length6 = ("24", "64") if self.plain else ("32", "128")
        return [f"address add {self.v4}/{length4} dev {self.name}",
                f"address add {self.v6}/{length6} dev {self.name} nodad",
                f"link set {self.name} up"]


class Node(Machine):
    """A machine with legs in the segments."""

    def __init__(self, lab, name):
        super().__init__(lab.folder, name)
        self.interfaces = {}

    def add_leg(self, name, segment, host, plain=True):
        self.interfaces[name] = Interface(self, name, segment, host, plain)

    def setup(self):
        self.ip(*(line for leg in self.interfaces.values() for line in leg.address_commands()))

    def offload(self, interface, **features):
        """ethtool -K: offload("eth0", tx="off", gro="on")"""
        self.run("ethtool", "-K", interface, *(word for pair in features.items() for word in pair))

    def owners(self, interface, address, seconds=0.25):
        """The MACs that say, on this segment and in this time, that they have the address."""
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            asked = probe.LinkProbe(sock, interface, address)
            seen = set()
            end = time.monotonic() + seconds
            due = 0.0
            while (now := time.monotonic()) < end:
                if now >= due:
                    asked.ask()
                    due = now + seconds / 5
                try:
                    seen.add(asked.read())
                except BlockingIOError:
                    time.sleep(0.002)
            return seen - {None}

    def probe(self, *arguments):
        """Starts probe.py (see there)."""
        name = f"probe{len(self.processes)}"
        return Probe(self.start(PYTHON, "-u", HERE / "probe.py", *arguments, name=name))

    def start_echo(self):
        echo = self.start(PYTHON, HERE / "echo.py", ECHO_PORT)
        wait_for(lambda: "ready" in echo.log(), what=f"echo on {self.name}")
        return echo


class Probe:
    """What a prober has seen: (time, who) of each answer."""

    def __init__(self, process):
        self.process = process

    def answers(self, after=0.0):
        found = []
        for line in self.process.log().splitlines(keepends=True):
            when, _, who = line.rstrip().partition(" ")
            if not line.endswith("\n") or not who or not when.replace(".", "").isdigit():
                continue
            if float(when) >= after:
                found.append((float(when), who))
        return found

    def longest_gap(self, begin, end):
        """The longest time without an answer between two times."""
        times = [begin, *(when for when, _ in self.answers(begin) if when <= end), end]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def wait_answer(self, deadline=5.0, after=0.0, who=None):
        """Waits for an answer (of somebody); returns (time, who)."""
        def first():
            return next((a for a in self.answers(after) if who is None or a[1] == who), None)
        return wait_for(first, deadline, f"an answer{f' from {who}' if who else ''}")

    def stop(self):
        return self.process.stop()


class Capture:
    """tcpdump on a machine's interface."""

    # A frame of a type for local experiments: nobody but a capture looks for it.
    MARK_TYPE = 0x88B5
    MARK = bytes(12) + MARK_TYPE.to_bytes(2, "big") + b"end of capture".ljust(46, b"\0")

    def __init__(self, node, interface, expression):
        self.node = node
        self.interface = interface
        number = len(node.processes)
        self.path = node.lab_folder / f"{node.name}.{interface}.{number}.pcap"
        wanted = f"({expression}) or ether proto {self.MARK_TYPE}" if expression else ""
        self.process = node.start("tcpdump", "-U", "--immediate-mode", "-n", "-s0", "-Z", "root", "-i", interface,
                                  "-w", self.path, wanted, name=f"tcpdump{number}")
        wait_for(lambda: "listening on" in self.process.log(), what=f"tcpdump on {node.name}")

    def stop(self):
        """Returns the packets, a line each: all up to now, for a frame of our own ends the record."""
        with self.node.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind((self.interface, 0))
            sock.send(self.MARK)
        wait_for(lambda: self.MARK in self.path.read_bytes(), what=f"the end of {self.path}")
        self.process.stop()
        return self.lines()

    def lines(self):
        return self.node.run("tcpdump", "-r", self.path, "-nn", "-e",
                             f"not ether proto {self.MARK_TYPE}").stdout.splitlines()

    def fields(self, names, display_filter=""):
        """Fields as tshark names them, a list for each packet."""
        options = [word for name in names for word in ("-e", name)]
        done = self.node.run("tshark", "-r", self.path, "-Y", display_filter, "-T", "fields", *options)
        return [line.split("\t") for line in done.stdout.splitlines()]


class Client(Node):
    def connect(self, vip, port=80, timeout=2.0):
        """An HTTP connection that stays open; request() on it goes over this one connection only."""
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        sock = self.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect((vip, port))
        except OSError:
            sock.close()
            raise
        connection = http.client.HTTPConnection(vip, port)
        connection.auto_open = 0
        connection.sock = sock
        return connection

    @staticmethod
    def request(connection, path="/"):
        connection.request("GET", path)
        return connection.getresponse().read()

    def get(self, vip, port=80, path="/", timeout=2.0):
        """One request on a connection of its own: which server answered, and whom it saw."""
        connection = self.connect(vip, port, timeout)
        try:
            return Answer(*self.request(connection, path).decode().split())
        except http.client.HTTPException as error:
            raise LabError(f"{vip} port {port}: {error!r}") from error
        finally:
            connection.close()

    def get_many(self, count, vip, port=80):
        """How many of these requests each (server, client seen) had."""
        return collections.Counter(self.get(vip, port) for _ in range(count))


class Server(Client):
    """A real server, which may as well be a client."""

    nginx = None

    def start_nginx(self):
        self.nginx = self.start("nginx", "-e", "stderr", "-c", HERE / "nginx.conf", "-p", "/run")
        wait_for(lambda: self.run("ss", "-Htln", "sport", "=", ":8080").stdout, what=f"nginx on {self.name}")

    def stop_nginx(self):
        self.nginx.stop()

    def prepare(self, config, action="start", addresses=None):
        """Runs the scripts that lbd generates for this server; returns what they print.  Tunnels end in the
        kernel's devices where it has them, else in the lbd-decap that was built.
        addresses: those of the server that the configuration names, else both of eth0."""
        leg = self.interfaces["eth0"]
        said = []
        for address in addresses or (leg.v4, leg.v6):
            script = self.lab_folder / f"{self.name}.{address}.sh"
            script.write_text(self.run(BUILD / "lbd", "rs-script", "--server", address, "-c", config,
                                       "--node", "lb1").stdout)
            said.append(self.run("sh", script, action, env={**os.environ, "LBD_DECAP": str(BUILD / "lbd-decap")}).stdout)
        return "".join(said)


class Director(Node):
    lbd = None

    def start_lbd(self, config, *options, ready=True):
        """Its node in the config is found by the host name."""
        self.lbd = self.start(BUILD / "lbd", "-c", config, *options)
        if ready:
            self.wait_lbd()

    def wait_lbd(self, deadline=10.0):
        wait_for(lambda: not self.lbd.running or self.lbctl("status"), deadline, f"lbd on {self.name}", 0.03)
        if not self.lbd.running:
            raise LabError(f"lbd ended with {self.lbd.wait()}: {self.lbd.log()[-2000:]}")

    def stop_lbd(self, number=signal.SIGTERM):
        return self.lbd.stop(number)

    def reload_lbd(self):
        self.lbd.send(signal.SIGHUP)

    def lbctl(self, *arguments):
        """What lbctl says, as JSON gives it."""
        return json.loads(self.run(BUILD / "lbctl", *arguments, "--json").stdout)


class Lab:
    """Builds the topology above; a context manager.

    directors   1 or 2
    tx_offload  False: the directors compute checksums in software, as behind a NIC without offloads, so a
                wrong one is not hidden by veth
    xdp         True: frames redirected by a native XDP program arrive (a veth's peer needs GRO for it), and
                senders complete their checksums (XDP sees and sends them as they are)
    """

    def __init__(self, directors=1, servers=3, tx_offload=True, xdp=False):
        machine.reap()
        self.folder = machine.new_folder()
        self._closed = False
        _open_labs.append(self)
        try:
            self._build(directors, servers)
            if xdp:
                self._prepare_xdp()
            if xdp or not tx_offload:
                for director in self.directors:
                    for interface in director.interfaces:
                        director.offload(interface, tx="off")
        except BaseException:
            self.close()
            raise

    def _build(self, directors, servers):
        self.switch = Machine(self.folder, "switch")
        self.client = Client(self, "client")
        self.client.add_leg("eth0", OUTSIDE, 100)
        self.directors = []
        for number in range(1, directors + 1):
            director = Director(self, f"lb{number}")
            director.add_leg("eth0", OUTSIDE, 1 + number)
            director.add_leg("eth1", INSIDE, 1 + number)
            self.directors.append(director)
        self.servers = []
        for number in range(1, servers + 1):
            server = Server(self, f"web{number}")
            server.add_leg("eth0", INSIDE, 10 + number)
            server.add_leg("eth1", OUTSIDE, 20 + number, plain=False)
            self.servers.append(server)
        self.nodes = [self.client, *self.directors, *self.servers]
        for each in (self.switch, *self.nodes):
            each.wait_ready()
        self._plug()
        for node in self.nodes:
            node.setup()
        for server in self.servers:
            for family, segment in (("-4", "192.0.2.0/24"), ("-6", "2001:db8::/64")):
                server.run("ip", family, "rule", "add", "from", segment, "lookup", str(LEG_TABLE))
                server.run("ip", family, "route", "add", segment, "dev", "eth1", "table", str(LEG_TABLE))

    def _plug(self):
        """Two bridges, and a veth pair for each leg."""
        self.switch.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        commands = []
        for bridge in ("outside", "inside"):
            commands += [f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up"]
        for node in self.nodes:
            for leg in node.interfaces.values():
                bridge = "outside" if leg.segment == OUTSIDE else "inside"
                commands += [f"link add {leg.port} type veth peer name {leg.name} "
                             f"address {leg.mac} netns {node.pid}",
                             f"link set {leg.port} master {bridge} up"]
        self.switch.ip(*commands)

    def _prepare_xdp(self):
        for director in self.directors:
            for leg in director.interfaces.values():
                self.switch.run("ethtool", "-K", leg.port, "gro", "on")
        for node in (self.client, *self.servers):
            for interface in node.interfaces:
                node.offload(interface, tx="off")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every process in the lab and removes it."""
        if self._closed:
            return
        self._closed = True
        _open_labs.remove(self)
        machine.remove(self.folder)

    def keep(self):
        """The lab outlives this process; `lab.py remove FOLDER` ends it."""
        (self.folder / "owner").write_text("0 kept\n")
        self._closed = True
        _open_labs.remove(self)

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def cut(self, node, interface):
        """Pulls the cable: the node's interface loses its carrier."""
        self.switch.ip(f"link set {node.interfaces[interface].port} down")

    def plug_in(self, node, interface):
        self.switch.ip(f"link set {node.interfaces[interface].port} up")

    def capture(self, node, interface, expression=""):
        """Records what passes on the cable of an interface until stopped: in the switch, where also that is seen
        which a node's XDP program takes or sends."""
        return Capture(self.switch, node.interfaces[interface].port, expression)

    def name_of(self, mac):
        """Which machine a MAC belongs to."""
        for node in self.nodes:
            if any(leg.mac == mac for leg in node.interfaces.values()):
                return node.name
        return mac

    def who_has(self, address):
        """The names of the machines that answer for an address on its segment, asked from the client (outside)
        or from the last server (inside)."""
        outside = ipaddress.ip_address(address) in ipaddress.ip_network(
            "192.0.2.0/24" if "." in address else "2001:db8::/64")
        asker = self.client if outside else self.servers[-1]
        return sorted(self.name_of(mac) for mac in asker.owners("eth0", address))

    def write_config(self, text, name="lbd.conf"):
        path = self.folder / name
        path.write_text(text)
        return path


_open_labs = []


@atexit.register
def _close_labs():
    for lab in list(_open_labs):
        lab.close()


def close_on_signals():
    """SIGTERM and SIGHUP end the program as Ctrl-C does, so that its labs are removed."""
    def leave(number, frame):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def main():
    """lab.py enter FOLDER MACHINE [COMMAND...] | remove FOLDER | reap"""
    match sys.argv[1:]:
        case ["enter", folder, name, *command]:
            pid = (pathlib.Path(folder) / f"{name}.pid").read_text().split()[0]
            argv = ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--",
                    *(command or ["bash", "--norc"])]
            sys.exit(subprocess.run(argv, check=False).returncode)
        case ["remove", folder]:
            machine.remove(pathlib.Path(folder))
        case ["reap"]:
            machine.reap()
        case _:
            sys.exit(f"usage: {main.__doc__}")


if __name__ == "__main__":
    main()
