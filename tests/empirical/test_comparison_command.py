"""The comparison on photographs: what some tables of the paper print, store and refuse, and its heads."""

import json
import shutil
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import empirical
from empirical import comparison_command
from empirical.__main__ import main
from empirical.cells import compared
from empirical.launch_config import PHOTOGRAPHS
from empirical.variants import PHASES
from qtheory.errors import DomainError
from qtheory.results import read_table

FINDINGS = ("correlations", "contrasts")


@pytest.fixture
def stored(tmp_path):
    """The results that come with the code, where they may be changed."""
    for study in (*PHASES, *FINDINGS):
        folder = tmp_path / study
        folder.mkdir()
        for path in Path(empirical.__file__).with_name("results").glob(f"{study}/pocket*.*"):
            shutil.copy(path, folder)
    return tmp_path


def test_tables_that_are_left_out_are_not_printed_and_stay_in_what_is_answered(stored, capsys):
    before = {name: read_table(stored / name / "pocket.csv").frame for name in FINDINGS}
    assert comparison_command.table("pocket", "fair", stored, (3,)) == 0
    compared, *rest = capsys.readouterr().out.split("\n\n")
    assert " adaptation " in compared
    assert " joint " not in compared
    assert "Table 7" not in "".join(rest)
    for name, frame in before.items():
        assert_frame_equal(read_table(stored / name / "pocket.csv").frame, frame)
    found = read_table(stored / "correlations" / "pocket.csv")
    assert found.frame["phase"].unique().tolist() == list(PHASES)
    assert "joint/pocket" in found.manifest["configuration"]["sources"]


def test_a_phase_of_another_run_is_left_out_where_nobody_asks_for_it(stored, capsys):
    path = stored / "joint" / "pocket.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "seed": 1}))
    assert comparison_command.table("pocket", "fair", stored, (3,)) == 0
    found = read_table(stored / "correlations" / "pocket.csv")
    assert found.frame["phase"].unique().tolist() == list(PHASES[:2])
    assert main(["table", "--preset", "pocket", "--out", str(stored)]) == 1
    assert "must be of the same, got seed 0 and 1; run one of them again" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_protocol_without_a_training_in_the_chosen_tables_is_refused(options, tmp_path, capsys):
    given = ["launch", "--preset", "pocket", "--out", str(tmp_path), "--protocols", "fair", "fair_light"]
    assert main([*given, "--tables", "3", *options]) == 2
    words = "protocol fair_light must be launched with table 7, got (3,): it changes joint alone"
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_heads_on_photographs_are_those_that_are_asked_for():
    def found(*heads):
        points = compared(PHOTOGRAPHS["smoke"], "substitution", heads)
        return [head for method, head in points if method == "ema"]

    assert found("full") == ["full"]
    assert found("1x1", "full", "none") == ["none", "full", "1x1"]
    with pytest.raises(DomainError, match="heads must include full"):
        found("none")
    assert compared(PHOTOGRAPHS["smoke"], "joint", ("full", "none")) == compared(
        PHOTOGRAPHS["smoke"], "joint"
    )
