"""Cells as jobs of a cluster."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from empirical import cluster
from empirical.__main__ import main
from empirical.cluster import SlurmExecutor, slurm_options
from empirical.executors import Task
from empirical.launch import task
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
    # k-means is fitted in one process, which takes the cores of all
    fitted = next(cell for cell in chosen(tables=[3]) if cell.method == "kmeans")
    assert (task(several, fitted).cards, task(several, fitted).cores) == (1, 8)
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
    submitted.clear()
    executor.most_cores = SlurmExecutor(tmp_path, slurm_options(["cpus_per_task=6"]), "debug").most_cores
    assert list(executor.run(tasks)) == [0, 1, 2]
    assert sorted(submitted) == [(1, 1, 4, 4), (2, 2, 8, 6), (2, 2, 8, 6)]


def refusing(monkeypatch, executor, times):
    """Let a cluster refuse jobs so many times, without a wait, and return those pauses."""
    error = submitit.core.utils.FailedJobError("sbatch: error: Socket timed out\non send/recv operation")
    submit, refused, pauses = executor.executor.submit, [], []

    def submitted(*given):
        if len(refused) < times:
            refused.append(given)
            raise error
        return submit(*given)

    monkeypatch.setattr(executor.executor, "batch", nullcontext)
    monkeypatch.setattr(executor.executor, "submit", submitted)
    monkeypatch.setattr(cluster.time, "sleep", pauses.append)
    return pauses


def test_jobs_that_a_cluster_refuses_are_submitted_again(tmp_path, monkeypatch, capsys):
    executor = SlurmExecutor(tmp_path / "jobs", cluster="debug")
    pauses = refusing(monkeypatch, executor, 2)
    given = [Task(("sh", "-c", f"exit {n}"), str(tmp_path / f"{n}.log")) for n in (0, 3)]
    statuses = executor.run(given)
    assert next(statuses) == 0
    assert pauses == list(cluster.PAUSES[:2])
    assert list(statuses) == [3]
    assert "jobs refused, once more in 60 s: sbatch: error: Socket timed out" in capsys.readouterr().err


def test_a_cluster_that_refuses_all_jobs_is_named(tmp_path, monkeypatch):
    executor = SlurmExecutor(tmp_path / "jobs", cluster="debug")
    refusing(monkeypatch, executor, 100)
    with pytest.raises(
        DomainError, match=r"refused 1 of them 4 times: sbatch: .* on send/recv .*; those that it took before"
    ):
        list(executor.run([Task(("true",), str(tmp_path / "log"))]))


def test_limits_of_a_cluster_reach_submitit_and_what_it_refuses_is_named(tmp_path, monkeypatch):
    given = slurm_options(["timeout_min=1440", "mem_gb=64", "slurm_account=NAME", "name=a=b"], "gpu")
    assert given == {
        **{"slurm_partition": "gpu", "timeout_min": 1440, "mem_gb": 64},
        **{"slurm_account": "NAME", "name": "a=b"},
    }
    updated = []
    monkeypatch.setattr(
        submitit.AutoExecutor, "update_parameters", lambda _, **settings: updated.append(settings)
    )
    SlurmExecutor(tmp_path, given, cluster="debug")
    SlurmExecutor(tmp_path, cluster="debug")
    fixed = {"nodes": 1, "tasks_per_node": 1}
    assert updated == [{**given, **fixed}, {"timeout_min": 48 * 60, **fixed}]
    monkeypatch.undo()
    refused = {
        "slurm_acount=NAME": "must give parameters that submitit knows: Unknown argument 'acount'",
        "acount=NAME": "must give parameters that submitit knows: Parameter 'acount' need to be prefixed",
        "timeout_min=2h": 'must give parameters that submitit knows: Parameter "timeout_min" expected type',
        "slurm_gpus_per_node=4": "must leave nodes and cards to the cells, got slurm_gpus_per_node",
        "cpus_per_task=0": "cpus_per_task must be at least 1, got 0",
    }
    for entry, words in refused.items():
        with pytest.raises(DomainError, match=f"--slurm {words}"):
            SlurmExecutor(tmp_path, slurm_options([entry]), cluster="debug")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--executor", "slurm", "--slurm", "timeout_min"],
            "must be KEY=VALUE, such as timeout_min=1440, got",
        ),
        (["--executor", "slurm", "--slurm", "mem_gb=1", "mem_gb=2"], "must give mem_gb once, got 1 and 2"),
        (["--slurm", "mem_gb=1"], "and --partition need --executor slurm, got mem_gb"),
        (["--partition", "gpu"], "and --partition need --executor slurm, got slurm_partition"),
    ],
)
def test_limits_that_cannot_be_are_named_before_a_look_at_the_images(
    arguments, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("empirical.setup.prepared", lambda *_, **__: pytest.fail("it looked at the images"))
    given = ["launch", "--preset", "desk", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*given, "--device", "cpu", *arguments]) == 2
    assert f"--slurm {words}" in capsys.readouterr().err
