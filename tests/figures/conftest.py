"""Small tables to draw from."""

import pytest

from qtheory.results import read_table
from sims.runner import run_study
from sims.variance_scaling import STUDY


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder of results made by the smoke presets, stored under the names the recipes ask for."""
    out = tmp_path_factory.mktemp("results")
    run_study(STUDY, "smoke", seed=0, out=out, quiet=True)
    folder = out / "variance-scaling"
    for suffix in ("csv", "json"):
        (folder / f"smoke.{suffix}").rename(folder / f"paper.{suffix}")
    return out


@pytest.fixture(scope="session")
def variance_table(results):
    return read_table(results / "variance-scaling" / "paper.csv")
