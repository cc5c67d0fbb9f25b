"""The tables of record that come with the code are those that this code makes."""

import json
import re
import shutil
from dataclasses import asdict, replace

import pandas as pd
import pytest

from benchmarks import memory
from benchmarks.__main__ import RESULTS
from empirical.__main__ import main as empirical_command
from empirical.arena.config import Arena
from empirical.cells import matrix
from empirical.data import POCKET_PHOTOS
from empirical.job import THREADS, Job
from empirical.launch_config import PHOTOGRAPHS
from empirical.launch_config import PRESETS as LAUNCHED
from empirical.phases import PHASES as COMPARISON
from empirical.phases import Substitution
from empirical.setup import VERSION
from empirical.tokenizers.pocket import WEIGHTS
from empirical.variants import VARIANTS, first_stage
from figures.recipe import ROOT
from qtheory.results import read_table
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


@pytest.mark.parametrize(
    "path", sorted(SIMS.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_tables_of_studies_carry_the_digest_of_the_code(path):
    manifest = json.loads(path.read_text())
    study, preset = STUDIES[path.parent.name], manifest["preset"]
    assert path.stem in {preset, *(f"{preset}-{name}" for name in study.derived)}
    require_current(path, study.sweep(preset, seed=manifest["seed"]).digest)


@pytest.mark.parametrize(
    ("study", "name"),
    [(study, name) for study in STUDIES.values() for name in study.derived],
    ids=lambda value: getattr(value, "name", value),
)
def test_tables_derived_from_those_of_studies_follow_from_their_rows(study, name):
    table, derived = (read_table(SIMS / study.name / f"paper{part}.csv") for part in ("", f"-{name}"))
    assert derived.manifest["configuration"]["sources"] == {f"{study.name}/paper": table.manifest["sha256"]}
    # fitted slopes differ in their last digits between libraries of linear algebra
    pd.testing.assert_frame_equal(derived.frame, study.derived[name](table.frame), rtol=1e-9, atol=1e-9)


COMPARED = [("fair", phase) for phase in COMPARISON] + [
    (name, phase)
    for name, variant in VARIANTS.items()
    for phase in COMPARISON
    if variant.discriminator and phase.study in variant.phases
]


@pytest.mark.parametrize("beside", ["", "-photographs", "-pictures"])
@pytest.mark.parametrize(("protocol", "phase"), COMPARED)
def test_tables_of_the_comparison_carry_the_digest_of_the_code(protocol, phase, beside):
    path = EMPIRICAL / phase.study / f"pocket{'' if protocol == 'fair' else f'-{protocol}'}{beside}.json"
    manifest = json.loads(path.read_text())
    trials = re.search(r"--trials (\d+)", manifest["command"])
    job = Job(
        phase=phase,
        name="pocket",
        sizes=PHOTOGRAPHS["pocket"],
        protocol=protocol,
        seed=manifest["seed"],
        out=ROOT,
        data=POCKET_PHOTOS,
        tokenizer=WEIGHTS,
        threads=THREADS,
        trials=int(trials[1]) if trials else None,
    )
    if phase is not Substitution:
        first = replace(job, protocol=first_stage(protocol))
        job = replace(job, start=Substitution.training_digest(first))
    require_current(path, phase.sweep(job).digest)


def test_the_launched_table_is_of_the_matrix_the_preset_and_the_tokenizer_that_are_here():
    manifest = json.loads((EMPIRICAL / "launch" / "desk.json").read_text())
    configuration = manifest["configuration"]
    launch = {**configuration["launch"], "out": "", "train": "", "heldout": "", "tokenizer": ""}
    assert launch["sizes"] == json.loads(json.dumps(asdict(LAUNCHED["desk"])))
    cells = matrix(LAUNCHED["desk"], seed=manifest["seed"], native=False)
    assert configuration["cells"] == [cell.name for cell in cells]
    tokenizer = json.loads((EMPIRICAL / "launch" / "desk-tokenizer.json").read_text())
    assert launch["digests"]["tokenizer"] == tokenizer["sha256"]
    assert launch["digests"]["train"] == tokenizer["images"]["digest"]
    known = {6, 7}  # versions whose rows are those of today: 7 changed what digests are of, and no number
    assert configuration["version"] in known
    assert VERSION in known  # of the next one say first what it changes of the stored rows


ANSWERS = sorted(
    path for name in ("correlations", "contrasts", "switches") for path in EMPIRICAL.glob(f"{name}/*.json")
)


def test_all_that_the_comparison_answers_is_stored():
    found = {f"{path.parent.name}/{path.stem}" for path in ANSWERS}
    assert found == {
        *("correlations/pocket", "contrasts/pocket", "correlations/desk"),
        *("correlations/pocket-fair_images", "contrasts/pocket-fair_images", "switches/pocket-fair_images"),
        *(
            "correlations/pocket-fair_decoder",
            "contrasts/pocket-fair_decoder",
            "switches/pocket-fair_decoder",
        ),
        *(
            "correlations/pocket-fair_light",
            "contrasts/pocket-fair_light",
            "switches/pocket-fair_light",
        ),
    }


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_the_comparison_answers_comes_from_its_tables(path):
    manifest = json.loads(path.read_text())
    for source, sha256 in manifest["configuration"]["sources"].items():
        assert json.loads((EMPIRICAL / f"{source}.json").read_text())["sha256"] == sha256


@pytest.mark.parametrize("made_by", sorted({json.loads(path.read_text())["command"] for path in ANSWERS}))
def test_the_command_that_an_answer_names_makes_it_from_the_stored_rows(made_by, tmp_path, capsys):
    shutil.copytree(EMPIRICAL, tmp_path, dirs_exist_ok=True)
    named = [path for path in ANSWERS if json.loads(path.read_text())["command"] == made_by]
    files = [path.relative_to(EMPIRICAL).with_suffix(".csv") for path in named]
    for file in files:
        (tmp_path / file).unlink()
    assert (
        empirical_command([*made_by.removeprefix("python -m empirical ").split(), "--out", str(tmp_path)])
        == 0
    )
    for file in files:
        made, stored = (read_table(folder / file).frame for folder in (tmp_path, EMPIRICAL))
        pd.testing.assert_frame_equal(made, stored, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["paper", "paper-curves", "paper-seconds"])
def test_tables_of_the_arena_carry_the_digest_of_the_code(name):
    path = EMPIRICAL / "arena" / f"{name}.json"
    seed = json.loads(path.read_text())["seed"]
    require_current(path, Arena("paper", "fair", seed, ROOT, THREADS).sweep.digest)


def test_the_stored_peaks_of_memory_are_those_of_every_study_at_its_present_cells():
    table = read_table(RESULTS / "memory.csv").frame
    present = {name: len(memory.cells(study)) for name, study in STUDIES.items()}
    assert dict(zip(table["study"], table["cells"], strict=True)) == present, (
        "run python -m benchmarks memory"
    )
    assert table["within"].all()
    assert (table["peak_gib"] < memory.LIMIT_GIB).all()
