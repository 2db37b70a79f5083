# SPDX-License-Identifier: BSD-2-Clause
"""FULLNAT: servers see a local address of the director, and answer to it whatever their routes are."""
import os
import re
import socket
import struct

import pytest
from conftest import families
from lab import wait_for
from scenario import FULLNAT, LIP, MASTER_DOWN, base_config, exchange, servers, udp_ask


@families
def test_requests_go_round_and_servers_see_the_local_address(forwarding, family):
    answers = forwarding.client.get_many(30, FULLNAT[family])
    assert answers == {(f"web{n}", LIP[family]): 10 for n in (1, 2, 3)}


@families
def test_bulk_arrives_whole_in_both_directions(forwarding, family):
    payload = os.urandom(4_000_000)
    assert exchange(forwarding.client, FULLNAT[family], payload) == (LIP[family], payload)


@families
def test_datagrams_and_their_answers(forwarding, family):
    kind = socket.AF_INET6 if family == "6" else socket.AF_INET
    with forwarding.client.socket(kind, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        for size in (1, 1000):
            payload = os.urandom(size)
            _, client, echoed = udp_ask(sock, FULLNAT[family], payload=payload)
            assert (client, echoed) == (LIP[family], payload)


def test_no_machine_counted_a_checksum_error(forwarding):
    for vip in FULLNAT.values():
        forwarding.client.get_many(3, vip)
    assert forwarding.checksum_errors() == {}


@families
def test_servers_need_no_route_through_the_director(single, family):
    for server in single.servers:
        server.run("ip", f"-{family}", "route", "del", "default")
    answers = single.client.get_many(6, FULLNAT[family])
    assert {client for _, client in answers} == {LIP[family]}


@families
def test_a_server_is_a_client_of_its_own_service(single, family):
    """It gets an answer from whichever server has its turn, itself too."""
    answers = single.servers[0].get_many(6, FULLNAT[family])
    assert answers == {(f"web{n}", LIP[family]): 2 for n in (1, 2, 3)}


@families
def test_local_addresses_move_with_the_instance(pair, family):
    assert pair.lab.who_has(LIP[family]) == ["lb1"]
    pair.lb1.lbd.kill()
    wait_for(lambda: pair.lab.who_has(LIP[family]) == ["lb2"], 10 * MASTER_DOWN, "lb2 has the local address")
    answers = pair.client.get_many(6, FULLNAT[family])
    assert {client for _, client in answers} == {LIP[family]}


def test_without_local_addresses_the_director_uses_its_own(make_scenario):
    config = base_config()
    for name in ("www_fullnat", "echo_fullnat", "echo_udp_fullnat"):
        del config["services"][name]["local_addresses"]
    scenario = make_scenario(config=config).start()
    assert {client for _, client in scenario.client.get_many(6, FULLNAT["4"])} == {"10.0.0.2"}
    assert {client for _, client in scenario.client.get_many(6, FULLNAT["6"])} == {"fd00::2"}
    assert re.search("director's own address", scenario.lb1.lbd.log())


@families
def test_ports_that_are_used_up_and_free_again(make_scenario, family, request):
    """One more connection than there are ports is refused, and said.  One that was reset gives its port back at once,
    others only when the server cannot have them in TIME_WAIT any more."""
    config = base_config()
    config["services"]["www_fullnat"].update(
        {"local_ports": "20000-20003", "timeouts": {"time_wait": "1s", "close": "1s", "fin_wait": "1s"},
         "servers": {name: member for name, member in servers(port=8080).items() if name.startswith("web1")}})
    scenario = make_scenario(config=config)
    scenario.lb1.start_lbd(scenario.path)
    scenario.wait_owner(scenario.lb1, FULLNAT.values())
    held = []
    wait_for(lambda: held.append(scenario.client.connect(FULLNAT[family])) or len(held) == 4, 10, "four connections")
    with pytest.raises(OSError):
        scenario.client.connect(FULLNAT[family], timeout=0.5)
    assert all(b"web1" in scenario.client.request(connection) for connection in held)
    counters = scenario.lb1.lbctl("status")["engine"]["packets"]["ingress"]
    assert counters["drop_no_port"] > 0
    held[0].sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for connection in held:
        connection.close()
    wait_for(lambda: scenario.client.get(FULLNAT[family], timeout=0.5), 15, "a port that is free again")
    with pytest.raises(OSError):
        scenario.client.connect(FULLNAT[family], timeout=5)
    if request.config.getoption("long"):
        wait_for(lambda: scenario.client.get(FULLNAT[family]), 75, "the ports of connections that were closed")


def test_ports_that_the_host_uses_itself_are_refused(make_scenario):
    """The director's own address with all ports: its own connections to the server would be taken for flows."""
    config = base_config()
    config["services"]["www_fullnat"].update({"local_addresses": ["10.0.0.2", "fd00::201"], "local_ports": "1024-65535"})
    scenario = make_scenario(config=config)
    scenario.lb1.start_lbd(scenario.path)
    scenario.wait_owner(scenario.lb1, FULLNAT.values())
    assert re.search("ports 1024-65535 of 10.0.0.2 are not used for fullnat.*set local_ports", scenario.lb1.lbd.log())
    with pytest.raises(OSError):
        scenario.client.connect(FULLNAT["4"], timeout=0.5)
    wait_for(lambda: scenario.client.get(FULLNAT["6"]), what="the other family")
