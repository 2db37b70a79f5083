# SPDX-License-Identifier: BSD-2-Clause
"""How long an address is away, beside keepalived, with adverts each 10 ms.

    failover.py [TRIALS]         default 20; needs root, keepalived and a build

Two pairs stand at the same time, one of lbd and one of keepalived, with the same instances and priorities 150 and
100; each trial does the same to both.  A client asks the VIP each millisecond over UDP; echo.py on the directors
answers, so what is measured is who has the address, not what is forwarded.  Events come at a random phase.
"""
import os
import pathlib
import random
import signal
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE.parent / "tests" / "net")]

import lab as lablib  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import DR, GATEWAY, NAT, Scenario, base_config  # noqa: E402
from stats import describe, verdict  # noqa: E402
from test_keepalived_peer import keepalived_config  # noqa: E402

SKEW = 0.010 * 156 / 256
ADDRESSES = [NAT["4"], DR["4"], GATEWAY["4"], NAT["6"]]
PORT = 9999  # of echo.py on the directors: not a service


class Pair:
    """Two directors that answer for the VIP themselves."""

    def __init__(self):
        config = base_config()
        for instance in config["vrrp"].values():
            instance["advert_interval"] = "10ms"
        self.scenario = Scenario(directors=2, config=config)
        self.lab = self.scenario.lab
        self.lb1, self.lb2 = self.scenario.directors
        for director in self.scenario.directors:
            echo = director.start(lablib.PYTHON, lablib.HERE / "echo.py", PORT)
            wait_for(lambda: "ready" in echo.log(), what="echo")
            self.start(director)
        self.steady()

    def steady(self):
        for address in ADDRESSES:
            wait_for(lambda: self.lab.who_has(address) == ["lb1"], 10, f"lb1 alone has {address}")

    def owners_later(self, event):
        """How many answer for each address a second after the event: the largest number."""
        time.sleep(max(0.0, event + 1 - time.monotonic()))
        return max(len(self.lab.who_has(address)) for address in ADDRESSES)


class Lbd(Pair):
    name = "lbd"

    def start(self, director):
        director.start_lbd(self.scenario.path)

    def end(self, number):
        self.lb1.lbd.send(number)

    def reap(self):
        self.lb1.lbd.wait()


class Keepalived(Pair):
    name = "keepalived"

    def start(self, director):
        text = keepalived_config({"lb1": 150, "lb2": 100}[director.name]).replace("advert_int 0.1", "advert_int 0.01")
        path = self.lab.write_config(text, f"{director.name}.keepalived.conf")
        director.daemon = director.start("keepalived", "--vrrp", "--dont-fork", "--log-console", "--use-file", path)

    def end(self, number):
        """All its processes at once: a child whose parent dies first would resign."""
        daemon = self.lb1.daemon
        children = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        if number == signal.SIGKILL:
            for child in children:
                os.kill(int(child), number)
        daemon.send(number)

    def reap(self):
        self.lb1.daemon.wait()


def trial(pair, event, undo):
    """Returns {figure: value} in milliseconds."""
    probe = pair.lab.client.probe("udp", NAT["4"], str(PORT))
    probe.wait_answer(who="lb1")
    time.sleep(random.uniform(0.05, 0.07))
    begun = time.monotonic()
    event(pair)
    taken, _ = probe.wait_answer(after=begun, who="lb2")
    owners = pair.owners_later(begun)
    gap = probe.longest_gap(begun - 0.02, begun + 0.9)
    probe.stop()
    undo(pair)
    pair.steady()
    return {"gap": gap * 1000, "taken": (taken - begun) * 1000, "owners": owners}


def ended(number):
    return lambda pair: pair.end(number)


def started(pair):
    pair.reap()
    pair.start(pair.lb1)


EVENTS = {
    "link down": (lambda pair: pair.lab.cut(pair.lb1, "eth0"), lambda pair: pair.lab.plug_in(pair.lb1, "eth0")),
    "SIGKILL": (ended(signal.SIGKILL), started),
    "SIGTERM": (ended(signal.SIGTERM), started),
}


def main(trials):
    begun = time.monotonic()
    pairs = []
    good = True
    try:
        pairs = [Lbd(), Keepalived()]
        for name, (event, undo) in EVENTS.items():
            results = {pair.name: [] for pair in pairs}
            for number in range(trials):
                for pair in pairs if number % 2 else reversed(pairs):
                    results[pair.name].append(trial(pair, event, undo))
            print(f"{name}, adverts each 10 ms, milliseconds")
            good &= judge(name, {peer: {figure: [r[figure] for r in rows] for figure in rows[0]}
                                 for peer, rows in results.items()})
        print(f"took {time.monotonic() - begun:.0f} s")
        return 0 if good else 1
    finally:
        for pair in pairs:
            pair.scenario.close()


def judge(event, results):
    """The figures that count for an event, beside keepalived's."""
    lbd, keepalived = results["lbd"], results["keepalived"]
    figure = "gap" if event == "link down" else "taken"
    text = {"gap": "longest gap", "taken": "until the standby answers"}[figure]
    print(describe(f"keepalived: {text}", keepalived[figure], "ms"))
    if event == "SIGTERM":
        good = verdict(f"lbd: {text}", lbd[figure], SKEW * 1000 + 10, "ms")
    else:
        limit = statistics.median(keepalived[figure]) + 5
        good = verdict(f"lbd: {text}", lbd[figure], limit, "ms")
    print(f"  owners of an address after 1 s: lbd at most {max(lbd['owners'])}, "
          f"keepalived at most {max(keepalived['owners'])}")
    return good and max(lbd["owners"]) == 1


if __name__ == "__main__":
    lablib.close_on_signals()
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
