# SPDX-License-Identifier: BSD-2-Clause
"""Instances of both families on both segments are a group: they are where all of them can be, and a member that
joins moves nothing."""
import lab as lablib
import pytest
from lab import wait_for
from scenario import let_pass, render

ADDRESSES = {"out4": "192.0.2.50/24", "out6": "2001:db8::50/64", "in4": "10.0.0.50/24", "in6": "fd00::50/64"}


def config(members):
    instances = {name: {"interface": "eth0" if name.startswith("out") else "eth1", "vrid": 51,
                        "advert_interval": "100ms", "addresses": [ADDRESSES[name]]} for name in members}
    return {"director": {"engine": "none"}, "vrrp": instances, "vrrp_groups": {"shop": list(members)},
            "nodes": {"lb1": {"vrrp": {name: {"priority": 150} for name in members}},
                      "lb2": {"vrrp": {name: {"priority": 100} for name in members}}}}


@pytest.fixture
def lab():
    with lablib.Lab(directors=2, servers=1) as made:
        yield made


def wait_owner(lab, name, members=tuple(ADDRESSES)):
    for member in members:
        address = ADDRESSES[member].split("/")[0]
        wait_for(lambda: lab.who_has(address) == [name], what=f"{name} alone has {address}")


def transitions(director, member):
    counters = {one["name"]: one["counters"] for one in director.lbctl("vrrp")}
    return counters[member]["became_master"]


def test_all_follow_when_one_link_fails_and_come_back(lab):
    path = lab.write_config(render(config(ADDRESSES)))
    for director in lab.directors:
        director.start_lbd(path)
    wait_owner(lab, "lb1")
    lab.cut(lab["lb1"], "eth1")
    wait_owner(lab, "lb2")
    states = {one["name"]: one["state"] for one in lab["lb1"].lbctl("vrrp")}
    assert states == {"out4": "BACKUP", "out6": "BACKUP", "in4": "INITIALIZE", "in6": "INITIALIZE"}
    lab.plug_in(lab["lb1"], "eth1")
    wait_owner(lab, "lb1")
    for member in ADDRESSES:
        assert transitions(lab["lb2"], member) == 1


@pytest.mark.parametrize("first", ["lb1", "lb2"])
def test_a_member_that_joins_moves_nothing(lab, first):
    old = ("out4", "in4")
    path = lab.write_config(render(config(old)))
    for director in lab.directors:
        director.start_lbd(path)
    wait_owner(lab, "lb1", old)
    lab.write_config(render(config(ADDRESSES)))
    for name in (first, "lb2" if first == "lb1" else "lb1"):
        lab[name].reload_lbd()
        wait_for(lambda: len(lab[name].lbctl("vrrp")) == 4, what="four instances")
        let_pass(1)  # several times what a backup waits
    wait_owner(lab, "lb1")
    for member in old:
        assert transitions(lab["lb1"], member) == 1
        assert transitions(lab["lb2"], member) == 0
