# SPDX-License-Identifier: BSD-2-Clause
"""Which programs sit where: tc for veth by itself, native XDP when it is asked for."""
import json

from scenario import NAT


def xdp_modes(director):
    return {link["ifname"]: link.get("xdp", {}).get("mode")
            for link in json.loads(director.run("ip", "-j", "link", "show").stdout)
            if link["ifname"] in director.interfaces}


def test_auto_takes_tc_on_veth_and_says_so(make_scenario):
    scenario = make_scenario(attach="auto").start()
    assert xdp_modes(scenario.lb1) == {"eth0": None, "eth1": None}
    log = scenario.lb1.lbd.log()
    assert "eth0" in log and "veth" in log and "tc" in log


def test_forced_xdp_is_native_and_forwards(make_scenario):
    scenario = make_scenario(attach="xdp", tx_offload=False).start()
    assert xdp_modes(scenario.lb1) == {"eth0": 1, "eth1": 1}  # 1: native
    for vip in NAT.values():
        assert len(scenario.client.get_many(6, vip)) == 3


def test_xdp_ends_with_the_daemon(make_scenario):
    scenario = make_scenario(attach="xdp", tx_offload=False).start()
    assert scenario.lb1.stop_lbd() == 0
    assert xdp_modes(scenario.lb1) == {"eth0": None, "eth1": None}
