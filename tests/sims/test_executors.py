"""A sweep gives the same table wherever its cells run, also when a worker or the scheduler is lost."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client

from qtheory.errors import DomainError
from qtheory.results import read_table, run_sweep
from sims import executors
from sims.__main__ import main
from sims.codebook_density import STUDY
from sims.executors import DaskCluster, Processes
from sims.runner import _Traced, run_study

ROOT = Path(__file__).resolve().parents[2]
CELLS = STUDY.sweep("smoke", seed=0).cells()
ENVIRONMENT = {
    "DASK_LOGGING__DISTRIBUTED": "error",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",  # a scheduler asks a dead worker for so long
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}


def start(*command):
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def cluster(folder, workers):
    """A scheduler and its workers, each a process of its own, on the loopback address."""
    file = folder / "scheduler.json"
    where = ("--host", "127.0.0.1", "--no-dashboard")
    processes = [
        start("distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(file), *where)
    ]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        for _ in range(workers):
            options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            processes.append(start("distributed.cli.dask_worker", address, *options, *where))
        yield address, processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@contextmanager
def client_of(address, workers):
    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=60)
        yield client


def sweep_to(folder):
    return STUDY.sweep("smoke", seed=0), _Traced(STUDY.run), folder / "table.csv"


def kept_in(folder):
    return len(list(folder.glob(".table.*.cells/*.json")))


def interrupt_after_two(outcomes, total):
    for number, outcome in enumerate(outcomes):
        if number == 2:
            raise KeyboardInterrupt
        yield outcome


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The table's bytes, as made in this process."""
    out = tmp_path_factory.mktemp("alone")
    return run_study(STUDY, "smoke", seed=0, out=out, quiet=True).path.read_bytes()


def test_a_dask_cluster_that_loses_a_worker_gives_the_same_table_byte_for_byte(tmp_path, alone):
    killed = []
    with cluster(tmp_path, workers=2) as (address, processes), client_of(address, workers=2) as client:

        def kill_one(outcomes, total):
            for number, outcome in enumerate(outcomes):
                yield outcome
                if number == total // 4:
                    processes[-1].kill()
                    killed.append(number)

        table = run_sweep(*sweep_to(tmp_path), mapper=DaskCluster(address), progress=kill_one)
        assert killed == [len(CELLS) // 4]
        assert len(client.scheduler_info()["workers"]) == 1
        assert table.manifest["failures"] == []
        assert table.path.read_bytes() == alone


def test_an_interruption_leaves_the_cluster_idle_and_the_same_command_goes_on(tmp_path, alone):
    with cluster(tmp_path, workers=1) as (address, _), client_of(address, workers=1) as client:
        with pytest.raises(KeyboardInterrupt):
            run_sweep(*sweep_to(tmp_path), mapper=DaskCluster(address), progress=interrupt_after_two)
        assert kept_in(tmp_path) == 2
        deadline = time.monotonic() + 60
        while any(client.processing().values()) or client.has_what().get(address):
            assert time.monotonic() < deadline, "cells of an interrupted sweep still run"
            time.sleep(0.05)
        counted = []
        table = run_sweep(
            *sweep_to(tmp_path),
            mapper=DaskCluster(address),
            progress=lambda outcomes, total: counted.append(total) or outcomes,
        )
        assert counted == [len(CELLS) - 2]
        assert table.path.read_bytes() == alone
        options = ["--preset", "smoke", "--dask", address, "--out", str(tmp_path)]
        assert main([STUDY.name, *options]) == 0
    made = read_table(tmp_path / STUDY.name / "smoke.csv")
    assert made.path.read_bytes() == alone
    assert made.manifest["executor"] == "Dask cluster"
    assert made.manifest["command"] == f"python -m sims {STUDY.name} --preset smoke --seed 0"


def test_a_lost_scheduler_is_an_error_that_keeps_finished_cells(tmp_path, alone, monkeypatch):
    monkeypatch.setattr(executors, "_WORKER", 60)
    monkeypatch.setattr(executors, "_ANSWER", 2)
    with cluster(tmp_path, workers=1) as (address, processes):

        def kill_scheduler(outcomes, total):
            for number, outcome in enumerate(outcomes):
                yield outcome
                if number == 2:
                    processes[0].kill()

        with pytest.raises(ConnectionError, match=f"{address} was lost; finished cells are kept"):
            run_sweep(*sweep_to(tmp_path), mapper=DaskCluster(address), progress=kill_scheduler)
    kept = kept_in(tmp_path)
    assert kept >= 3
    counted = []
    table = run_sweep(*sweep_to(tmp_path), progress=lambda outcomes, total: counted.append(total) or outcomes)
    assert counted == [len(CELLS) - kept]
    assert table.path.read_bytes() == alone


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_where_no_scheduler_answers_the_address_is_named_and_finished_cells_are_kept(
    tmp_path, alone, monkeypatch
):
    monkeypatch.setattr(executors, "_ANSWER", 0.5)
    address = f"tcp://127.0.0.1:{_free_port()}"
    with pytest.raises(KeyboardInterrupt):
        run_sweep(*sweep_to(tmp_path), progress=interrupt_after_two)
    with pytest.raises(DomainError, match=rf"{address}.*none answers.*dask scheduler"):
        run_sweep(*sweep_to(tmp_path), mapper=DaskCluster(address))
    assert kept_in(tmp_path) == 2
    finished = run_sweep(*sweep_to(tmp_path))
    assert finished.path.read_bytes() == alone
    # nobody is asked where nothing is missing
    assert run_sweep(*sweep_to(tmp_path), mapper=DaskCluster(address)).path == finished.path


def test_where_something_else_listens_it_is_no_scheduler(monkeypatch):
    monkeypatch.setattr(executors, "_ANSWER", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DomainError, match=address):
            next(DaskCluster(address)(len, CELLS))
    with pytest.raises(DomainError, match="here"):
        next(DaskCluster("here")(len, CELLS))


def test_a_scheduler_without_workers_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "_WORKER", 0.5)
    with cluster(tmp_path, workers=0) as (address, _), pytest.raises(DomainError, match="has no worker"):
        next(DaskCluster(address)(len, CELLS))


def test_there_is_at_least_one_process():
    with pytest.raises(DomainError, match="jobs must be at least 1, got 0"):
        Processes(0)
