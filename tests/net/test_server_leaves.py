# SPDX-License-Identifier: BSD-2-Clause
"""A server fails or is removed: what becomes of its connections, as on_server_down says."""
import re
import socket

import pytest
from lab import wait_for
from scenario import CHECK, DR, ECHO_PORT, FULLNAT, NAT, base_config, let_pass

METHODS = {"nat": NAT, "fullnat": FULLNAT, "dr": DR}
SERVICES = ("echo", "echo_fullnat", "echo_dr")
WAYS = [(method, family) for method in METHODS for family in "46"]
LEARNS_WITHIN = 1.0


class Idle:
    """A connection to echo.py that has talked in both directions and is silent now."""

    def __init__(self, client, method, family):
        self.method, self.family, self.vip = method, family, METHODS[method][family]
        self.sock = client.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect((self.vip, ECHO_PORT))
        greeting = b""
        while not greeting.endswith(b"\n"):
            greeting += self.sock.recv(100)
        self.server, *self.seen_as = greeting.decode().split()  # the client's address and port there
        self.say(b"x" * 3000)

    def say(self, words):
        self.sock.sendall(words)
        got = b""
        while len(got) < len(words):
            got += self.sock.recv(len(words))
        assert got == words

    def is_reset(self, within):
        self.sock.settimeout(within)
        try:
            return self.sock.recv(1) == b"never"
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def on_server(self, scenario):
        """Does the server still know it?"""
        server = next(s for s in scenario.servers if s.name == self.server)
        address, port = self.seen_as
        return re.search(rf"{re.escape(address)}\]?:{port}\b", server.run("ss", "-tn").stdout)

    def close(self):
        self.sock.close()


def config(mode):
    """The echo services check nginx: when that stops, their servers fail and yet their connections are there."""
    c = base_config()
    for name in SERVICES:
        c["services"][name] |= {"on_server_down": mode, "check": {**CHECK, "port": 80}}
    return c


@pytest.fixture(params=["keep", "drop", "reset"])
def leaving(request, make_scenario):
    """(mode, scenario, connections): a running director, and idle connections to every server by every way."""
    scenario = make_scenario(config=config(request.param)).start()
    connections = [Idle(scenario.client, *way) for way in WAYS for _ in range(3)]
    yield request.param, scenario, connections
    for connection in connections:
        connection.close()


def split(connections):
    ours = [c for c in connections if c.server == "web1"]
    assert {(c.method, c.family) for c in ours} == set(WAYS)
    return ours, [c for c in connections if c.server != "web1"]


def states(scenario):
    """The states of web1 in both families of the echo services."""
    return [server["up"] for service in scenario.lb1.lbctl("services") if service["name"] in SERVICES
            for server in service["servers"] if server["name"].startswith("web1")]


def flow_stats(scenario):
    return scenario.lb1.lbctl("status")["engine"]["flows"]


def check_outcome(mode, scenario, connections, captures=()):
    """To be called right after web1 has left.  captures: of what each VIP and the client say to each other."""
    ours, others = split(connections)
    if mode == "reset":
        for c in ours:
            assert c.is_reset(LEARNS_WITHIN), f"{c.method} IPv{c.family}: no reset"
        for capture in captures:
            # Its sequence number was exact: nobody asked back (RFC 5961 3.2: a challenge ACK).
            lines = capture.stop()
            assert len(lines) == 1 and "Flags [R]" in lines[0], lines
        for c in ours:
            if c.method != "dr":
                wait_for(lambda: not c.on_server(scenario), what="the server's socket to be gone")
            else:
                assert c.on_server(scenario)  # the director cannot know its sequence numbers
        stats = flow_stats(scenario)
        assert stats["resets_sent"] == stats["resets"] == 10  # four flows of nat and fullnat, both ends; two of dr
        assert stats["resets_failed"] == stats["resets_unknown"] == 0
    elif mode == "drop":
        wait_for(lambda: flow_stats(scenario)["lost"] >= len(WAYS), what="their flows to be ended")
        for c in ours:
            assert not c.is_reset(0.2) and c.on_server(scenario)
        assert flow_stats(scenario)["resets"] == 0
    else:
        let_pass(0.5)
        for c in ours:
            c.say(b"still here")
        assert flow_stats(scenario)["lost"] == 0
    for c in others:
        c.say(b"not concerned")


def test_server_fails(leaving):
    mode, scenario, connections = leaving
    captures = [scenario.lab.capture(scenario.client, "eth0", f"tcp port {ECHO_PORT} and host {vip}")
                for vips in METHODS.values() for vip in vips.values()]
    scenario.servers[0].stop_nginx()
    wait_for(lambda: states(scenario) == [False] * len(WAYS), what="web1 to be down")
    check_outcome(mode, scenario, connections, captures)
    scenario.servers[0].start_nginx()
    wait_for(lambda: states(scenario) == [True] * len(WAYS), what="web1 to be up")
    if mode == "keep":
        for c in split(connections)[0]:
            c.say(b"and again")


def test_server_is_removed(leaving):
    mode, scenario, connections = leaving
    c = config(mode)
    for name in SERVICES:
        c["services"][name]["servers"] = {k: v for k, v in c["services"][name]["servers"].items()
                                          if not k.startswith("web1")}
    scenario.reload(c)
    wait_for(lambda: not states(scenario), what="web1 to be removed")
    check_outcome(mode, scenario, connections)


def test_weight_0_drains(make_scenario):
    """Not even where flows are reset when a server fails."""
    scenario = make_scenario(config=config("reset")).start()
    connections = [Idle(scenario.client, *way) for way in WAYS for _ in range(3)]
    c = config("reset")
    for name in SERVICES:
        for server in ("web1", "web1_6"):
            c["services"][name]["servers"][server] = {**c["services"][name]["servers"][server], "weight": 0}
    scenario.reload(c)
    wait_for(lambda: "web1" not in {Idle(scenario.client, *way).server for way in WAYS for _ in range(3)},
             what="new connections to go elsewhere")
    for connection in connections:
        connection.say(b"still here")
        connection.close()
    assert flow_stats(scenario)["lost"] == 0
