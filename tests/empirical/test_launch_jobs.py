"""Cells as jobs of a cluster."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from empirical.launch import SlurmExecutor, Task, task
from qtheory.errors import DomainError
from tests.empirical.launched import chosen

submitit = pytest.importorskip("submitit")
# its debugging cluster leaves its logs open
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_jobs_of_a_cluster_give_their_exit_statuses(tmp_path):
    executor = SlurmExecutor(tmp_path / "jobs", cluster="debug")
    tasks = [Task(("sh", "-c", f"echo {n}; exit {n}"), str(tmp_path / f"{n}.log")) for n in (0, 3)]
    assert list(executor.run(tasks)) == [0, 3]
    assert (tmp_path / "3.log").read_text() == "3\n"
    assert isinstance(executor.executor, submitit.AutoExecutor)
    with pytest.raises(DomainError, match="use --executor local"):
        SlurmExecutor(tmp_path / "jobs")


def test_jobs_ask_for_the_cards_and_cores_of_their_cells(launch, tmp_path, monkeypatch):
    """The published run has one process, whatever the launch has."""
    several = replace(launch, processes=2, workers=3, device="cuda")
    tasks = [task(several, chosen(protocol)[0]) for protocol in ("fair", "as_run", "paper")]
    assert [(one.cards, one.cores) for one in tasks] == [(2, 8), (1, 4), (2, 8)]
    assert task(replace(several, device="cpu"), chosen()[0]).cards == 0
    executor, asked, submitted = SlurmExecutor(tmp_path / "jobs", cluster="debug"), {}, []
    monkeypatch.setattr(executor.executor, "update_parameters", lambda **given: asked.update(given))

    class Job:
        def __init__(self, one):
            submitted.append((one.cards, asked["gpus_per_node"], one.cores, asked["cpus_per_task"]))
            self.one = one

        def result(self):
            return tasks.index(self.one)

    monkeypatch.setattr(executor.executor, "batch", nullcontext)
    monkeypatch.setattr(executor.executor, "submit", lambda _, one: Job(one))
    assert list(executor.run(tasks)) == [0, 1, 2]  # in the order of the tasks
    assert sorted(submitted) == [(1, 1, 4, 4), (2, 2, 8, 8), (2, 2, 8, 8)]
