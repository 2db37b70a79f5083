# SPDX-License-Identifier: BSD-2-Clause
"""NAT: connections are spread over the servers, both directions are rewritten, and checksums are right."""
import os

from conftest import families
from scenario import CLIENT, NAT, exchange


@families
def test_requests_go_round_and_servers_see_the_client(forwarding, family):
    answers = forwarding.client.get_many(30, NAT[family])
    assert answers == {(f"web{n}", CLIENT[family]): 10 for n in (1, 2, 3)}


@families
def test_a_connection_stays_with_its_server(forwarding, family):
    connection = forwarding.client.connect(NAT[family])
    servers = {forwarding.client.request(connection) for _ in range(20)}
    connection.close()
    assert len(servers) == 1


@families
def test_bulk_arrives_whole_in_both_directions(forwarding, family):
    """Megabytes make super-packets where offloads are on; a wrong length or checksum ends or spoils them."""
    payload = os.urandom(4_000_000)
    assert exchange(forwarding.client, NAT[family], payload) == (CLIENT[family], payload)


def test_no_machine_counted_a_checksum_error(forwarding):
    for vip in NAT.values():
        forwarding.client.get_many(3, vip)
    assert forwarding.checksum_errors() == {}
