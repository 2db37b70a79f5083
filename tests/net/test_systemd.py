# SPDX-License-Identifier: BSD-2-Clause
"""What lbd tells the service manager: ready, reloading, status, alive, stopping (sd_notify(3))."""
import signal
import socket

import lab as lablib
import pytest
from lab import wait_for
from scenario import render

WATCHDOG = 0.6  # seconds; a third of it between signs of life


class Manager:
    """The socket of a service manager, and what came over it."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def heard(self, prefix):
        """The lines so far that begin so."""
        while True:
            try:
                self.lines += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return [line for line in self.lines if line.startswith(prefix)]

    def environment(self):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path)
    yield manager
    manager.socket.close()


@pytest.fixture
def service(make_scenario, manager):
    """One director whose lbd was started by the manager."""
    scenario = make_scenario(directors=1)
    scenario.lb1.lbd = scenario.lb1.start(lablib.BUILD / "lbd", "-c", scenario.path, env=manager.environment())
    wait_for(lambda: manager.heard("READY=1"), 10, "READY=1")
    return scenario


def test_ready_means_that_lbctl_gets_an_answer(service):
    assert service.lb1.lbctl("status")["instances"] == 2


def test_status_tells_of_the_instances(service, manager):
    said = f"STATUS=running: 2 of 2 instances MASTER, {len(service.config['services'])} services"
    wait_for(lambda: said in manager.heard("STATUS="),
             what="both instances MASTER in the status")


def test_watchdog_is_fed_in_time(service, manager):
    before = len(manager.heard("WATCHDOG=1"))
    wait_for(lambda: len(manager.heard("WATCHDOG=1")) >= before + 5, 10 * WATCHDOG, "five signs of life")


def test_reload_is_told_from_beginning_to_end(service, manager):
    ready = len(manager.heard("READY=1"))
    service.lb1.reload_lbd()
    wait_for(lambda: manager.heard("RELOADING=1"), what="RELOADING=1")
    wait_for(lambda: len(manager.heard("READY=1")) > ready, what="READY=1 again")
    assert int(manager.heard("MONOTONIC_USEC=")[0].partition("=")[2]) > 0


def test_refused_reload_is_in_the_status(service, manager):
    config = service.config
    config["services"]["www"]["port"] = 99999
    service.lab.write_config(render(config))
    service.lb1.reload_lbd()
    wait_for(lambda: any("last reload refused" in line for line in manager.heard("STATUS=")), what="the refusal")


def test_stopping_is_told(service, manager):
    assert service.lb1.lbd.stop(signal.SIGTERM) == 0
    assert manager.heard("STOPPING=1")
