# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the scenarios: labs are made for a test and removed after it, whatever happens."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))

import lab as lablib  # noqa: E402
import pytest  # noqa: E402
from checks import Checks  # noqa: E402
from scenario import Scenario, base_config  # noqa: E402

families = pytest.mark.parametrize("family", ["4", "6"])


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="repeat more often what is repeated")


def pytest_configure(config):
    if os.geteuid():
        pytest.exit("the scenarios need root: network namespaces and BPF", 2)
    lablib.close_on_signals()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed scenario shows what the daemons said."""
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        for scenario in item.funcargs.values():
            if isinstance(scenario, Scenario):
                scenario.show_logs()


@pytest.fixture
def make_scenario():
    """Makes scenarios that are ended with the test."""
    made = []

    def make(**options):
        scenario = Scenario(**options)
        made.append(scenario)
        return scenario

    yield make
    for scenario in made:
        scenario.close()


@pytest.fixture
def single(make_scenario):
    """One director, serving."""
    return make_scenario(directors=1).start()


@pytest.fixture
def pair(make_scenario):
    """Two directors; lb1 is master."""
    return make_scenario(directors=2).start()


@pytest.fixture(scope="module")
def checks(request):
    """The module's CASES, side by side in one lab that its prepare() has made ready."""
    made = Checks(request.module.CASES, request.module.prepare)
    try:
        yield made
    finally:
        made.close()


VARIANTS = {
    "tc": {"attach": "tc"},
    "tc_without_tx_offload": {"attach": "tc", "tx_offload": False},
    "xdp": {"attach": "xdp", "tx_offload": False},
}


@pytest.fixture(scope="module", params=VARIANTS)
def forwarding(request):
    """One serving director that the tests of a module share, once for each way to forward.  Default veth
    trusts partial checksums and so hides wrong ones: hence the variant without tx offload.  A module may have a
    function config() that says what is configured."""
    make_config = getattr(request.module, "config", base_config)
    scenario = Scenario(config=make_config(), **VARIANTS[request.param])
    try:
        yield scenario.start()
    finally:
        scenario.close()
