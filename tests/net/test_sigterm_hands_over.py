# SPDX-License-Identifier: BSD-2-Clause
"""SIGTERM: the master resigns with priority 0, and the standby has the addresses at once."""
import time

from scenario import ADVERT, GATEWAY, NAT, OUTSIDE_VIPS

SKEW = ADVERT * 156 / 256


def test_standby_takes_over_within_its_skew(pair):
    probes = [pair.client.probe("link", "eth0", vip) for vip in NAT.values()]
    for probe in probes:
        probe.wait_answer()
    stopped = time.monotonic()
    assert pair.lb1.stop_lbd() == 0
    standby = pair.lb2.interfaces["eth0"].mac
    for probe in probes:
        taken, _ = probe.wait_answer(after=stopped, who=standby)
        assert taken - stopped < SKEW + 0.1
        probe.stop()
    pair.wait_serving(pair.lb2)


def test_addresses_and_sysctls_are_as_before(pair):
    pair.lb1.stop_lbd()
    shown = pair.lb1.run("ip", "-o", "address").stdout
    assert not [address for address in (*OUTSIDE_VIPS, *GATEWAY.values()) if f" {address}/" in shown]
    assert pair.lb1.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    assert pair.lb1.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding").stdout == "0\n"
