"""Two jobs with the same cell, as a launch that is given again before its jobs have ended makes them."""

import json
import threading
from dataclasses import replace

import pytest

from empirical import cell as cells_module
from empirical import cell_run, locks
from empirical.launch import task, walk
from empirical.locks import alone
from empirical.outcomes import failure, lock
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
    stored = (folder / "result.json").read_bytes()
    for name in ("result.json", "weights.safetensors"):
        (folder / name).unlink()
    before = files(folder)
    trainings.clear()
    with alone(lock(launch, spec)):
        job = waiting(path)
        assert files(folder) == before
        (folder / "result.json").write_bytes(stored)
    job.join()
    assert trainings == []
    assert (folder / "result.json").read_bytes() == stored
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


def test_a_job_that_fails_after_another_one_tells_its_own_reason(launch, monkeypatch):
    def train(*_, **__):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(cell_run, "train_on", train)
    spec = chosen()[0]
    path = launch.write(spec)
    old = {"digest": launch.digest(spec), "error": "of the job that died"}
    (path.parent / "failure.json").write_text(json.dumps(old))
    with pytest.raises(RuntimeError):
        cells_module.main(str(path))
    assert failure(launch, spec, 1) == "RuntimeError: shapes differ"


def test_a_process_that_comes_late_leaves_the_reason_of_the_one_that_failed(launch, monkeypatch):
    def lost(**_):
        raise RuntimeError("lost the others")

    monkeypatch.setattr(cells_module, "processes", lost)
    spec = chosen()[0]
    path = launch.write(spec)
    first = {"digest": launch.digest(spec), "error": "of the first process"}
    (path.parent / "failure.json").write_text(json.dumps(first))
    with pytest.raises(RuntimeError):
        cells_module.main(str(path))
    assert failure(launch, spec, 1) == "of the first process"


class Nowhere(Here):
    """Fails every task, and leaves no trace."""

    def run(self, tasks):
        yield from (1 for _ in tasks)


def test_a_launch_that_is_given_again_leaves_a_running_cell_as_it_is(launch):
    spec = chosen()[0]
    folder = launch.write(spec).parent
    own = {"digest": launch.digest(spec), "error": "of the job that runs"}
    (folder / "failure.json").write_text(json.dumps(own))
    assert task(launch, spec).lock == str(lock(launch, spec))
    with alone(lock(launch, spec)):
        before = files(folder)["failure.json"]
        [(_, outcome)] = walk(launch, [spec], Nowhere())
        assert files(folder)["failure.json"] == before
    assert outcome == "of the job that runs"
    [(_, outcome)] = walk(launch, [spec], Nowhere())
    assert outcome == "ended with status 1, without a word"


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
