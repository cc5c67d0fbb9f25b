"""The log of a training: continued after an interruption, and whole after a kill."""

import json

import pytest

from empirical.journal import Journal, best_epoch
from empirical.runtime import Runtime


def steps(folder, name="log.jsonl"):
    return [json.loads(line)["step"] for line in (folder / name).read_text().splitlines()]


def test_lines_after_the_last_state_are_dropped_and_written_again(tmp_path):
    with Journal(tmp_path / "log.jsonl", 0) as journal:
        for step in range(1, 121):
            journal.log(step, {"loss": 1 / step})
    assert steps(tmp_path) == [1, 50, 100]
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 150, "lo')  # a kill in the middle of a line
    with Journal(tmp_path / "log.jsonl", 60) as journal:
        for step in range(61, 101):
            journal.log(step, {"loss": 2.0})
    assert steps(tmp_path) == [1, 50, 100]
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["loss"] == 2.0


def test_the_best_epoch_is_that_of_the_least_value_among_those_that_count(tmp_path):
    log, epochs = tmp_path / "log.jsonl", tmp_path / "epochs.jsonl"
    assert best_epoch(epochs, "r_fid") == {}
    journal = Journal(log, 0, epochs=epochs)
    for number, value in enumerate((3.0, 1.0, 2.0, 0.5), 1):
        journal.log(10 * number, {})
        journal.epoch(number, {"r_fid": value})
    assert best_epoch(epochs, "r_fid") == {"r_fid": 0.5, "epoch": "4, of 4 by r_fid"}
    Journal(log, 30, epochs=epochs)  # resumed from a state before the last epoch
    assert best_epoch(epochs, "r_fid") == {"r_fid": 1.0, "epoch": "2, of 3 by r_fid"}
    Journal(log, 0, epochs=epochs)
    assert best_epoch(epochs, "r_fid") == {}


def test_other_processes_write_nothing(tmp_path):
    with Journal(
        tmp_path / "log.jsonl", 0, Runtime(rank=1, world=2), epochs=tmp_path / "epochs.jsonl"
    ) as journal:
        journal.log(50, {"loss": 1.0})
        journal.epoch(1, {"r_fid": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_the_same_values(tmp_path):
    pytest.importorskip("tensorboard")
    with Journal(tmp_path / "log.jsonl", 0, tensorboard=True) as journal:
        journal.log(1, {"loss": 1.0})
    assert [path.name.startswith("events.out") for path in tmp_path.glob("events*")] == [True]


def test_tensorboard_shows_each_step_once_after_an_interruption(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, loss in ((0, 1.0), (60, 2.0)):
        with Journal(tmp_path / "log.jsonl", start, tensorboard=True) as journal:
            for step in range(start + 1, 101):
                journal.log(step, {"loss": loss})
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in shown] == [(1, 1.0), (50, 1.0), (100, 2.0)]
