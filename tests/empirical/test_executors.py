"""Cells on the cards of one machine, and what an interruption leaves running."""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from empirical import executors, locks
from empirical.executors import LocalExecutor, Task, perform
from empirical.launch import task, walk
from empirical.launch_command import Arguments, _executor
from empirical.locks import alone, if_free
from qtheory.errors import DomainError
from tests.empirical.helpers import until, written
from tests.empirical.launched import chosen

FOLLOWER = """
import sys, time
from empirical.runtime import end_with_launcher
end_with_launcher()
print("began", flush=True)
time.sleep(100)
"""


class Cards:
    """Stands for `perform`: follows which cards are used at the same time."""

    def __init__(self, monkeypatch, together, waits=1):
        self.waits = waits
        self.lock, self.now, self.most = threading.Lock(), [], []
        self.meet = threading.Barrier(together)
        monkeypatch.setattr(executors, "perform", self)

    def __call__(self, task, environment=None, stop=None):
        own = [] if environment is None else environment["CUDA_VISIBLE_DEVICES"].split(",")
        with self.lock:
            self.now.append((task.log, own))
            self.most.append(list(self.now))
        if task.cards == self.waits:
            self.meet.wait(timeout=10)
        with self.lock:
            self.now.remove((task.log, own))
        return int(task.log)


def tasks(*cards):
    return [Task(("true",), str(number), cards=count) for number, count in enumerate(cards)]


def machine_of(cards, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: cards)


def test_cells_of_one_card_run_side_by_side_and_those_of_all_cards_alone(monkeypatch):
    machine_of(4, monkeypatch)
    seen = Cards(monkeypatch, together=4)
    given = tasks(4, 1, 1, 1, 1, 4, 1, 1, 1, 1)
    assert list(LocalExecutor(4).run(given)) == list(range(len(given)))  # in their order
    used = [[card for _, own in running for card in own] for running in seen.most]
    assert all(len(cards) == len(set(cards)) for cards in used)  # no card by two at a time
    assert max(len(running) for running in seen.most) == 4
    whole = [running for running in seen.most if any(log in "05" for log, _ in running)]
    assert [[own for _, own in running] for running in whole] == [[["0", "1", "2", "3"]]] * 2


