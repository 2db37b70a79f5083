# SPDX-License-Identifier: BSD-2-Clause
"""The lab itself: what the scenarios rely on."""
import os
import pathlib
import signal
import subprocess
import time

import lab as lablib
import pytest
from lab import wait_for


def test_probers_measure_an_outage():
    """The link is away for as long as the test keeps it away; probes before and after show no gap."""
    with lablib.Lab(directors=1, servers=1) as lab:
        director = lab.directors[0]
        director.start_echo()
        leg = director.interfaces["eth0"]
        probes = [lab.client.probe("udp", leg.v4, lablib.ECHO_PORT), lab.client.probe("udp", leg.v6, lablib.ECHO_PORT),
                  lab.client.probe("link", "eth0", leg.v4), lab.client.probe("link", "eth0", leg.v6)]
        for probe in probes:
            begin, who = probe.wait_answer()
            assert who in (leg.mac, "lb1")
        lab.cut(director, "eth0")
        stopped = [probe.answers()[-1][0] for probe in probes]
        time.sleep(0.3)
        lab.plug_in(director, "eth0")
        for probe, last in zip(probes, stopped):
            back, _ = probe.wait_answer(after=last + 0.2)
            assert 0.25 < probe.longest_gap(last - 0.1, back + 0.1) < back - last + 0.05


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_killed_owner(number):
    """SIGTERM: the owner removes its lab.  SIGKILL: whoever makes the next one does."""
    script = ("import sys; sys.path.insert(0, sys.argv[1]); import lab, time; lab.close_on_signals(); "
              "l = lab.Lab(1, 1); l.servers[0].start_nginx(); "
              "print(l.folder, *[n.pid for n in l.nodes], l.servers[0].nginx.pid, flush=True); time.sleep(60)")
    owner = subprocess.Popen([lablib.PYTHON, "-c", script, lablib.HERE], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    try:
        folder, *pids = owner.stdout.readline().split()
        assert all(os.path.exists(f"/proc/{pid}") for pid in pids) and len(pids) == 4
        owner.send_signal(number)
        owner.wait(5)
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    if number == signal.SIGKILL:
        lablib.machine.reap()
    wait_for(lambda: not any(lablib.machine.start_time(pid) for pid in pids), what="all processes gone")
    assert not pathlib.Path(folder).exists()


def test_machines_do_not_share_run_or_pins():
    with lablib.Lab(directors=2, servers=1) as lab:
        lb1, lb2 = lab.directors
        lb1.run("touch", "/run/mine")
        assert lb2.run("test", "-e", "/run/mine", check=False).returncode == 1
        assert lb1.run("hostname").stdout == "lb1\n"
        assert lb1.run("stat", "-f", "-c", "%T", "/sys/fs/bpf").stdout == "bpf_fs\n"
        lb1.run("mkdir", "/sys/fs/bpf/mine")
        assert "mine" not in lb2.run("ls", "/sys/fs/bpf").stdout.split()
