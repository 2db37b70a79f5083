# SPDX-License-Identifier: BSD-2-Clause
"""Shows what a pair of lbd directors does, step by step.  demo.sh builds lbd and runs this.

    demo.py [--keep]
"""
import signal
import sys
import time

import lab as lablib
from lab import LabError, wait_for

NAT, NAT6 = "192.0.2.10", "2001:db8::10"
DR, DR6 = "192.0.2.11", "2001:db8::11"
TUN, TUN6 = "192.0.2.12", "2001:db8::12"
FULLNAT, FULLNAT6 = "192.0.2.13", "2001:db8::13"
GATEWAY, GATEWAY6 = "10.0.0.1", "fd00::1"
VIPS = (NAT, NAT6, DR, DR6, TUN, TUN6, FULLNAT, FULLNAT6)
ADDRESSES = (*VIPS, GATEWAY, GATEWAY6)

DRAWING = """
                     client  192.0.2.100
                        |
   outside  ---+--------+--+-----------+-------+-------+---   192.0.2.0/24  2001:db8::/64
               | eth0      | eth0      | eth1  | eth1  | eth1      VIPs: 192.0.2.10 (nat) .11 (dr)
              lb1         lb2         web1    web2    web3             .12 (tun) .13 (fullnat)
               | eth1      | eth1      | eth0  | eth0  | eth0      servers' gateway: 10.0.0.1
   inside   ---+-----------+-----------+-------+-------+---   10.0.0.0/24   fd00::/64

   nat:     client -> VIP -> lb -> server, and the answer back through lb, the server's gateway.
   dr:      client -> VIP -> lb -> server, and the answer straight to the client (by eth1).
   tun:     the same, and from lb to the server in a tunnel: it may be anywhere.
   fullnat: as nat, but the server sees an address of lb's (10.0.0.201): any route to that will do."""


