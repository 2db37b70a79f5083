# SPDX-License-Identifier: BSD-2-Clause
"""lbd and Debian's keepalived as one virtual router: version 2 and 3, both families, lbd in both roles.  Who has
the address is asked on the wire; what was sent, and when, is read from a capture in the switch."""
import signal

import lab as lablib
import pytest
from lab import wait_for
from scenario import let_pass, render

VIP = {"4": "192.0.2.50", "6": "2001:db8::50"}
LENGTH = {"4": 24, "6": 64}
# RFC 9568 5.2.9: the first address of IPv6 is link-local; lbd makes it from the virtual MAC.
LINK_LOCAL = "fe80::200:5eff:fe00:233"
CASES = [("2", "4"), ("3", "4"), ("3", "6")]
cases = pytest.mark.parametrize("version,family", CASES, ids=lambda value: value)
roles = pytest.mark.parametrize("first", ["lbd", "keepalived"])


class Duel:
    """lbd on lb1, keepalived on lb2, each with a priority, one instance."""

    def __init__(self, version, family, first="lbd", password=None, **options):
        self.version = version
        self.family = family
        self.vip = VIP[family]
        self.interval = 1.0 if version == "2" else 0.2
        self.down = self.interval * 3 + (1.0 if version == "2" else self.interval)
        self.password = password
        self.options = options  # of lbd's instance
        self.priority = {"lbd": 150, "keepalived": 100} if first == "lbd" else {"lbd": 100, "keepalived": 150}
        self.lab = lablib.Lab(directors=2, servers=0)
        self.lbd, self.keepalived = self.lab.directors
        self.daemon = None

    def instance(self):
        members = {"interface": "eth0", "vrid": 51, "version": int(self.version), "priority": self.priority["lbd"],
                   "advert_interval": f"{int(self.interval * 1000)}ms",
                   "addresses": [f"{self.vip}/{LENGTH[self.family]}"], **self.options}
        if self.password:
            members["password"] = self.password
        return members

    def start_lbd(self, ready=True):
        config = {"director": {"engine": "none"}, "vrrp": {"web": self.instance()}}
        path = self.lab.write_config(render(config))
        self.lbd.start_lbd(path, ready=ready)

    def start_keepalived(self, *extra):
        auth = [f"authentication {{\n\t\tauth_type PASS\n\t\tauth_pass {self.password}\n\t}}"] if self.password else []
        addresses = [f"{LINK_LOCAL}/64 dev eth0"] if self.family == "6" else []
        addresses.append(f"{self.vip}/{LENGTH[self.family]} dev eth0")
        lines = ["interface eth0", "virtual_router_id 51", f"version {self.version}",
                 f"priority {self.priority['keepalived']}", f"advert_int {self.interval:g}", *auth, *extra,
                 "virtual_ipaddress {\n\t\t" + "\n\t\t".join(addresses) + "\n\t}"]
        path = self.lab.write_config("vrrp_instance web {\n\t" + "\n\t".join(lines) + "\n}\n", "keepalived.conf")
        self.daemon = self.keepalived.start("keepalived", "--vrrp", "--dont-fork", "--log-console", "--use-file",
                                            path)

    def start(self):
        self.start_lbd()
        self.start_keepalived()
        return self

    def node(self, name):
        return {"lbd": self.lbd, "keepalived": self.keepalived}[name]

    def other(self, name):
        return "keepalived" if name == "lbd" else "lbd"

    def stop(self, name, number=signal.SIGTERM):
        if name == "lbd":
            self.lbd.stop_lbd(number)
        else:
            self.daemon.stop(number)

    def owners(self):
        return [{"lb1": "lbd", "lb2": "keepalived"}[who] for who in self.lab.who_has(self.vip)]

    def wait_owner(self, name, deadline=10.0):
        wait_for(lambda: self.owners() == [name], deadline, f"{name} alone has {self.vip}")

    def part(self, parted):
        """The directors no longer hear each other, others hear both."""
        for port in ("lb1-eth0", "lb2-eth0"):
            self.lab.switch.run("bridge", "link", "set", "dev", port, "isolated", "on" if parted else "off")

    def status(self):
        return self.lbd.lbctl("vrrp")[0]

    def close(self):
        try:
            if self.lbd.lbd and self.lbd.lbd.running:
                assert self.lbd.stop_lbd() == 0, self.lbd.lbd.log()[-3000:]
        finally:
            self.lab.close()


