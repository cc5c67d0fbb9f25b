"""Two jobs with the same cell, as a launch that is given again before its jobs have ended makes them."""

import json
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from empirical import cell as cells_module
from empirical import cell_run, locks
from empirical import launch as launch_module
from empirical.launch import _batches, task, walk
from empirical.locks import alone
from empirical.outcomes import (
    failure,
    latents_cached,
    lock,
    log,
    log_lock,
    needs_latents,
    result,
    set_aside,
)
from empirical.training import train_on
from qtheory.errors import DomainError
from tests.empirical.launched import Here, chosen


def files(folder):
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir() if path.is_file()
    }


@pytest.fixture
def trainings(monkeypatch):
    """Count trainings; waiting jobs look often."""
    monkeypatch.setattr(locks, "POLL", 0.01)
    begun = []
    monkeypatch.setattr(cell_run, "train_on", lambda *a, **k: begun.append(a) or train_on(*a, **k))
    return begun


@pytest.fixture
def waiting(monkeypatch):
    """Starts a job, and returns it once it has found that another one has the cell."""
    taken, refused = locks._taken, threading.Event()

    def looked(*given):
        if (file := taken(*given)) is None:
            refused.set()
        return file

    def begun(path):
        monkeypatch.setattr(locks, "_taken", looked)
        job = threading.Thread(target=cells_module.main, args=(str(path),))
        job.start()
        assert refused.wait(60)
        return job

    return begun


def test_a_second_job_of_a_cell_waits_and_finds_it_done(launch, trainings, waiting):
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], Here())
    folder, path = launch.folder(spec), launch.folder(spec) / "cell.json"
    stored = {name: (folder / name).read_bytes() for name in ("weights.safetensors", "result.json")}
    for name in stored:
        (folder / name).unlink()
    before = files(folder)
    trainings.clear()
    with alone(lock(launch, spec)):
        job = waiting(path)
        assert files(folder) == before
        for name, content in stored.items():
            (folder / name).write_bytes(content)
    job.join()
    assert trainings == []
    assert {name: (folder / name).read_bytes() for name in stored} == stored
    assert dict(walk(launch, [spec], Here()))[spec] == outcome


def test_a_second_job_of_a_cell_trains_it_where_the_first_one_died(launch, trainings, waiting):
    spec = chosen()[0]
    path = launch.write(spec)
    old = {"digest": launch.digest(spec), "error": "of the job that died"}
    with alone(lock(launch, spec)):
        job = waiting(path)
        (path.parent / "failure.json").write_text(json.dumps(old))
    job.join()
    assert len(trainings) == 1
    assert (path.parent / "result.json").exists()
    assert not (path.parent / "failure.json").exists()


def reason_beside(launch, error):
    """Return the reason that stands once a process has failed in a cell whose folder has one already."""
    spec = chosen()[0]
    path = launch.write(spec)
    stored = {"digest": launch.digest(spec), "error": error}
    (path.parent / "failure.json").write_text(json.dumps(stored))
    with pytest.raises(RuntimeError):
        cells_module.main(str(path))
    return failure(launch, spec, 1)


def test_a_job_that_fails_after_another_one_tells_its_own_reason(launch, monkeypatch):
    def train(*_, **__):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(cell_run, "train_on", train)
    assert reason_beside(launch, "of the job that died") == "RuntimeError: shapes differ"


def test_a_process_that_comes_late_leaves_the_reason_of_the_one_that_failed(launch, monkeypatch):
    def lost(**_):
        raise RuntimeError("lost the others")

    monkeypatch.setattr(cells_module, "processes", lost)
    assert reason_beside(launch, "of the first process") == "of the first process"


class Nowhere(Here):
    """Fails every task, and leaves no trace."""

    def run(self, tasks):
        self.done += [one.command[-2].split("/")[-2] for one in tasks]
        yield from (1 for _ in tasks)


@pytest.fixture(params=[lock, lambda launch, cell: log_lock(log(launch, cell))], ids=["lock", "log"])
def running(launch, monkeypatch, request):
    """Has a job run the first of two cells, or begin to, which ends when the launcher waits for it."""
    spec, other = (cell for cell in chosen(methods=["fsq", "lfq"]) if cell.phase == "substitution")
    with ExitStack() as job:
        job.enter_context(alone(request.param(launch, spec)))
        launch.write(spec)
        monkeypatch.setattr(launch_module.time, "sleep", lambda _: job.close())
        yield spec, other, job


def test_a_launch_that_is_given_again_waits_for_a_running_cell_without_a_job(launch, running):
    spec, other, job = running
    folder, executor = launch.folder(spec), Nowhere()
    stored = {"digest": launch.digest(spec), "seconds": 1.0, "processes": 1, "row": {}}
    own = {"digest": launch.digest(spec), "error": "of the job that runs"}
    (folder / "failure.json").write_text(json.dumps(own))
    before = files(folder)
    job.callback(lambda: (folder / "result.json").write_text(json.dumps(stored)))
    outcomes = walk(launch, [spec, other], executor)
    assert next(outcomes) == (other, "ended with status 1, without a word")  # meanwhile
    assert files(folder) == before
    assert list(outcomes) == [(spec, stored)]
    assert executor.done == [other.name.split("/")[-1]]


