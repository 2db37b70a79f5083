# SPDX-License-Identifier: BSD-2-Clause
"""TCP checks take a server out of new connections and bring it back."""
from lab import wait_for
from scenario import DR, NAT, let_pass


def names(scenario, vip, count=6):
    return {answer.server for answer in scenario.client.get_many(count, vip)}


def test_stopped_server_goes_and_comes_back(single):
    web2 = single.servers[1]
    web2.stop_nginx()
    for vip in (*NAT.values(), *DR.values()):
        wait_for(lambda: names(single, vip) == {"web1", "web3"}, what=f"web2 out of {vip}")
    for vip in (*NAT.values(), *DR.values()):  # the verdict stands: no request is lost any more
        assert names(single, vip, 20) == {"web1", "web3"}
    web2.start_nginx()
    for vip in (*NAT.values(), *DR.values()):
        wait_for(lambda: names(single, vip) == {"web1", "web2", "web3"}, what=f"web2 back in {vip}")


def test_unreachable_server_goes(single):
    """No answer at all is a timeout, not a refusal."""
    single.lab.cut(single.servers[0], "eth0")
    for vip in (*NAT.values(), *DR.values()):
        wait_for(lambda: names(single, vip) == {"web2", "web3"}, what=f"web1 out of {vip}")


def test_own_interface_down_is_no_verdict(single):
    """lbd cannot reach any server when its own inside interface is down: that says nothing of them."""
    single.lab.cut(single.lb1, "eth1")
    let_pass(1.5)  # several checks
    single.lab.plug_in(single.lb1, "eth1")
    single.wait_serving(single.lb1)
    assert "up -> down" not in single.lb1.lbd.log()
