# SPDX-License-Identifier: BSD-2-Clause
"""The operator's program runs at each transition, in order, and its last word is the last state."""
import re

import lab as lablib
import pytest
from lab import wait_for
from scenario import render

VIPS = {"web4": "192.0.2.50/24", "web6": "2001:db8::50/64"}


@pytest.fixture
def lab():
    with lablib.Lab(directors=1, servers=0) as made:
        made.folder.chmod(0o777)
        yield made


def wrapper():
    """With the capabilities that the unit file leaves."""
    unit = (lablib.HERE.parent / "dist" / "lbd.service.in").read_text()
    wanted = re.search(r"^CapabilityBoundingSet=(.*)", unit, re.M).group(1).lower().replace("cap_", "+").split()
    return ["setpriv", f"--bounding-set={','.join(['-all', *wanted])}", "--no-new-privs"]


def start(lab, body, wrapped=()):
    program = lab.folder / "event"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    config = {"director": {"engine": "none"},
              "vrrp": {name: {"interface": "eth0", "vrid": 51, "advert_interval": "100ms", "addresses": [vip],
                              "notify": [str(program), "word"], "notify_timeout": "2s"}
                       for name, vip in VIPS.items()}}
    director = lab["lb1"]
    director.lbd = director.start(*wrapped, lablib.BUILD / "lbd", "-c", lab.write_config(render(config)), name="lbd")
    director.wait_lbd()


def said(lab, name):
    path = lab.folder / f"{name}.log"
    return path.read_text().splitlines() if path.exists() else []


def test_each_transition_and_the_stop(lab):
    start(lab, f"echo $1 $(id -un) $LBD_FAMILY $LBD_PREVIOUS $LBD_STATE $LBD_REASON >>{lab.folder}/$LBD_INSTANCE.log")
    for name in VIPS:
        wait_for(lambda: len(said(lab, name)) == 2, what="two transitions")
    assert lab["lb1"].stop_lbd() == 0
    for name, family in (("web4", "ipv4"), ("web6", "ipv6")):
        assert said(lab, name) == [f"word nobody {family} INITIALIZE BACKUP interface and address are there",
                                   f"word nobody {family} BACKUP MASTER master timer expired",
                                   f"word nobody {family} MASTER INITIALIZE stopped"]


def test_the_last_word_is_the_last_state(lab):
    """A slow program and a link that flaps: two never run at a time."""
    start(lab, f"mkdir {lab.folder}/lock.$LBD_INSTANCE || echo TWICE >>{lab.folder}/$LBD_INSTANCE.log\nsleep 0.3\n"
               f"echo $LBD_STATE >>{lab.folder}/$LBD_INSTANCE.log\nrmdir {lab.folder}/lock.$LBD_INSTANCE")
    for _ in range(10):
        lab.cut(lab["lb1"], "eth0")
        lab.plug_in(lab["lb1"], "eth0")
    wait_for(lambda: {one["state"] for one in lab["lb1"].lbctl("vrrp")} == {"MASTER"}, what="MASTER")
    for name in VIPS:
        wait_for(lambda: said(lab, name)[-1:] == ["MASTER"], what="MASTER told")
        assert "TWICE" not in said(lab, name)
        assert len(said(lab, name)) < 12


def test_a_program_that_hangs_is_ended(lab):
    start(lab, f"echo $LBD_STATE >>{lab.folder}/$LBD_INSTANCE.log; sleep 4243", wrapper())
    wait_for(lambda: "notify: took longer than 2 s" in lab["lb1"].lbd.log(), 10, "the end of the first")
    for name in VIPS:
        wait_for(lambda: said(lab, name)[-1:] == ["MASTER"], 10, "the next one")
    assert lab["lb1"].stop_lbd() == 0
    wait_for(lambda: not lab["lb1"].run("pgrep", "-fx", "sleep 4243", check=False).stdout, what="no program left")
