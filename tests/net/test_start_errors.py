# SPDX-License-Identifier: BSD-2-Clause
"""What is missing at start is named precisely: status 1 for the configuration, 2 for the system."""
import lab as lablib
import pytest
from scenario import base_config, render

LBD = lablib.BUILD / "lbd"


@pytest.fixture(scope="module")
def lab():
    with lablib.Lab(directors=1, servers=1) as made:
        yield made


def run_lbd(lab, *arguments, wrapper=()):
    return lab.directors[0].run(*wrapper, LBD, *arguments, check=False, timeout=10)


@pytest.mark.parametrize("capability", ["net_admin", "net_raw"])
def test_missing_capability_is_named(lab, capability):
    path = lab.write_config(render(base_config()))
    done = run_lbd(lab, "-c", path, wrapper=("setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}"))
    assert done.returncode == 2
    assert f"CAP_{capability.upper()}" in done.stderr


def test_missing_bpf_privilege_is_named(lab):
    """CAP_SYS_ADMIN would do in CAP_BPF's place: both are away."""
    path = lab.write_config(render(base_config()))
    away = "-bpf,-sys_admin"
    done = run_lbd(lab, "-c", path, wrapper=("setpriv", f"--bounding-set={away}", f"--inh-caps={away}"))
    assert done.returncode == 2
    assert "CAP_BPF" in done.stderr


def needs_interfaces(config):
    config["director"]["interfaces"] = ["eth0", "eth9"]


def speaks_vrrp_there(config):
    config["vrrp"]["shop4"]["interface"] = "eth9"


def has_addresses_there(config):
    config["vrrp"]["shop6"]["addresses"][-1] = "fd00::1/64 dev eth9"


@pytest.mark.parametrize("spoil", [needs_interfaces, speaks_vrrp_there, has_addresses_there])
def test_missing_interface_names_the_line(lab, spoil):
    config = base_config()
    spoil(config)
    path = lab.write_config(render(config))
    done = run_lbd(lab, "-c", path)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "eth9" in text)
    assert done.returncode == 2
    assert "eth9" in done.stderr and f"lbd.conf:{line}" in done.stderr


def test_missing_file(lab):
    done = run_lbd(lab, "-c", "/nonexistent/lbd.conf")
    assert done.returncode == 1
    assert "/nonexistent/lbd.conf" in done.stderr and "No such file" in done.stderr


def test_bad_file_is_status_1_for_check_and_for_start(lab):
    config = base_config()
    config["services"]["www"]["metod"] = "nat"
    path = lab.write_config(render(config))
    for arguments in (("-t", "-c", path), ("-c", path)):
        done = run_lbd(lab, *arguments)
        assert done.returncode == 1
        assert "metod" in done.stderr and "method" in done.stderr


def test_unknown_node_lists_the_known_ones(lab):
    path = lab.write_config(render(base_config()))
    done = run_lbd(lab, "-t", "-c", path, "--node", "lb7")
    assert done.returncode == 1
    assert "lb7" in done.stderr and "lb1" in done.stderr and "lb2" in done.stderr


def test_effective_configuration_reads_back_to_itself(lab):
    path = lab.write_config(render(base_config()))
    first = run_lbd(lab, "-T", "-c", path)
    again = lab.write_config(first.stdout, "again.conf")
    second = run_lbd(lab, "-T", "-c", again)
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout and "services" in first.stdout


def test_second_daemon_of_the_same_name_is_refused(lab):
    director = lab.directors[0]
    path = lab.write_config(render(base_config()))
    director.start_lbd(path)
    try:
        done = run_lbd(lab, "-c", path)
        assert done.returncode == 2
        assert "running" in done.stderr or "in use" in done.stderr
        assert director.lbctl("status")
    finally:
        assert director.stop_lbd() == 0
