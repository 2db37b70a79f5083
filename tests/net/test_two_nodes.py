# SPDX-License-Identifier: BSD-2-Clause
"""Two machines that are directors and real servers at once: whichever is active sends half of the requests to
its peer by dr.  The standby's engine must leave those to its stack, and never send them back."""
import lab as lablib
import pytest
from conftest import families
from lab import wait_for
from scenario import CHECK, CLIENT, DR, MASTER_DOWN, base_config, exchange

DIRECTORS = {"lb1": "192.0.2.2", "lb2": "192.0.2.3", "lb1_6": "2001:db8::2", "lb2_6": "2001:db8::3"}


@pytest.fixture
def two_nodes(make_scenario):
    scenario = make_scenario(directors=2)
    config = base_config()
    config["services"] = {"echo": {"vip": list(DR.values()), "port": lablib.ECHO_PORT, "method": "dr", "check": CHECK,
                                   "servers": {name: {"address": address} for name, address in DIRECTORS.items()}}}
    path = scenario.write(config)
    for director in scenario.directors:
        director.start_echo()
        for name, address in DIRECTORS.items():
            if name.startswith(director.name):
                script = director.run(lablib.BUILD / "lbd", "rs-script", "--server", address, "-c", path, "--node",
                                      director.name).stdout
                director.run("sh", "-c", script, "sh", "start")
    for director in scenario.directors:
        director.start_lbd(path)
    scenario.wait_owner(scenario.lb1, DR.values())
    return scenario


def answered_by(scenario, vip, count=8):
    servers = set()
    for _ in range(count):
        with scenario.client.socket(lablib.socket.AF_INET6 if ":" in vip else lablib.socket.AF_INET,
                                    lablib.socket.SOCK_STREAM) as sock:
            sock.settimeout(2)
            sock.connect((vip, lablib.ECHO_PORT))
            with sock.makefile("rb") as stream:
                servers.add(stream.readline().split()[0].decode())
    return servers


@families
def test_both_serve_whoever_is_active(two_nodes, family):
    wait_for(lambda: answered_by(two_nodes, DR[family]) == {"lb1", "lb2"}, what="answers of both")
    assert exchange(two_nodes.client, DR[family], b"x" * 100_000) == (CLIENT[family], b"x" * 100_000)
    passed = two_nodes.lb2.lbctl("status")["engine"]["packets"]["ingress"]
    assert passed["passed_local"] > 0 and passed["redirected"] == 0
    two_nodes.lb1.stop_lbd()
    two_nodes.wait_owner(two_nodes.lb2, DR.values())
    wait_for(lambda: answered_by(two_nodes, DR[family]) == {"lb1", "lb2"}, 10 * MASTER_DOWN + 5, "answers of both again")
