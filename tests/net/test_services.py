# SPDX-License-Identifier: BSD-2-Clause
"""What a service can be besides one address and one port, and how it chooses among its servers."""
import collections
import socket

import pytest
from conftest import families
from lab import ECHO_PORT, wait_for
from scenario import CHECK, CLIENT, DR, FULLNAT, LIP, NAT, base_config, exchange, servers, udp_ask

DIRECTOR = {"4": "192.0.2.2", "6": "2001:db8::2"}


@pytest.fixture
def serve(make_scenario):
    """One director with these services; the servers are prepared for the usual ones."""
    def start(services, prepare=lambda scenario: None):
        scenario = make_scenario()
        scenario.write({**base_config(), "services": services})
        prepare(scenario)
        scenario.lb1.start_lbd(scenario.path)
        scenario.wait_owner(scenario.lb1)
        return scenario
    return start


def service(**members):
    return {"vip": list(NAT.values()), "port": 80, "method": "nat", "servers": servers(port=8080), **members}


def some(names, **members):
    return {name: member for name, member in servers(**members).items() if name.split("_")[0] in names}


def who(scenario, vip, count=6, port=80):
    """Which servers answer; waits until one does."""
    wait_for(lambda: scenario.client.get(vip, port), what=f"an answer of {vip} port {port}")
    return collections.Counter(scenario.client.get(vip, port).server for _ in range(count))


@families
def test_range_of_ports_and_all_ports(serve, family):
    """The narrower one wins; each packet keeps its port."""
    check = {**CHECK, "port": 8080}
    scenario = serve({
        "few": service(port="8000-8100", servers=some(["web1"]), check=check),
        "one": service(port=80, servers=some(["web2"]), check=check),
        "all": service(port="any", servers=some(["web3"]), check=check),
    })
    assert set(who(scenario, NAT[family], port=8080)) == {"web1"}
    assert set(who(scenario, NAT[family], port=80)) == {"web2"}
    assert exchange(scenario.client, NAT[family], b"x" * 1000)[1] == b"x" * 1000
    scenario.client.run("nc", "-z", "-w1", NAT[family], "8081", check=False)  # refused by web1 itself
    conns = collections.Counter()
    for shown in scenario.lb1.lbctl("services"):
        conns[shown["name"]] += shown["conns"]
    assert all(conns[name] > 0 for name in ("few", "one", "all"))


def test_every_address_of_a_network(serve):
    networks = {"4": "198.51.100.0/24", "6": "2001:db8:51::/64"}
    vips = {"4": ("198.51.100.7", "198.51.100.254"), "6": ("2001:db8:51::7", "2001:db8:51::ffff:1")}
    scenario = serve({"net": service(vip=list(networks.values()), owner="always"),
                      "one": service(vip=[v[0] for v in vips.values()], owner="always", servers=some(["web2"], port=8080))})
    for family, network in networks.items():
        scenario.client.run("ip", f"-{family}", "route", "add", network, "via", DIRECTOR[family])
        assert set(who(scenario, vips[family][0])) == {"web2"}
        assert set(who(scenario, vips[family][1])) == {"web1", "web2", "web3"}


@families
def test_a_method_for_each_server(serve, family):
    scenario = serve({"mixed": {
        "vip": list(DR.values()), "port": 80, "local_addresses": list(LIP.values()), "check": CHECK,
        "servers": {f"{name}{suffix}": {"address": f"{prefix}{host}", "method": method}
                    for suffix, prefix in (("", "10.0.0."), ("_6", "fd00::"))
                    for name, host, method in (("web1", 11, "nat"), ("web2", 12, "dr"), ("web3", 13, "fullnat"))}}})
    wait_for(lambda: len(scenario.client.get_many(3, DR[family])) == 3, what="all three servers")
    assert scenario.client.get_many(6, DR[family]) == {
        ("web1", CLIENT[family]): 2, ("web2", CLIENT[family]): 2, ("web3", LIP[family]): 2}


