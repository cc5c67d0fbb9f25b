"""What all studies have in common: their presets, and that each says its cost before it starts."""

import re

import pytest

from sims.runner import run_study
from sims.studies import STUDIES
from sims.variance_scaling import STUDY

PRESETS = [(study, name) for study in STUDIES.values() for name in study.presets]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_each_study_comes_in_three_sizes_that_differ(study):
    assert {"smoke", "paper", "large"} <= set(study.presets)
    cells = [len(study.sweep(name, seed=0).cells()) for name in ("smoke", "paper", "large")]
    assert cells[0] < min(cells[1:])
    assert len({study.sweep(name, seed=0).digest for name in study.presets}) == len(study.presets)


@pytest.mark.parametrize(("study", "name"), PRESETS)
def test_no_cell_occurs_twice(study, name):
    names = [cell.name for cell in study.sweep(name, seed=0).cells()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("study", "name"), PRESETS)
def test_each_preset_states_time_and_the_larger_ones_memory(study, name):
    cost = study.presets[name].cost
    assert re.match(r"[\d.]+ (s|min)\b", cost)
    assert name == "smoke" or re.search(r", [\d.]+ GB\b", cost)


def test_the_cost_is_printed_before_the_first_cell_and_not_where_nothing_is_to_do(tmp_path, capsys):
    run_study(STUDY, "smoke", seed=0, out=tmp_path)
    said = capsys.readouterr().err
    assert said.startswith(f"variance-scaling, smoke: {STUDY.presets['smoke'].cost} on 2 cores\n")
    run_study(STUDY, "smoke", seed=0, out=tmp_path)
    assert capsys.readouterr().err == ""
