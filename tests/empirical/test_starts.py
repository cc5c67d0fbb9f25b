"""Weights that later phases start from: where they are gone or damaged they are trained again."""

import json

import pytest

from empirical.__main__ import main
from empirical.cell_run import CellRun
from empirical.cells import matrix
from empirical.checkpoint import load
from empirical.head import HEADS
from empirical.launch import collect, task, walk
from empirical.launch_config import PRESETS
from empirical.launch_forecast import forecast
from empirical.starts import lacking, started_from
from empirical.variants import EVERY
from tests.empirical.helpers import interrupted
from tests.empirical.launched import Here, chosen

REMOVED, TRUNCATED, OTHER = "removed", "truncated", "of another configuration"


@pytest.fixture
def finished(launch):
    """A launch whose three cells are finished, what they stored, and the weights of the first."""
    cells = chosen()
    outcomes = list(walk(launch, cells, Here()))
    collect(launch, outcomes, "test")
    return launch, cells, dict(outcomes), (launch.folder(cells[0]) / "weights.safetensors").read_bytes()


def spoil(launch, cell, how):
    path = launch.folder(cell) / "weights.safetensors"
    if how == REMOVED:
        path.unlink()
    else:
        content = path.read_bytes()
        own = launch.digest(cell).encode()
        path.write_bytes(content[:-1] if how == TRUNCATED else content.replace(own, own[::-1]))
    return path


@pytest.mark.parametrize("how", [REMOVED, TRUNCATED, OTHER])
def test_a_start_whose_weights_are_gone_is_trained_again_and_keeps_its_result(finished, how):
    launch, cells, before, weights = finished
    path = spoil(launch, cells[0], how)
    (launch.folder(cells[1]) / "result.json").unlink()
    (launch.folder(cells[1]) / "weights.safetensors").unlink()
    assert lacking(launch, cells) == {cells[0].name}
    assert forecast(launch, cells, "cpu").count(" to do ") == 2
    again = Here()
    found = dict(walk(launch, cells, again))
    assert [name.split("-")[0] for name in again.done] == ["fsq", "fsq"]
    assert found[cells[0]] == before[cells[0]]  # with the seconds of the first training
    assert found[cells[1]]["row"] == before[cells[1]]["row"]
    assert path.read_bytes() == weights
    assert path.with_name("weights.safetensors.damaged").exists() == (how == TRUNCATED)
    assert list(walk(launch, cells, again)) == list(found.items())
    assert len(again.done) == 2


def test_weights_that_nothing_starts_from_are_not_trained_again(finished):
    launch, cells, before, _ = finished
    path = spoil(launch, cells[0], REMOVED)
    again = Here()
    assert dict(walk(launch, cells, again)) == before
    assert again.done == []
    assert not path.exists()


@pytest.mark.parametrize(
    ("head", "method", "trainings"), [("full", "mmd", 1), ("none", "mmd", 0), ("none", "kmeans", 0)]
)
def test_a_job_that_waited_trains_again_only_what_later_phases_start_from(
    launch, monkeypatch, head, method, trainings
):
    options = {"tables": [3], "methods": ["mmd"], "heads": ["full", "none"]}
    cells = {(cell.head, cell.method): cell for cell in chosen(**options) if cell.phase == "substitution"}
    cell, trained = cells[head, method], []
    list(walk(launch, [cell], Here()))
    queued = task(launch, cell)
    (launch.folder(cell) / "weights.safetensors").unlink(missing_ok=True)
    monkeypatch.setattr(CellRun, "trained", lambda self: trained.append(self.cell))
    assert list(Here().run([queued])) == [0]
    assert trained == [cell] * trainings


def test_every_start_of_a_later_phase_is_one_that_a_job_keeps_the_weights_of():
    cells = matrix(PRESETS["paper"], EVERY, heads=HEADS)
    starts = {cell.start.name for cell in cells if cell.start is not None}
    assert len(starts) > 10
    assert starts <= {cell.name for cell in cells if started_from(cell)}
    assert not any(
        started_from(cell) for cell in cells if cell.head != "full" or cell.phase != "substitution"
    )


def test_such_a_training_is_resumed_after_a_kill(finished):
    launch, cells, before, weights = finished
    path = spoil(launch, cells[0], REMOVED)
    (launch.folder(cells[2]) / "result.json").unlink()
    with interrupted(before=3):
        list(walk(launch, cells, Here()))
    assert load(launch.folder(cells[0]) / "state.safetensors")[1]["step"] == "3"
    assert dict(walk(launch, cells, Here()))[cells[0]] == before[cells[0]]
    assert path.read_bytes() == weights


def test_where_it_fails_the_cells_that_start_from_it_say_so_and_its_row_stays(finished, monkeypatch):
    launch, cells, _, _ = finished
    spoil(launch, cells[0], REMOVED)
    (launch.folder(cells[1]) / "result.json").unlink()
    monkeypatch.setattr("empirical.cell_run.train_on", lambda *_, **__: 1 / 0)
    found = list(walk(launch, cells, Here()))
    assert found[0][1].startswith("ended with status 1")
    assert found[1][1] == f"starts from {cells[0].name}, which failed"
    assert found[2][1]["row"]["psnr"] > 0
    assert collect(launch, found, "test").frame["phase"].tolist() == ["substitution", "joint"]


def test_trained_in_another_number_of_processes_it_is_measured_again(finished):
    """What later phases start from, and the row, are of the same training."""
    launch, cells, before, _ = finished
    spoil(launch, cells[0], REMOVED)
    (launch.folder(cells[1]) / "result.json").unlink()
    path = launch.folder(cells[0]) / "result.json"
    path.write_text(json.dumps({**before[cells[0]], "processes": 2}))
    assert dict(walk(launch, cells, Here()))[cells[0]]["processes"] == 1
    assert json.loads(path.read_text())["processes"] == 1


def test_a_damaged_state_is_named_with_the_remedy_which_holds(launch):
    [cell, *_] = chosen()
    with interrupted(before=3):
        list(walk(launch, [cell], Here()))
    state = launch.folder(cell) / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1])
    for _ in range(2):
        [(_, outcome)] = walk(launch, [cell], Here())
        assert f"{state} must be a safetensors file" in outcome
        assert outcome.endswith("; remove it, and the command that made it computes it again")
    state.unlink()
    [(_, outcome)] = walk(launch, [cell], Here())
    assert outcome["row"]["psnr"] > 0


def test_a_finished_cell_without_weights_is_not_measured_again_but_told_how(finished, capsys):
    launch, cells, before, _ = finished
    path = spoil(launch, cells[0], REMOVED)
    assert main(["evaluate", "--cell", str(path.parent)]) == 1
    assert "launch it first, where there is a result.json beside it without that" in capsys.readouterr().err
    (path.parent / "result.json").unlink()
    found = dict(walk(launch, cells, Here()))
    assert found[cells[0]]["row"] == before[cells[0]]["row"]
    assert main(["evaluate", "--cell", str(path.parent)]) == 0
