"""Small tables to draw from."""

import json
import shutil

import pytest

from figures import paper_tables, recipe, report
from figures.__main__ import RECIPES
from figures.recipe import ROOT
from qtheory import claims
from qtheory.claims.report import as_json
from qtheory.results import read_table
from sims.runner import run_study
from sims.studies import STUDIES
from tests.figures.launched import launched


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder of results: studies by their smoke presets, under the names the recipes ask for.

    The comparison is the stored one, since training takes minutes, and so are the tables of theory.
    """
    out = tmp_path_factory.mktemp("results")
    shutil.copytree(ROOT / "empirical" / "results", out, dirs_exist_ok=True)
    shutil.copytree(ROOT / "qtheory" / "theory", out / "theory")
    launched(out)
    for study in STUDIES.values():
        run_study(study, "smoke", seed=0, out=out, quiet=True)
        for name in ("", *(f"-{derived}" for derived in study.derived)):
            path = out / study.name / f"smoke{name}.csv"
            path.rename(path.with_name(f"paper{name}.csv"))
            manifest = json.loads(path.with_suffix(".json").read_text())
            named = path.with_name(f"paper{name}.json")
            named.write_text(json.dumps(manifest).replace(f"{study.name}/smoke", f"{study.name}/paper"))
            named.write_text(json.dumps({**json.loads(named.read_text()), "preset": "paper"}))
    return out


@pytest.fixture(scope="session")
def variance_table(results):
    return read_table(results / "variance-scaling" / "paper.csv")


@pytest.fixture(scope="session")
def verified():
    """The ledger with its evidence."""
    return as_json(claims.verify(slow=False))


@pytest.fixture(scope="session")
def page(results, verified):
    """The report as HTML, with figures of the small tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "find_table", lambda name: recipe.find_table(name, [results]))
        drawn = {
            chosen: recipe.render(
                recipe.draw(chosen, [recipe.find_table(table, [results]) for table in chosen.tables]), "svg"
            )
            for chosen in RECIPES.values()
        }
        parts = {name: table.parts([results]) for name, table in paper_tables.TABLES.items()}
        return report.render_report(drawn, parts, verified)
