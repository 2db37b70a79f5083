# SPDX-License-Identifier: BSD-2-Clause
"""An instance whose interface may be missing starts when it comes, and again when it comes anew."""
import lab as lablib
from lab import wait_for
from scenario import render

CONFIG = {
    "director": {"interfaces": ["eth0"]},
    "vrrp": {"late4": {"interface": "late", "vrid": 51, "advert_interval": "100ms", "wait_for_interface": True,
                       "addresses": ["198.51.100.50/24"]},
             "late6": {"interface": "late", "vrid": 51, "advert_interval": "100ms", "wait_for_interface": True,
                       "addresses": ["2001:db8:5::50/64"]}},
}


def states(director):
    return {one["state"] for one in director.lbctl("vrrp")}


def has(director, address):
    return address in director.run("ip", "-o", "address", "show", "dev", "late").stdout


def test_starts_with_its_interface_each_time():
    with lablib.Lab(directors=1, servers=0) as lab:
        director = lab.directors[0]
        director.start_lbd(lab.write_config(render(CONFIG)))
        assert "this machine has no interface late" in director.lbd.log()
        assert states(director) == {"INITIALIZE"}
        assert director.lbctl("vrrp")[0]["reason"] == "interface late does not exist"
        for _ in range(2):
            director.ip("link add late type veth peer name peer", "link set peer up", "link set late up",
                        "address add 198.51.100.2/24 dev late")
            wait_for(lambda: states(director) == {"MASTER"}, what="both MASTER")
            wait_for(lambda: has(director, "198.51.100.50/24") and has(director, "2001:db8:5::50/64"),
                     what="both addresses")
            director.ip("link del late")
            wait_for(lambda: states(director) == {"INITIALIZE"}, what="both in INITIALIZE")
        assert director.stop_lbd() == 0