@families
def test_the_director_itself_is_a_server(serve, family):
    """Its stack gets the packets as they are: nothing is rewritten for a server that is here."""
    scenario = serve(
        {"echo": service(port=ECHO_PORT, servers={"me": {"address": DIRECTOR["4"]}, "me_6": {"address": DIRECTOR["6"]}},
                         check=CHECK)},
        prepare=lambda scenario: scenario.lb1.start_echo())
    wait_for(lambda: exchange(scenario.client, NAT[family], b"hello")[1] == b"hello", what="the director's answer")
    assert scenario.lb1.lbctl("status")["engine"]["packets"]["ingress"]["passed_local"] > 0


@families
def test_sorry_server_serves_when_no_other_can(serve, family):
    ends = {"4": "10.0.0.13", "6": "fd00::13"}
    scenario = serve({"www": service(vip=NAT[family], servers=some(["web1"] if family == "4" else ["web1"], port=8080),
                                     sorry={"address": ends[family], "port": 80})})
    assert set(who(scenario, NAT[family])) == {"web1"}
    scenario.servers[0].stop_nginx()
    wait_for(lambda: scenario.client.get(NAT[family]).server == "web3", what="the sorry server")
    scenario.servers[0].start_nginx()
    wait_for(lambda: scenario.client.get(NAT[family]).server == "web1", what="web1 again")


@families
def test_persistence(serve, family):
    scenario = serve({"www": service(persistence={"timeout": "1s"}), "other": service(vip=list(FULLNAT.values()))})
    assert len(who(scenario, NAT[family], 9)) == 1
    assert len(who(scenario, FULLNAT[family], 9)) == 3


@families
def test_one_packet(serve, family):
    scenario = serve({"udp": service(port=ECHO_PORT, protocol="udp", one_packet=True, servers=servers(),
                                     check={**CHECK, "port": ECHO_PORT})})
    kind = socket.AF_INET6 if family == "6" else socket.AF_INET
    with scenario.client.socket(kind, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        wait_for(lambda: udp_ask(sock, NAT[family]), what="an answer")
        answers = collections.Counter(udp_ask(sock, NAT[family])[:2] for _ in range(9))
    assert answers == {(f"web{n}", CLIENT[family]): 3 for n in (1, 2, 3)}


@families
def test_thresholds(serve, family):
    scenario = serve({"www": service(servers={**some(["web1"], port=8080, max_connections=4, min_connections=2),
                                              **some(["web2"], port=8080)},
                                     timeouts={"fin_wait": "1s", "time_wait": "1s", "close": "1s", "close_wait": "1s"})})
    wait_for(lambda: len(scenario.client.get_many(2, NAT[family])) == 2, what="both servers")
    held = [scenario.client.connect(NAT[family]) for _ in range(12)]
    answered = collections.Counter(scenario.client.request(c).split()[0] for c in held)
    assert answered[b"web1"] <= 4
    assert set(who(scenario, NAT[family])) == {"web2"}
    for connection in held:
        connection.close()
    wait_for(lambda: scenario.client.get(NAT[family]).server == "web1", 15, "web1 takes flows again")


@pytest.mark.parametrize("scheduler", ["lc", "wlc"])
def test_least_connections(serve, scheduler):
    """Connections that stay are spread by load; wlc looks at weights."""
    weights = {"web1": 3, "web2": 1}
    scenario = serve({"www": service(vip=NAT["4"], scheduler=scheduler, timeouts={"time_wait": "1s", "fin_wait": "1s"},
                                     servers={name: {"address": f"10.0.0.{10 + n}", "port": 8080, "weight": weights[name]}
                                              for n, name in enumerate(weights, 1)})})
    who(scenario, NAT["4"])
    scenario.wait_idle()
    held = [scenario.client.connect(NAT["4"]) for _ in range(16)]
    answered = collections.Counter(scenario.client.request(c).split()[0].decode() for c in held)
    assert answered == ({"web1": 12, "web2": 4} if scheduler == "wlc" else {"web1": 8, "web2": 8})
    for connection in held:
        connection.close()


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
@families
def test_hash_of_the_client(serve, scheduler, family):
    scenario = serve({"www": service(scheduler=scheduler), "ports": service(port=8080, scheduler=scheduler, hash_port=True)})
    assert len(who(scenario, NAT[family], 9)) == 1
    assert len(who(scenario, NAT[family], 30, port=8080)) == 3
