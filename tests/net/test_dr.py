# SPDX-License-Identifier: BSD-2-Clause
"""DR: requests reach a server that holds the VIP, and answers go straight to the client."""
import os

from conftest import families
from scenario import CLIENT, DR, exchange


@families
def test_requests_go_round_and_servers_see_the_client(forwarding, family):
    answers = forwarding.client.get_many(30, DR[family])
    assert answers == {(f"web{n}", CLIENT[family]): 10 for n in (1, 2, 3)}


@families
def test_answers_by_pass_the_director(forwarding, family):
    """Requests cross both of its interfaces with the VIP as destination; no packet has it as source."""
    captures = [forwarding.lab.capture(forwarding.lb1, interface, f"tcp and host {DR[family]}")
                for interface in ("eth0", "eth1")]
    forwarding.client.get_many(3, DR[family])
    for capture in captures:
        lines = capture.stop()
        assert lines and all(f"> {DR[family]}.80:" in line for line in lines)


@families
def test_bulk_arrives_whole_in_both_directions(forwarding, family):
    payload = os.urandom(4_000_000)
    assert exchange(forwarding.client, DR[family], payload) == (CLIENT[family], payload)


@families
def test_only_the_director_answers_for_the_vip(forwarding, family):
    """The servers hold it as well; what the generated script sets keeps them silent."""
    assert forwarding.lab.who_has(DR[family]) == ["lb1"]


def test_no_machine_counted_a_checksum_error(forwarding):
    for vip in DR.values():
        forwarding.client.get_many(3, vip)
    assert forwarding.checksum_errors() == {}