def test_cards_are_those_that_are_visible(monkeypatch):
    machine_of(2, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-a")
    seen = Cards(monkeypatch, together=2)
    assert list(LocalExecutor(2).run(tasks(1, 1))) == [0, 1]
    assert {card for running in seen.most for _, own in running for card in own} == {"5", "GPU-a"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 6,7")  # the machine has no card 7
    assert LocalExecutor(1).cards == ("5", "6")
    with pytest.raises(
        DomainError, match=r"--processes must be at most the 2 card\(s\) of CUDA_VISIBLE_DEVICES=5, 6,7"
    ):
        LocalExecutor(3)
    with pytest.raises(DomainError, match="cards must be at least the 3 of a cell, got 2"):
        list(LocalExecutor(2).run(tasks(3)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine_of_none = r"at most the 0 card\(s\) of CUDA_VISIBLE_DEVICES=, got 1; give --device cpu"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(DomainError, match=machine_of_none):
        LocalExecutor(1)


@pytest.mark.parametrize(("cards", "processes", "cells"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 2, 1)])
def test_as_many_cells_run_side_by_side_as_the_visible_cards_have_room_for(
    cards, processes, cells, monkeypatch
):
    machine_of(cards, monkeypatch)
    seen = Cards(monkeypatch, together=cells, waits=processes)
    given = tasks(*[processes] * (2 * cells))
    assert list(LocalExecutor(processes).run(given)) == list(range(2 * cells))
    assert max(len(running) for running in seen.most) == cells
    used = [[card for _, own in running for card in own] for running in seen.most]
    assert all(len(own) == len(set(own)) for own in used)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_command_runs_its_cells_on_all_visible_cards_or_on_none(launch, processes, monkeypatch):
    machine_of(4, monkeypatch)
    asked = replace(launch, device="cuda", processes=processes)
    executor = _executor(Arguments(processes=processes), asked)
    assert (executor.cards, task(asked, chosen()[0]).cards) == (("0", "1", "2", "3"), processes)
    assert _executor(Arguments(), replace(asked, device="cpu")).cards == ()


def test_processes_are_at_most_the_cards_of_the_machine(monkeypatch):
    machine_of(2, monkeypatch)
    assert LocalExecutor(2).cards == LocalExecutor(1).cards == ("0", "1")
    with pytest.raises(DomainError, match=r"at most the 2 card\(s\) of this machine, got 3; take fewer"):
        LocalExecutor(3)
    machine_of(0, monkeypatch)
    with pytest.raises(DomainError, match=r"at most the 0 card\(s\) of this machine, got 1; give --device"):
        LocalExecutor(1)
    assert LocalExecutor(0).cards == ()


def test_without_cards_one_task_runs_after_the_other(monkeypatch):
    seen = Cards(monkeypatch, together=1)
    assert list(LocalExecutor().run(tasks(0, 0, 0))) == [0, 1, 2]
    assert seen.most == [[(str(number), [])] for number in range(3)]


def test_cells_that_run_side_by_side_end_with_the_walk_that_is_interrupted(tmp_path, monkeypatch):
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    follower = (sys.executable, "-c", FOLLOWER)
    given = [Task(("true",), str(tmp_path / "first.log"), cards=1)]
    given += [Task(follower, str(log), cards=1) for log in logs]
    machine_of(2, monkeypatch)
    statuses = LocalExecutor(2).run(given)
    assert next(statuses) == 0
    until(lambda: all(written(log) for log in logs[:2]))
    start = time.monotonic()
    statuses.close()
    assert time.monotonic() - start < 50
    assert not logs[2].exists()  # and none starts any more


def test_a_task_whose_cell_another_job_runs_begins_after_it_with_a_log_of_its_own(tmp_path, monkeypatch):
    """What is left of that job, as torchrun is when the process with the lock was killed, still writes."""
    monkeypatch.setattr(executors, "POLL", 0.01)
    looked, looks = threading.Event(), executors.held
    monkeypatch.setattr(executors, "held", lambda path: looks(path) and (looked.set() or True))
    log, lock = tmp_path / "output.log", tmp_path / "lock"
    given = Task(("echo", "second"), str(log), lock=str(lock))
    with log.open("a", buffering=1) as first, ThreadPoolExecutor() as pool:
        with alone(lock):
            first.write("first\n")
            job = pool.submit(perform, given)
            assert looked.wait(60)
            assert log.read_text() == "first\n"
        assert job.result(60) == 0
        first.write("exitcode  : -9 (pid: 7)\n")
    assert log.read_text() == "second\n"


def test_of_two_jobs_of_a_cell_that_start_together_one_begins_after_the_other(tmp_path, monkeypatch):
    """A job has its log from the start, where the cell takes its lock seconds later."""
    monkeypatch.setattr(executors, "POLL", 0.01)
    stop, waits = threading.Event(), threading.Event()
    monkeypatch.setattr(stop, "wait", lambda seconds: waits.set() or time.sleep(seconds))
    log, go = tmp_path / "output.log", tmp_path / "go"
    scripts = f"echo first; until [ -e {go} ]; do sleep 0.02; done; echo ends; exit 3", "echo second"
    one, other = (Task(("sh", "-c", script), str(log), lock=str(tmp_path / "lock")) for script in scripts)
    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(perform, one, stop=stop)
            until(lambda: written(log))
            second = pool.submit(perform, other, stop=stop)
            until(lambda: waits.is_set() or second.done())
            assert log.read_text() == "first\n"
        finally:
            go.touch()
        assert (first.result(60), second.result(60)) == (3, 0)
    assert log.read_text() == "second\n"


def test_a_task_whose_folder_another_launch_has_taken_leaves_its_log(tmp_path):
    log = tmp_path / "output.log"
    (tmp_path / "cell.json").write_text('{"digest": "other"}')
    log.write_text("of the other\n")
    assert perform(Task(("echo", "own"), str(log), digest="own")) == 1
    assert log.read_text() == "of the other\n"
    assert perform(Task(("echo", "own"), str(log), digest="other")) == 0
    assert log.read_text() == "own\n"


def test_whose_a_folder_is_counts_once_the_log_is_taken(tmp_path, monkeypatch):
    """Until then another launch may take it."""

    @contextmanager
    def late(path):
        (tmp_path / "cell.json").write_text('{"digest": "other"}')
        with if_free(path) as free:
            yield free

    monkeypatch.setattr(executors, "if_free", late)
    (tmp_path / "cell.json").write_text('{"digest": "own"}')
    assert perform(Task(("echo", "own"), str(tmp_path / "output.log"), digest="own")) == 1
    assert not (tmp_path / "output.log").exists()


def test_a_cell_that_cannot_be_locked_fails_in_words_and_the_walk_goes_on(launch, monkeypatch):
    def refused(*_):
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(locks.fcntl, "flock", refused)
    cells = [cell for cell in chosen(methods=["fsq", "lfq"]) if cell.phase == "substitution"]
    words = "must be on a file system that locks files"
    outcomes = dict(walk(launch, cells, LocalExecutor()))
    assert all(words in outcomes[cell] and "take another --out" in outcomes[cell] for cell in cells)
    stored = json.loads((launch.folder(cells[0]) / "failure.json").read_text())
    assert stored == {"digest": launch.digest(cells[0]), "error": outcomes[cells[0]]}
    with pytest.raises(OSError, match=words):  # the same command finds it out at once
        list(walk(launch, cells, LocalExecutor()))
