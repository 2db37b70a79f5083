# SPDX-License-Identifier: BSD-2-Clause
"""A master says where its addresses live: five times at once, five times after five seconds, then each
announce_refresh."""
import lab as lablib
import pytest
from lab import wait_for
from scenario import let_pass, render

VIP = {"4": "192.0.2.50", "6": "2001:db8::50"}
# What the frames are, and where they say the address.
FRAMES = {"4": ("arp.isgratuitous == 1 && arp.src.proto_ipv4 == 192.0.2.50", "arp.src.hw_mac"),
          "6": ("icmpv6.type == 136 && icmpv6.nd.na.target_address == 2001:db8::50", "icmpv6.opt.linkaddr")}


@pytest.mark.parametrize("family", ["4", "6"])
def test_bursts_and_then_the_refresh(family):
    length = {"4": 24, "6": 64}[family]
    config = {"director": {"engine": "none"},
              "vrrp": {"web": {"interface": "eth0", "vrid": 51, "advert_interval": "100ms", "announce_refresh": "1s",
                               "addresses": [f"{VIP[family]}/{length}"]}}}
    with lablib.Lab(directors=1, servers=0) as lab:
        director = lab.directors[0]
        wanted, mac = FRAMES[family]
        capture = lab.capture(director, "eth0", "arp or icmp6")
        director.start_lbd(lab.write_config(render(config)))
        wait_for(lambda: director.lbctl("vrrp")[0]["state"] == "MASTER", what="MASTER")
        wait_for(lambda: len(capture.fields([mac], wanted)) >= 14, 20, "two bursts and four refreshes")
        frames = [(float(when), said) for when, said in capture.fields(["frame.time_epoch", mac], wanted)]
        assert {said for _, said in frames} == {director.interfaces["eth0"].mac}
        times = [when for when, _ in frames]
        assert times[4] - times[0] < 2 and times[9] - times[5] < 2
        assert times[5] - times[4] > 4.9  # between the bursts
        assert all(later - earlier > 0.9 for earlier, later in zip(times[9:], times[10:]))
        assert director.stop_lbd() == 0
        count = len(capture.fields([mac], wanted))
        let_pass(2.5)
        assert len(capture.fields([mac], wanted)) == count
        capture.stop()
