"""The tables of record that come with the code are those that this code makes."""

import json

import pytest

from empirical.arena.config import Arena
from empirical.config import PRESETS, SECOND_STAGE
from empirical.data import POCKET_PHOTOS
from empirical.job import THREADS, Job
from empirical.substitute import Substitution
from empirical.tokenizers.pocket import WEIGHTS
from figures.recipe import ROOT
from sims.studies import STUDIES

SIMS, EMPIRICAL = ROOT / "sims" / "results", ROOT / "empirical" / "results"


def require_current(path, digest):
    manifest = json.loads(path.read_text())
    assert manifest["failures"] == []
    command = manifest["command"].split(" --out")[0]
    assert manifest["digest"] == digest, (
        f"{path.relative_to(ROOT)} was made by another version of the study or its preset; make it anew in a "
        f"clean clone: {command} --out {path.parents[1].relative_to(ROOT)}"
    )


def test_every_study_has_a_table_of_record_and_every_table_a_study():
    assert {path.parent.name for path in SIMS.glob("*/*.csv")} == STUDIES.keys()


@pytest.mark.parametrize("path", sorted(SIMS.glob("*/*.json")), ids=lambda path: path.parent.name)
def test_tables_of_studies_carry_the_digest_of_the_code(path):
    manifest = json.loads(path.read_text())
    require_current(path, STUDIES[path.parent.name].sweep(path.stem, seed=manifest["seed"]).digest)


@pytest.mark.parametrize("name", ["pocket", "pocket-photographs"])
def test_tables_of_the_comparison_carry_the_digest_of_the_code(name):
    path = EMPIRICAL / "substitution" / f"{name}.json"
    seed = json.loads(path.read_text())["seed"]
    job = Job(
        phase=Substitution,
        name="pocket",
        preset=PRESETS["pocket"],
        second_stage=SECOND_STAGE["pocket"],
        protocol="fair",
        seed=seed,
        out=ROOT,
        data=POCKET_PHOTOS,
        tokenizer=WEIGHTS,
        threads=THREADS,
    )
    require_current(path, Substitution.sweep(job).digest)


@pytest.mark.parametrize("name", ["paper", "paper-curves"])
def test_tables_of_the_arena_carry_the_digest_of_the_code(name):
    path = EMPIRICAL / "arena" / f"{name}.json"
    seed = json.loads(path.read_text())["seed"]
    require_current(path, Arena("paper", "fair", seed, ROOT, THREADS).sweep.digest)
