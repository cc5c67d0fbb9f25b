"""What all studies have in common: their presets, and that each says its cost before it starts."""

import re

import pytest

from benchmarks.__main__ import RESULTS
from qtheory.results import read_table
from sims import __main__ as command
from sims.runner import _Traced, run_study
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


def test_stated_times_are_those_of_the_stored_benchmark():
    table = read_table(RESULTS / "presets.csv").frame
    each = table[table["study"] != "all"]
    assert {*zip(each["study"], each["preset"], strict=True)} == {
        (name, preset) for name in STUDIES for preset in ("smoke", "paper")
    }
    for row in each.itertuples():
        seconds = float(STUDIES[row.study].presets[row.preset].cost.split(" s")[0])
        assert seconds == pytest.approx(row.seconds, rel=0.3, abs=0.5), (row.study, row.preset)


def test_stated_memory_is_enough_for_the_stored_peak():
    table = read_table(RESULTS / "memory.csv").frame
    assert {*table["study"]} == {*STUDIES}
    for row in table.itertuples():
        stated = float(re.search(r", ([\d.]+) GB", STUDIES[row.study].presets["paper"].cost)[1])
        assert stated * 1e9 >= row.peak_gib * 2**30, row.study


def test_the_cost_is_printed_before_the_first_cell_and_not_where_nothing_is_to_do(tmp_path, capsys):
    run_study(STUDY, "smoke", seed=0, out=tmp_path)
    said = capsys.readouterr().err
    assert said.startswith(f"variance-scaling, smoke: {STUDY.presets['smoke'].cost} on 2 cores\n")
    run_study(STUDY, "smoke", seed=0, out=tmp_path)
    assert capsys.readouterr().err == ""


BOUNDS = {
    "variance-scaling": {"shannon_lower_bound"},
    "quantizer-variance": {"shannon_lower_bound", "zador"},
    "equal-rate": {"shannon_bound", "zador_db", "gaussian_distortion_rate"},
    "low-dimensional-support": {
        "lower_bound",
        "lower_bound_paper",
        "upper_bound",
        "upper_bound_paper",
        "zador",
    },
    "worst-case-rates": {
        f"prop2.{name}" for name in ("lower.paper", "lower.sharp", "upper.paper", "upper.sharp")
    },
    "utilization": {"bound_size", "bound_utilization", "bound_perplexity"},
    "codebook-density": {"shannon_lower_bound", "best_distortion"},
    "token-codebook": {"map_distortion_rate", "vector_distortion_rate"},
    "finite-sample": {"shannon_lower_bound"},
}
FITTED_TO_NOTHING = {"variance-scaling", "codebook-density"}


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_row_carries_its_seed_both_errors_bounds_and_a_place_for_a_warning(study):
    cell = study.sweep("smoke", seed=3).cells()[0]
    columns = {
        "seed",
        "distortion",
        "standard_error",
        "in_sample_distortion",
        "points_per_centroid",
        "warning",
    }
    columns |= BOUNDS[study.name]
    for row in _Traced(study.run)(cell):
        assert columns <= row.keys()
        assert row["seed"] == 3
        assert row["distortion"] > 0 <= row["standard_error"]
        if study.name in FITTED_TO_NOTHING:
            assert row["in_sample_distortion"] is row["points_per_centroid"] is None
            assert row["warning"] == ""


def test_the_command_ends_with_warnings_and_the_seconds_of_each_study(tmp_path, capsys, monkeypatch):
    two = {name: STUDIES[name] for name in ("variance-scaling", "finite-sample")}
    monkeypatch.setattr(command, "STUDIES", two)
    assert command.main(["all", "--preset", "smoke", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    # VQ and PQ have 4 and 32 vectors a codeword in 3 trials on 2 sources
    assert "  warning: 12 rows with fewer than 39 training vectors a codeword" in lines
    names = [line.split(":")[0].strip() for line in lines[-3:]]
    assert names == [*two, "all"]
    seconds = [float(line.split(":")[1]) for line in lines[-3:]]
    assert abs(seconds[-1] - sum(seconds[:-1])) <= 0.15
    assert "not counted again" in lines[-4]
