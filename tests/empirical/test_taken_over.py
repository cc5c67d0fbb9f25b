"""Two launches with other settings take turns in one folder: what each has finished is found again."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from empirical import checkpoint
from empirical import launch as launch_module
from empirical.checkpoint import State
from empirical.executors import perform
from empirical.launch import _outcomes, run, task, walk
from empirical.locks import if_free
from empirical.outcomes import (
    failure,
    forget_failure,
    kept_beside,
    latents_cached,
    log,
    log_lock,
    needs_latents,
    result,
    set_aside,
)
from qtheory.errors import DomainError
from qtheory.results import read_table
from tests.empirical.helpers import until, written
from tests.empirical.launched import Here, chosen


def done(digest):
    return json.dumps({"digest": digest, "seconds": 1.0, "processes": 1, "row": {}})


class Fake(Here):
    """Finishes every task without running it, then lets something happen before it says so."""

    at_once = True

    def __init__(self, then=lambda number: None):
        super().__init__()
        self.then, self.calls = then, []

    def run(self, tasks):
        self.calls.append([Path(one.command[-2]).parent.name for one in tasks])
        for one in tasks:
            (Path(one.command[-2]).parent / "result.json").write_text(done(one.digest))
        self.then(len(self.calls))
        yield from (0 for _ in tasks)


def test_cells_that_finished_before_another_launch_took_their_folders_are_no_failures(launch):
    cells, other = chosen(), replace(launch, bf16=True)
    first = [cell for cell in cells if cell.phase == "substitution"]

    def taken(number):
        if number == 1:
            set_aside(other, first)

    outcomes = dict(walk(launch, cells, Fake(taken)))
    assert [cell.name for cell, outcome in outcomes.items() if isinstance(outcome, str)] == []
    assert list(outcomes) == list(cells)


def test_a_late_job_leaves_nothing_that_hides_what_is_set_aside(launch):
    spec, other = chosen()[0], replace(launch, bf16=True)
    late = task(launch, spec)
    (launch.folder(spec) / "result.json").write_text(done(launch.digest(spec)))
    set_aside(other, [spec])  # and its own file comes when its turn does
    assert perform(late) == 1
    assert failure(launch, spec, 1).startswith("a launch with other settings took the folder; wait until")
    launch.folder(spec).mkdir(exist_ok=True)
    (launch.folder(spec) / "output.log").write_text("late")
    set_aside(launch, [spec])
    assert result(launch, spec) is not None
    # there and back again, also where a copy is there already
    kept_beside(launch.folder(spec), launch.digest(spec)).mkdir()
    set_aside(other, [spec])
    assert not launch.folder(spec).exists()


def test_before_each_batch_of_a_phase_other_settings_are_set_aside(launch):
    launch = replace(launch, cached=True)
    cells = [cell for cell in chosen(methods=["fsq", "lfq"]) if cell.phase == "substitution"]
    other = replace(launch, bf16=True)

    def taken(number):
        if number == 1:
            set_aside(other, [cells[1]])
            other.write(cells[1])
            (launch.folder(cells[1]) / "state.safetensors").write_bytes(b"theirs")

    executor = Fake(taken)
    assert all(not isinstance(outcome, str) for _, outcome in _outcomes(launch, cells, executor))
    assert [len(call) for call in executor.calls] == [1, 1]
    theirs = kept_beside(launch.folder(cells[1]), other.digest(cells[1]))
    assert (theirs / "state.safetensors").read_bytes() == b"theirs"
    assert not (launch.folder(cells[1]) / "state.safetensors").exists()


def test_the_cell_that_runs_alone_is_one_that_makes_the_cache(launch):
    launch = replace(launch, cached=True)
    cells = [cell for cell in chosen(methods=["fsq"], tables=[3]) if cell.phase == "substitution"]
    needing = [cell for cell in cells if needs_latents(launch, cell)]
    assert [cell.method for cell in needing] == ["fsq"]
    executor = Fake()
    list(_outcomes(launch, cells, executor))
    assert executor.calls[0] == [needing[0].name.split("/")[-1]]
    assert not latents_cached(launch)


def test_a_folder_stays_where_it_is_from_the_start_of_its_job(launch):
    """Between that and the cell's own lock lie the imports and ``torchrun``, tens of seconds."""
    spec, other = chosen()[0], replace(launch, bf16=True)
    folder = launch.write(spec).parent
    beside = kept_beside(folder, other.digest(spec))
    beside.mkdir()
    with if_free(log_lock(log(launch, spec))) as free:
        assert free
        with pytest.raises(DomainError, match="cells must not run with other settings at the same time"):
            set_aside(other, [spec])
        (folder / "cell.json").unlink()  # a folder that says nothing would else be removed
        set_aside(other, [spec])
        assert folder.exists()
        assert beside.exists()
    set_aside(other, [spec])
    assert folder.exists()
    assert not beside.exists()


def test_what_a_job_says_that_runs_a_cell_meanwhile_is_left_to_it(launch, monkeypatch):
    """Of another launch; it began when this one had seen nobody there."""
    monkeypatch.setattr(launch_module, "at_work", lambda *_: False)
    spec = chosen()[0]
    one = task(launch, spec)
    said = launch.folder(spec) / "failure.json"
    said.write_text("{}")
    script = f"echo began; until [ -e {said}.go ]; do sleep 0.02; done"
    kept = []
    with ThreadPoolExecutor() as pool:
        job = pool.submit(perform, replace(one, command=("sh", "-c", script)))
        try:
            until(lambda: written(Path(one.log)))
            list(_outcomes(launch, [spec], Fake(lambda number: kept.append(said.exists()))))
        finally:
            said.with_name("failure.json.go").touch()
        assert job.result(60) == 0
    forget_failure(launch, spec)
    assert (kept, said.exists()) == ([True], False)


def test_a_reason_that_ends_a_launch_leaves_its_table(launch, capsys):
    def refused(number):
        if number == 2:
            raise DomainError("the cluster takes no jobs")

    with pytest.raises(DomainError, match="takes no jobs"):
        run(launch, chosen(), Fake(refused), "command", lambda cell, outcome: None)
    path = Path(launch.out) / "tiny.csv"
    assert f"{path} has the cells that are finished" in capsys.readouterr().err
    assert len(read_table(path).frame) >= 1


@pytest.mark.parametrize("stored", [True, False])
def test_where_all_that_is_stored_is_of_other_sizes_a_reason_that_ends_a_launch_writes_no_table(
    launch, stored, capsys
):
    earlier = [cell for cell in chosen(tables=[4], methods=["mmd"]) if cell.codebook_size == 16]
    assert earlier
    for cell in earlier * stored:
        launch.write(cell)
        (launch.folder(cell) / "result.json").write_text(done(launch.digest(cell)))

    class Interrupted(Here):
        def run(self, tasks):
            raise KeyboardInterrupt

    other = replace(launch, sizes=replace(launch.sizes, codebook_sizes=(64, 256)))
    with pytest.raises(KeyboardInterrupt):
        run(other, chosen(), Interrupted(), "command", lambda cell, outcome: None)
    assert not list(Path(launch.out).glob("*.csv"))
    assert "the cells that are finished" not in capsys.readouterr().err


def test_a_state_that_does_not_say_its_processes_is_taken_for_one_of_as_many(tmp_path):
    checkpoint.save(tmp_path / "s.safetensors", {"a.b": torch.zeros(1)}, {"digest": "d", "step": "900"})
    for processes in (1, 8):
        state = State(tmp_path / "s.safetensors", "d", 100, processes)
        assert (state.others, state.steps) == (None, 900)