@pytest.fixture
def duel():
    made = []

    def make(*arguments, **options):
        made.append(Duel(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@cases
@roles
def test_the_other_follows_a_graceful_stop_and_gives_back(duel, version, family, first):
    d = duel(version, family, first).start()
    d.wait_owner(first)
    d.stop(first)
    d.wait_owner(d.other(first))
    if first == "lbd":
        d.start_lbd()
    else:
        d.start_keepalived()
    d.wait_owner(first)


@cases
def test_lbd_takes_over_from_the_silent(duel, version, family):
    """keepalived's machine falls off the network; what lbd needs is read from the wire."""
    d = duel(version, family, "keepalived").start()
    d.wait_owner("keepalived")
    wait_for(lambda: d.status()["counters"]["adverts_received"] > 2, what="adverts of keepalived")
    capture = d.lab.capture(d.lbd, "eth0", "proto 112" if family == "4" else "ip6 proto 112")
    let_pass(2 * d.interval)
    d.lab.cut(d.keepalived, "eth0")
    d.wait_owner("lbd")
    let_pass(2 * d.interval)
    capture.stop()
    sent = [(float(when), mac) for when, mac in capture.fields(["frame.time_epoch", "eth.src"], "vrrp")]
    mine = d.lbd.interfaces["eth0"].mac
    last = max(when for when, mac in sent if mac != mine)
    began = min(when for when, mac in sent if mac == mine)
    skew = (256 - 100) / 256 * (1.0 if version == "2" else d.interval)
    assert 3 * d.interval + skew - 0.01 < began - last < 3 * d.interval + skew + 0.15


@cases
@roles
def test_a_partition_heals_to_the_higher(duel, version, family, first):
    d = duel(version, family, first).start()
    d.wait_owner(first)
    d.part(True)
    wait_for(lambda: len(d.owners()) == 2, what="two owners")
    d.part(False)
    d.wait_owner(first)
    assert d.status()["state"] == ("MASTER" if first == "lbd" else "BACKUP")


@cases
def test_of_equals_one_stays(duel, version, family):
    """Both claim 100: whoever is master stays it, and there is one."""
    d = duel(version, family)
    d.priority = {"lbd": 100, "keepalived": 100}
    d.start()
    wait_for(lambda: len(d.owners()) == 1, what="one owner")
    before = d.owners()
    let_pass(2 * d.down)
    assert d.owners() == before


@cases
def test_without_preemption_lbd_waits(duel, version, family):
    d = duel(version, family, preempt=False)
    d.start_keepalived()
    d.wait_owner("keepalived")
    d.start_lbd()
    let_pass(2 * d.down)
    assert d.owners() == ["keepalived"]
    d.stop("keepalived")
    d.wait_owner("lbd")


def test_password_of_version_2(duel):
    d = duel("2", "4", password="s3cret").start()
    d.wait_owner("lbd")
    let_pass(2 * d.interval)
    assert d.daemon.log().count("Entering MASTER STATE") == 0
    d.stop("lbd")
    d.wait_owner("keepalived")
    d.start_lbd()
    d.wait_owner("lbd")
    assert d.status()["counters"]["drop_auth"] == 0


def test_another_password_is_told_and_dropped(duel):
    d = duel("2", "4", first="keepalived", password="s3cret")
    d.start_keepalived()
    d.wait_owner("keepalived")
    d.password = "other"
    d.start_lbd()
    wait_for(lambda: d.status()["counters"]["drop_auth"] > 2, what="adverts with another password")
    assert "another authentication or password" in d.lbd.lbd.log()
    assert d.status()["counters"]["adverts_received"] == 0


@cases
def test_tshark_has_no_complaint(duel, version, family):
    """A decoder that is neither of the two, over all that lbd sends while it comes and goes."""
    d = duel(version, family)
    capture = d.lab.capture(d.lbd, "eth0", "proto 112" if family == "4" else "ip6 proto 112")
    d.start_lbd()
    d.wait_owner("lbd")
    d.stop("lbd")
    capture.stop()
    layer, group = ("ip", "224.0.0.18") if family == "4" else ("ipv6", "ff02::12")
    hops, sender = ("ip.ttl", d.lbd.interfaces["eth0"].v4) if family == "4" else ("ipv6.hlim", None)
    sent = capture.fields([f"{layer}.src", f"{layer}.dst", hops, "vrrp.virt_rtr_id", "vrrp.prio"], "vrrp")
    assert len(sent) >= 2
    for source, destination, left, vrid, _ in sent:
        assert (destination, left, vrid) == (group, "255", "51")
        assert source == sender or (sender is None and source.startswith("fe80::"))
    assert [priority for *_, priority in sent][-1] == "0"
    assert {priority for *_, priority in sent[:-1]} == {"150"}
    assert capture.fields(["frame.number"], "vrrp.checksum.status != 1 && vrrp.version == 2") == []
    assert capture.fields(["frame.number"], "_ws.malformed || _ws.expert.severity >= 6291456") == []
