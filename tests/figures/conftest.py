"""Small tables to draw from."""

import shutil

import pytest

from figures.recipe import ROOT
from qtheory.results import read_table
from sims.runner import run_study
from sims.studies import STUDIES


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder of results: studies by their smoke presets, under the names the recipes ask for.

    The comparison is the stored one, since training takes minutes.
    """
    out = tmp_path_factory.mktemp("results")
    shutil.copytree(ROOT / "empirical" / "results", out, dirs_exist_ok=True)
    for study in STUDIES.values():
        run_study(study, "smoke", seed=0, out=out, quiet=True)
        for suffix in ("csv", "json"):
            (out / study.name / f"smoke.{suffix}").rename(out / study.name / f"paper.{suffix}")
    return out


@pytest.fixture(scope="session")
def variance_table(results):
    return read_table(results / "variance-scaling" / "paper.csv")
