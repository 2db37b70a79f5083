# SPDX-License-Identifier: BSD-2-Clause
"""A director whose services differ in their checks only: what does each check say of web1?"""
import collections
import re

import lab as lablib
from lab import wait_for
from scenario import NAT, Scenario, base_config, servers

ROGUE = lablib.HERE / "rogue.py"
# What a check is, and what comes of it: its code, and a pattern of its text.
Case = collections.namedtuple("Case", "check code detail")


class Checks:
    """One service, with servers of both families, for each case."""

    def __init__(self, cases, prepare=None):
        """prepare(scenario): starts what is needed on scenario.servers[0], before the director."""
        self.cases = cases
        config = base_config()
        config["services"] = {
            name: {"vip": list(NAT.values()), "port": 1000 + n, "method": "nat",
                   "servers": {"web1": {"address": "10.0.0.11"}, "web1_6": {"address": "fd00::11"}},
                   "check": {"interval": "1s", "timeout": "1s", "rise": 1, "fall": 1, **case.check}}
            for n, (name, case) in enumerate(cases.items())}
        # The other servers are there, too, and prepared.
        config["services"]["all"] = {"vip": list(NAT.values()), "port": 999, "method": "nat", "servers": servers(),
                                     "check": {"type": "none"}}
        self.scenario = Scenario(config=config)
        self.server = self.scenario.servers[0]
        self.director = self.scenario.lb1
        try:
            if prepare:
                prepare(self.scenario)
            self.director.start_lbd(self.scenario.path)
        except BaseException:
            self.close()
            raise

    def checks(self, name):
        """The states of a service's checks, one for each family."""
        return [server["checks"][0] for service in self.director.lbctl("services") if service["name"] == name
                for server in service["servers"]]

    def _said(self, name):
        checks = self.checks(name)
        return checks if len(checks) == 2 and all(check["attempts"] for check in checks) else None

    def assert_case(self, name):
        case = self.cases[name]
        for check in wait_for(lambda: self._said(name), what=f"attempts of {name}"):
            assert (check["last"], check["up"]) == (case.code, case.code.endswith("OK")), check
            assert re.fullmatch(case.detail, check["detail"]), check
            assert 0 < check["latency_s"] < 2 or case.code == "LOCAL", check

    def wait_state(self, name, up, deadline=10):
        wait_for(lambda: all(c["attempts"] and c["up"] == up for c in self.checks(name)), deadline, f"{name} up: {up}")

    def close(self):
        self.scenario.close()


def start_rogue(machine, ports, *options):
    """ports: mode -> port."""
    rogue = machine.start(lablib.PYTHON, ROGUE, *options, *(f"{mode}={port}" for mode, port in ports.items()), name="rogue")
    wait_for(lambda: "ready\n" in rogue.log(), what="rogue servers")
    return rogue
