# SPDX-License-Identifier: BSD-2-Clause
"""SCTP associations of real peers through nat and dr services, of both families, with and without checksum offload.

    client (front) ---- director ---- (back) server
       (short) ----------------------- (short)         the way of dr's answers
"""
import json
import os
import socket
import subprocess
import sys
import time

PORT = 2905
NAMES = ("client", "director", "server")
LINKS = ((("client", "front"), ("director", "front")), (("director", "back"), ("server", "back")),
         (("client", "short"), ("server", "short")))
ADDRESSES = {("client", "front"): ("192.0.2.77/24", "2001:db8::77/64"),
             ("director", "front"): ("192.0.2.1/24", "2001:db8::1/64"),
             ("director", "back"): ("10.0.0.1/24", "fd00::1/64"),
             ("server", "back"): ("10.0.0.11/24", "fd00::11/64"),
             ("client", "short"): ("10.9.0.1/24", "fd09::1/64"),
             ("server", "short"): ("10.9.0.2/24", "fd09::2/64")}
CLIENT = {"4": "192.0.2.77", "6": "2001:db8::77"}
VIPS = {"nat4": "198.51.100.10", "dr4": "198.51.100.20", "nat6": "2001:db8:1::10", "dr6": "2001:db8:1::20"}
RIPS = {"4": "10.0.0.11", "6": "fd00::11"}
# Answers of nat go back through the director, those of dr to the client by the short way: told apart by source.
ROUTES = (("client", "198.51.100.0/24 via 192.0.2.1"), ("client", "2001:db8:1::/64 via 2001:db8::1"),
          ("server", "default via 10.0.0.1"), ("server", "default via fd00::1"),
          ("server", "192.0.2.77 via 10.9.0.1 table 9"), ("server", "2001:db8::77 via fd09::1 table 9"))
CONFIG = """
director: {{ interfaces = [ "front", "back" ]; }};
services: {{ {} }};
"""
SERVICE = """
{name}: {{ vip = "{vip}"; port = {port}; protocol = "sctp"; method = "{method}"; owner = "always";
    check: {{ type = "none"; }}; servers: {{ one: {{ address = "{rip}"; }}; }}; }};
"""


def inside(name, *words):
    return ("ip", "netns", "exec", name, *words)


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.05)


# ---- The peers


def listen(address):
    """Echoes what comes, one association after another, until it is killed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, PORT))  # one address, so that no other is told to the client
        server.listen(8)
        print("ready", flush=True)
        while True:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(1 << 16):
                    peer.sendall(data)


def talk(own, vip):
    """Sends and compares until standard input ends, then shuts the association down."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as client:
        client.settimeout(30)
        client.bind((own, 0))
        client.connect((vip, PORT))
        for size in [1, 100, 1400, 1500, 4000, 20000] + 40 * [3000]:
            data = os.urandom(size)
            client.sendall(data)
            echo = b""
            while len(echo) < size:
                piece = client.recv(1 << 16)
                assert piece, "the server hung up"
                echo += piece
            assert echo == data
        print("talked", flush=True)
        sys.stdin.read()


# ---- The scenario


def build(config):
    for name in NAMES:
        run("ip", "netns", "add", name)
        run(*inside(name, "ip", "link", "set", "lo", "up"))
    for (one, link), (other, peer) in LINKS:
        run("ip", "link", "add", link, "netns", one, "type", "veth", "peer", "name", peer, "netns", other)
    for (name, link), addresses in ADDRESSES.items():
        run(*inside(name, "ip", "link", "set", link, "up"))
        for address in addresses:
            run(*inside(name, "ip", "addr", "add", address, "dev", link, *["nodad"] * (":" in address)))
    for name, route in ROUTES:
        run(*inside(name, "ip", *["-6"] * (":" in route), "route", "add", *route.split()))
    for service, vip in VIPS.items():
        if service.startswith("dr"):
            length = "/128" if ":" in vip else "/32"
            run(*inside("server", "ip", "addr", "add", vip + length, "dev", "lo"))
            run(*inside("server", "ip", *["-6"] * (":" in vip), "rule", "add", "from", vip, "table", "9"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format("".join(
            SERVICE.format(name=name, vip=vip, port=PORT, method=name[:-1], rip=RIPS[name[-1]])
            for name, vip in VIPS.items())))


def service(lbctl, name):
    answer = json.loads(run(*inside("director", lbctl, "--json", "services")))
    return next(s for s in answer if s["name"] == name)


def start(*words):
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def me(name, *words):
    return start(*inside(name, sys.executable, "-S", os.path.abspath(__file__), *words))


def associate(lbctl, name):
    """One association, from its INIT to its SHUTDOWN COMPLETE, and what was counted of it."""
    family, vip = name[-1], VIPS[name]
    before = service(lbctl, name)
    server = me("server", "listen", vip if name.startswith("dr") else RIPS[family])
    try:
        assert server.stdout.readline() == "ready\n"
        client = me("client", "talk", CLIENT[family], vip)
        assert client.stdout.readline() == "talked\n", f"{name}: the client said nothing"
        now = service(lbctl, name)
        assert now["conns"] == before["conns"] + 1
        assert now["active"] == before["active"] + 1
        assert now["in_packets"] > before["in_packets"] + 40
        assert (now["out_packets"] > before["out_packets"] + 40) == name.startswith("nat")
        client.stdin.close()
        assert client.wait(30) == 0
        wait_for(lambda: service(lbctl, name)["active"] == before["active"], f"{name}: the association's end counted")
    finally:
        server.kill()


def packets(lbctl):
    return json.loads(run(*inside("director", lbctl, "--json", "status")))["engine"]["packets"]["ingress"]


def scenario(folder):
    config, lbctl = "/tmp/sctp.conf", f"{folder}/lbctl"
    build(config)
    daemon = start(*inside("director", f"{folder}/lbd", "-c", config))
    try:
        wait_for(lambda: os.path.exists("/run/lbd/lbd.sock"), "lbd")
        for name in VIPS:
            wait_for(lambda: service(lbctl, name)["available"] == 1, f"the server of {name}")
        for offload in ("on", "off"):
            for (name, link) in ADDRESSES:
                run(*inside(name, "ethtool", "-K", link, "tx", offload, "gso", offload))
            for name in VIPS:
                associate(lbctl, name)
                print(f"{name}, offload {offload}: well", flush=True)
        counted = packets(lbctl)
        assert not any(n for what, n in counted.items() if what.startswith("drop_")), counted
    finally:
        daemon.terminate()
        daemon.wait(30)


if __name__ == "__main__":
    peers = {"listen": listen, "talk": talk}
    if sys.argv[1] in peers:
        peers[sys.argv[1]](*sys.argv[2:])
    else:
        scenario(sys.argv[1])
