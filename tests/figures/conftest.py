"""Small tables to draw from."""

import pytest

from qtheory.results import read_table
from sims.runner import run_study
from sims.studies import STUDIES


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder of results made by the smoke presets, stored under the names the recipes ask for."""
    out = tmp_path_factory.mktemp("results")
    for study in STUDIES.values():
        run_study(study, "smoke", seed=0, out=out, quiet=True)
        for suffix in ("csv", "json"):
            (out / study.name / f"smoke.{suffix}").rename(out / study.name / f"paper.{suffix}")
    return out


@pytest.fixture(scope="session")
def variance_table(results):
    return read_table(results / "variance-scaling" / "paper.csv")