def test_a_launch_runs_a_cell_whose_job_ended_without_a_result(launch, running):
    spec, other, _ = running
    assert task(launch, spec).lock == str(lock(launch, spec))
    own = {"digest": launch.digest(spec), "error": "of the job that ran"}
    (launch.folder(spec) / "failure.json").write_text(json.dumps(own))
    executor = Nowhere()
    outcomes = dict(walk(launch, [spec, other], executor))
    assert list(outcomes) == [other, spec]
    assert outcomes[spec] == "ended with status 1, without a word"
    assert len(executor.done) == 2


class Queue(Here):
    """Runs jobs after another launch has been given, with other settings."""

    def __init__(self, other, cells):
        super().__init__()
        self.other, self.cells = other, cells

    def run(self, tasks):
        assert not any(isinstance(found, str) for _, found in walk(self.other, self.cells, Here()))
        yield from super().run(tasks)


def test_a_queued_cell_does_not_run_the_settings_of_another_launch(launch, trainings):
    spec, other = chosen()[0], replace(launch, bf16=True)
    assert dict(walk(launch, [spec], Queue(other, [spec])))[spec].startswith(
        "a launch with other settings took the folder; wait until that has ended"
    )
    assert len(trainings) == 1
    folder = launch.folder(spec)
    assert result(other, spec) is not None
    assert not (folder / "failure.json").exists()
    assert task(launch, spec).command[-1] == launch.digest(spec) != other.digest(spec)
    other.write(spec)
    with pytest.raises(DomainError, match="must be as it was when the job was submitted, of digest"):
        cells_module.main(str(folder / "cell.json"), launch.digest(spec))
    [(_, again)] = walk(launch, [spec], Here())
    assert again["digest"] == launch.digest(spec)
    assert dict(walk(other, [spec], Nowhere()))[spec]["digest"] == other.digest(spec)  # kept beside


def test_a_job_that_waited_looks_again_at_whose_the_folder_is(launch, trainings, monkeypatch):
    spec, other = chosen()[0], replace(launch, bf16=True)
    path = launch.write(spec)

    @contextmanager
    def waited(*_):
        set_aside(other, [spec])
        other.write(spec)
        yield

    monkeypatch.setattr(cells_module, "alone", waited)
    with pytest.raises(DomainError, match="must be as it was when the job was submitted"):
        cells_module.main(str(path), launch.digest(spec))
    assert trainings == []
    assert {entry.name for entry in path.parent.iterdir()} == {"cell.json"}


def test_later_phases_take_back_folders_that_another_launch_had(launch):
    cells, other = chosen(), replace(launch, bf16=True)
    outcomes = walk(launch, cells, Here())
    next(outcomes)
    theirs = dict(walk(other, cells, Here()))
    ours = dict(outcomes)
    assert [found["digest"] for found in ours.values()] == [launch.digest(cell) for cell in cells[1:]]
    assert dict(walk(other, cells, Nowhere())) == theirs


class AtOnce(Here):
    """Stands for a cluster."""

    at_once = True

    def run(self, tasks):
        self.done.append(len(tasks))
        yield from Here().run(tasks)


def test_of_jobs_that_would_wait_for_latents_the_first_runs_alone(launch):
    launch, executor = replace(launch, cached=True), AtOnce()
    cells = [cell for cell in chosen(methods=["fsq", "lfq"]) if cell.phase != "joint"]
    assert not any(isinstance(found, str) for _, found in walk(launch, cells, executor))
    assert executor.done == [1, 1, 2]  # two substitutions, two adaptations
    for cell in cells:
        (launch.folder(cell) / "result.json").unlink()
    list(walk(launch, cells, executor))
    assert executor.done[3:] == [2, 2]  # the latents are there
    images, here = [replace(cell, protocol="fair_images") for cell in cells[:2]], Here()
    assert not any(needs_latents(launch, cell) for cell in images)
    [folder] = Path(launch.out).glob("latents-*/")
    assert not latents_cached(replace(launch, digests={**launch.digests, "tokenizer": "another"}))
    for other in ({"views": 1}, {"views": 3}, {"size": 16}):  # those of another preset
        assert not latents_cached(replace(launch, sizes=replace(launch.sizes, **other)))
    folder.rename(folder.with_name("latents-references"))
    assert not latents_cached(launch)
    assert list(_batches(launch, images, executor)) == [images]
    assert list(_batches(launch, cells, here)) == [cells]  # the cards of a machine are there either way


def test_other_settings_are_refused_while_a_cell_runs_and_nothing_is_moved(launch):
    first, second, *_ = chosen(methods=["fsq", "lfq"])
    other = replace(launch, bf16=True)
    folders = [launch.write(cell).parent for cell in (first, second)]
    with alone(lock(launch, second)):
        with pytest.raises(DomainError, match=rf"but 1 do, such as {second.name}; wait for their jobs"):
            list(walk(other, [first, second], Nowhere()))
        assert all((folder / "cell.json").exists() for folder in folders)
        assert len(list(folders[0].parent.iterdir())) == 2
    list(walk(other, [first, second], Nowhere()))
    assert len(list(folders[0].parent.iterdir())) == 4