def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def say(text):
    print(f"   {text}", flush=True)


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.client = lab.client
        self.lb1, self.lb2 = lab.directors
        self.config = lablib.HERE / "lbd.conf"

    def run(self):
        self.start()
        self.balance(2, "nat", (NAT, NAT6))
        self.balance(3, "dr", (DR, DR6))
        self.balance(4, "tun", (TUN, TUN6))
        self.balance(5, "fullnat", (FULLNAT, FULLNAT6))
        self.stop_a_server()
        self.kill_the_active_director()
        self.let_it_return()

    def start(self):
        title("1. Machines (network namespaces on this host)")
        print(DRAWING)
        for server in self.lab.servers:
            server.start_nginx()
            server.start_echo()
            server.prepare(self.config)
        say("")
        say("web1-3 run nginx and were prepared by the scripts of `lbd rs-script`, nothing else.")
        for director in self.lab.directors:
            director.start_lbd(self.config, ready=False)
        for director in self.lab.directors:
            director.wait_lbd()
        self.wait_owner(self.lb1)
        for vip in VIPS:
            wait_for(lambda: len(self.client.get_many(3, vip)) == 3, what=f"three servers behind {vip}")
        say("lb1 and lb2 run lbd with the same file, lab/lbd.conf.  lb1 has the higher priority: it is master.")

    def wait_owner(self, director):
        for address in ADDRESSES:
            wait_for(lambda: self.lab.who_has(address) == [director.name],
                     what=f"{director.name} alone answers for {address}")

    def balance(self, number, method, vips):
        title(f"{number}. Requests by {method}: curl http://{vips[0]}/ and http://[{vips[1]}]/, 12 times each")
        for vip in vips:
            for (server, client), count in sorted(self.client.get_many(12, vip).items()):
                say(f"{vip:<13} {server} answered {count:2} times, and saw the client as {client}")

    def stop_a_server(self):
        title("6. nginx on web2 stops, and comes back")
        web2 = self.lab.servers[1]
        begun = time.monotonic()
        web2.stop_nginx()
        refused = self.wait_servers({"web1", "web3"})
        say(f"out after {milliseconds(time.monotonic() - begun)} (two failed checks, 500 ms apart); "
            f"{refused} requests were refused until then")
        say(f"12 requests now: {self.counts(NAT)}")
        begun = time.monotonic()
        web2.start_nginx()
        self.wait_servers({"web1", "web2", "web3"})
        say(f"back in after {milliseconds(time.monotonic() - begun)}")
        say(f"12 requests now: {self.counts(NAT)}")

    def wait_servers(self, names):
        """Asks until six answers in a row come from exactly these; returns how many were refused."""
        refused = 0

        def reached():
            nonlocal refused
            try:
                return {answer.server for answer in self.client.get_many(6, NAT)} == names
            except OSError:
                refused += 1
                raise
        wait_for(reached, what=f"answers from {names}")
        return refused

    def counts(self, vip):
        answers = self.client.get_many(12, vip)
        return ", ".join(f"{server} {count}" for (server, _), count in sorted(answers.items()))

    def kill_the_active_director(self):
        title("7. kill -9 of lbd on lb1, the active director")
        self.move("killed", lambda: self.lb1.stop_lbd(signal.SIGKILL), self.lb2)
        say("lb1's kernel still holds the VIPs, but its data plane knows that its daemon is dead and that a peer")
        say("speaks for them: it is fenced.  Who answers ARP and neighbour discovery on both segments:")
        for address in ADDRESSES:
            say(f"  {address:<13} {' and '.join(self.lab.who_has(address))}")

    def let_it_return(self):
        title("8. lbd starts again on lb1, and takes over gracefully")
        self.move("started", lambda: self.lb1.start_lbd(self.config), self.lb1)
        say(f"12 requests now: {self.counts(NAT)}; by dr: {self.counts(DR)}")

    def move(self, what, action, to):
        """Does something that moves the addresses; prints when, and what a client noticed.  It asks once a millisecond,
        by UDP through the VIP (nat) and by ARP."""
        traffic = [self.client.probe("udp", vip, str(lablib.ECHO_PORT)) for vip in (NAT, NAT6)]
        arp = self.client.probe("link", "eth0", NAT)
        for probe in (*traffic, arp):
            probe.wait_answer()
        begun = time.monotonic()
        action()
        moved, _ = arp.wait_answer(after=begun, who=to.interfaces["eth0"].mac)
        self.wait_owner(to)
        end = time.monotonic()
        say(f"{to.name} answers for the addresses {milliseconds(moved - begun)} after lbd was {what}")
        for probe, family in zip(traffic, ("IPv4", "IPv6")):
            say(f"longest time without an answer through the VIP, {family}: "
                f"{milliseconds(probe.longest_gap(begun, end - 0.05))}")
        for probe in (*traffic, arp):
            probe.stop()


def how_to_look_around(lab):
    enter = f"sudo {lablib.PYTHON} {lablib.HERE}/lab.py"
    title("The lab is still there.  Look around:")
    for text, command in (
            ("requests", "enter {0} client curl -s http://192.0.2.10/"),
            ("state of a director", f"enter {{0}} lb1 {lablib.BUILD}/lbctl status"),
            ("its log", "enter {0} lb1 tail -f {0}/lb1.lbd.log"),
            ("packets", "enter {0} lb1 tcpdump -ni eth0"),
            ("a shell on a machine (client, lb1, lb2, web1-3, switch)", "enter {0} web1"),
            ("the end of it", "remove {0}")):
        say(f"{text}:")
        say(f"   {enter} {command.format(lab.folder)}")


def main():
    keep = "--keep" in sys.argv[1:]
    lablib.close_on_signals()
    begun = time.monotonic()
    with lablib.Lab(directors=2) as lab:
        demo = Demo(lab)
        try:
            demo.run()
        except (LabError, OSError) as error:
            title(f"This went wrong: {error}")
            for director in lab.directors:
                if director.lbd:
                    print(f"--- lbd on {director.name}:\n{director.lbd.log()[-3000:]}")
            return 1
        title(f"Done in {time.monotonic() - begun:.0f} s.")
        if keep:
            how_to_look_around(lab)
            lab.keep()
        return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
