# SPDX-License-Identifier: BSD-2-Clause
"""A director whose own cable to the servers is pulled does not blame the servers."""
from lab import wait_for
from scenario import NAT, let_pass

CHECKS = 1.5  # seconds: with 300 ms between checks and fall = 2, time for several verdicts


def down_servers(scenario):
    return [(service["name"], server["name"]) for service in scenario.lb1.lbctl("services")
            for server in service["servers"] if not server["up"]]


def test_pulled_cable_is_not_the_servers_fault(single):
    single.lab.cut(single.lb1, "eth1")
    wait_for(lambda: "cannot be made here: network is down" in single.lb1.lbd.log(), what="the warning")
    let_pass(CHECKS)
    assert down_servers(single) == []
    single.lab.plug_in(single.lb1, "eth1")
    wait_for(lambda: len(single.client.get_many(6, NAT["4"])) == 3, what="answers of all three servers")
    assert ": up -> down:" not in single.lb1.lbd.log()
