# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 and start, twenty times: the data plane goes on, and the new daemon adopts all of it."""
import json
import signal

from lab import wait_for
from scenario import DR, GATEWAY, NAT, OUTSIDE_VIPS
from test_repair import filters


def state(director):
    """What a crash could leave twice: filters, programs and maps in use, addresses."""
    programs = {}
    for interface in director.interfaces:
        for hook in ("ingress", "egress"):
            shown = json.loads(director.run("tc", "-j", "filter", "show", "dev", interface, hook).stdout)
            programs[interface, hook] = len([f for f in shown if "options" in f])
    addresses = sorted(line.split()[3] for line in director.run("ip", "-o", "address").stdout.splitlines())
    pins = director.run("find", "/run", "/sys/fs/bpf", "-path", "*lbd*", "-type", "f").stdout.split()
    return programs, addresses, sorted(pin for pin in pins if "/bpf/" in pin)


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
    single.wait_serving(single.lb1)


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
