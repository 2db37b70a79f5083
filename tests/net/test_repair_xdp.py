# SPDX-License-Identifier: BSD-2-Clause
"""An XDP link that somebody detaches, or whose pin somebody removes, is put back."""
import json
import pathlib
import re

import pytest
from lab import wait_for
from scenario import NAT


@pytest.fixture
def xdp(make_scenario):
    return make_scenario(directors=1, attach="xdp", tx_offload=False).start()


def program(director, interface):
    """The id of the XDP program on an interface, or None."""
    found = re.search(r"prog/xdp id (\d+)", director.run("ip", "-details", "link", "show", interface).stdout)
    return found and int(found[1])


def test_detached_link_is_attached_again(xdp):
    running = program(xdp.lb1, "eth0")
    assert running == program(xdp.lb1, "eth1")
    links = json.loads(xdp.lb1.run("bpftool", "-j", "link", "list").stdout)
    ours = [link["id"] for link in links if link["type"] == "xdp" and link["prog_id"] == running]
    assert len(ours) == 2
    for link in ours:
        xdp.lb1.run("bpftool", "link", "detach", "id", str(link))
    for interface in xdp.lb1.interfaces:
        wait_for(lambda: program(xdp.lb1, interface) == running, what=f"the program on {interface}")
        wait_for(lambda: f"{interface}: the xdp program had been removed: put back" in xdp.lb1.lbd.log(),
                 what="the warning")
    assert len(xdp.client.get_many(6, NAT["4"])) == 3


def test_removed_pin_of_a_link_comes_back(xdp):
    pins = xdp.lb1.run("sh", "-c", "ls -d /run/lbd/bpf/*/layout-*/xdp-*").stdout.split()
    assert len(pins) == 2
    xdp.lb1.run("rm", pins[0])
    wait_for(lambda: pathlib.PurePath(pins[0]).name in
             xdp.lb1.run("sh", "-c", "ls /run/lbd/bpf/*/layout-*/").stdout, what=pins[0])
