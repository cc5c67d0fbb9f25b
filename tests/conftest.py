"""Settings of all tests."""

import pytest
from hypothesis import settings

# no deadlines on a shared machine, and the same examples on each run
settings.register_profile("qtheory", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("qtheory")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file in one process, for they share its fixtures, and all of the figures.

    Those draw from tables that take a minute to make.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "figures" if nodeid.startswith("tests/figures/") else super()._split_scope(nodeid)

    return Scheduling(config, log)
