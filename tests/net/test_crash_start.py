# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 and start, twenty times: the data plane goes on, and the new daemon adopts all of it."""
import json
import re
import signal

import lab
import pytest
from lab import wait_for
from scenario import DR, GATEWAY, NAT, OUTSIDE_VIPS, base_config
from test_repair import filters


def state(director):
    """What a crash could leave twice: filters, programs and maps in use, addresses."""
    hung = {}
    for interface in director.interfaces:
        for hook in ("ingress", "egress"):
            shown = json.loads(director.run("tc", "-j", "filter", "show", "dev", interface, hook).stdout)
            hung[interface, hook] = len([f for f in shown if "options" in f])
    addresses = sorted(line.split()[3] for line in director.run("ip", "-o", "address").stdout.splitlines())
    pins = director.run("find", "/run", "/sys/fs/bpf", "-path", "*lbd*", "-type", "f").stdout.split()
    return hung, addresses, sorted(pin for pin in pins if "/bpf/" in pin)


def programs(director):
    """The ids of the BPF programs that hang on its interfaces."""
    shown = [director.run("tc", "filter", "show", "dev", interface, hook).stdout
             for interface in director.interfaces for hook in ("ingress", "egress")]
    return set(re.findall(r" id (\d+) ", " ".join(shown)))


def test_twenty_crashes(single):
    connections = [single.client.connect(vip) for vip in (*NAT.values(), *DR.values())]
    first = [single.client.request(connection) for connection in connections]
    before = state(single.lb1)
    assert all(count == 1 for count in filters(single.lb1).values())
    for turn in range(20):
        single.lb1.stop_lbd(signal.SIGKILL)
        assert [single.client.request(connection) for connection in connections] == first, f"dead, turn {turn}"
        single.lb1.start_lbd(single.path)
        wait_for(lambda: state(single.lb1) == before, what=f"the same state after start {turn}")
        assert [single.client.request(connection) for connection in connections] == first, f"turn {turn}"
    assert single.lb1.lbd.log().count("adopted the maps") == 20
    single.wait_serving(single.lb1)


PINS = "/run/lbd/bpf/lbd"
LAYOUT = re.search(r"define LBD_LAYOUT (\d+)", (lab.HERE.parent / "src/ipvs/abi.h").read_text()).group(1)


def pretend_an_older_layout(single):
    """What an lbd with another layout leaves when it dies: its programs stand and use its pinned maps."""
    single.lb1.run("mv", f"{PINS}/layout-{LAYOUT}", f"{PINS}/layout-0")
    return f"{PINS}/layout-0 is not of this lbd's layout {LAYOUT}: its maps are removed, flows are lost"


def ask_for_larger_tables(single):
    """The same layout, but maps of another size."""
    config = base_config()
    config["director"].update(attach="tc", flows=131072)
    single.write(config)
    return f"the maps left in {PINS}/layout-{LAYOUT} do not fit (flows4): they are removed, flows are lost"


def lose_a_pin(single):
    """A set of maps with a gap is not taken over: those that are left would belong to nothing."""
    single.lb1.run("rm", f"{PINS}/layout-{LAYOUT}/gates")
    return f"the maps left in {PINS}/layout-{LAYOUT} do not fit (gates): they are removed, flows are lost"


@pytest.mark.parametrize("change", [pretend_an_older_layout, ask_for_larger_tables, lose_a_pin])
def test_maps_of_another_layout_make_a_clean_start(single, change):
    """The old programs are replaced by ours, the old maps are gone, and the log says that flows are lost."""
    connection = single.client.connect(NAT["4"])
    single.client.request(connection)
    before, old = state(single.lb1), programs(single.lb1)
    single.lb1.stop_lbd(signal.SIGKILL)
    said = change(single)
    assert programs(single.lb1) == old  # so it would stay without the next start
    single.lb1.start_lbd(single.path)
    assert said in single.lb1.lbd.log()
    single.wait_serving(single.lb1)
    assert state(single.lb1) == before
    assert not programs(single.lb1) & old
    with pytest.raises(OSError):
        single.client.request(connection)  # a flow that this data plane does not know


def test_stray_addresses_of_a_dead_master_are_removed(pair):
    """The peer has taken over; whoever comes back as standby takes the VIPs away that its last life left."""
    config = dict(pair.config)
    for instance in config["vrrp"].values():
        instance["preempt"] = False
    pair.write(config)
    pair.lb1.stop_lbd(signal.SIGKILL)
    pair.wait_owner(pair.lb2)
    shown = pair.lb1.run("ip", "-o", "address").stdout
    assert all(f" {address}/" in shown for address in OUTSIDE_VIPS)  # the crash did leave them
    pair.lb1.start_lbd(pair.path)

    def clean():
        shown = pair.lb1.run("ip", "-o", "address").stdout
        return not [a for a in (*OUTSIDE_VIPS, *GATEWAY.values()) if f" {a}/" in shown]
    wait_for(clean, what="no stray address on lb1")
    pair.wait_owner(pair.lb2)
