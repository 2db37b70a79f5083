# SPDX-License-Identifier: BSD-2-Clause
"""VRRPv3 with keepalived as the peer, both families, in both roles."""
import pytest
from lab import wait_for
from scenario import DR, FULLNAT, GATEWAY, NAT, OUTSIDE_VIPS, Scenario, base_config, let_pass

ALL = [*OUTSIDE_VIPS, *GATEWAY.values()]


def keepalived_config(priority):
    """The same instances as scenario.base_config has."""
    text = "global_defs {\n\trouter_id lb2\n\tvrrp_version 3\n}\n"
    for family, length in (("4", 24), ("6", 64)):
        first = ["fe80::200:5eff:fe00:233/64 dev eth0"] if family == "6" else []
        addresses = first + [f"{vip[family]}/{length} dev eth0" for vip in (NAT, DR, FULLNAT)]
        addresses.append(f"{GATEWAY[family]}/{length} dev eth1")
        listed = "\n\t\t".join(addresses)
        text += (f"vrrp_instance shop{family} {{\n\tinterface eth0\n\tvirtual_router_id 51\n\tpriority {priority}\n"
                 f"\tadvert_int 0.1\n\tvirtual_ipaddress {{\n\t\t{listed}\n\t}}\n}}\n")
    return text


@pytest.fixture
def mixed():
    """lb1 runs lbd, lb2 has keepalived ready to start."""
    scenario = Scenario(directors=2, config=base_config())

    def start_keepalived(priority):
        path = scenario.lab.write_config(keepalived_config(priority), "keepalived.conf")
        scenario.keepalived = scenario.lb2.start("keepalived", "--vrrp", "--dont-fork", "--log-console",
                                                 "--use-file", path)

    scenario.start_keepalived = start_keepalived
    try:
        scenario.lb1.start_lbd(scenario.path)
        yield scenario
    finally:
        scenario.close()


def test_lbd_stays_master_and_hands_over(mixed):
    mixed.wait_owner(mixed.lb1)
    mixed.start_keepalived(100)
    wait_for(lambda: mixed.keepalived.log().count("Entering BACKUP STATE") == 2, what="keepalived in BACKUP")
    let_pass(1)
    assert "MASTER STATE" not in mixed.keepalived.log()
    assert mixed.lb1.stop_lbd() == 0
    mixed.wait_owner(mixed.lb2)
    mixed.lb1.start_lbd(mixed.path)
    mixed.wait_owner(mixed.lb1)
    assert mixed.keepalived.log().count("Entering MASTER STATE") == 2


def test_lbd_yields_to_a_better_keepalived(mixed):
    mixed.wait_owner(mixed.lb1)
    mixed.start_keepalived(200)
    mixed.wait_owner(mixed.lb2)
    mixed.keepalived.stop()
    mixed.wait_owner(mixed.lb1)


def test_killed_lbd_is_fenced_by_keepalived_adverts(mixed):
    mixed.wait_owner(mixed.lb1)
    mixed.start_keepalived(100)
    wait_for(lambda: mixed.keepalived.log().count("Entering BACKUP STATE") == 2, what="keepalived in BACKUP")
    mixed.lb1.stop_lbd(9)
    mixed.wait_owner(mixed.lb2, deadline=2)
    for address in ALL:
        assert mixed.lab.who_has(address) == ["lb2"]
