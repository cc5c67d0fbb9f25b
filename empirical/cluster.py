"""Cells as jobs of a cluster."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from empirical.executors import Executor, Task, perform
from qtheory import _check
from qtheory.errors import DomainError

_OURS = ("gpus_per_node", "nodes", "tasks_per_node")  # follow from the cells
_CORES = ("cpus_per_task", "slurm_cpus_per_task")  # follow from the cells too, up to what is given
PAUSES = (10.0, 60.0, 300.0)  # seconds before jobs that a cluster refused are submitted again


class SlurmExecutor(Executor):
    """As jobs of a cluster, all at once.

    Parameters
    ----------
    folder : pathlib.Path
        For submitit's own files.
    options : dict, optional
        Further parameters of submitit, such as ``timeout_min`` or ``slurm_partition``. Cards and cores are
        those of each task; of cores at most ``cpus_per_task``, where it is given.
    cluster : str, optional
        Submitit's cluster; Slurm by default.

    Raises
    ------
    DomainError
        If there is no Slurm here, or submitit refuses a parameter.
    ModuleNotFoundError
        If submitit is not installed.
    """

    at_once = True

    def __init__(self, folder: Path, options: dict[str, Any] | None = None, cluster: str = "slurm") -> None:
        import submitit

        settings = {"timeout_min": 48 * 60, **(options or {})}
        if own := [name for name in settings if name.removeprefix("slurm_") in _OURS]:
            raise DomainError(
                f"--slurm must leave nodes and cards to the cells, got {', '.join(own)}; give --processes"
            )
        limits = [settings.pop(name) for name in _CORES if name in settings]
        self.most_cores = min(
            (_check.integer("--slurm cpus_per_task", limit) for limit in limits), default=None
        )
        try:
            self.executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        except RuntimeError as error:
            raise DomainError(f"executor slurm needs Slurm's srun: {error}; use --executor local") from error
        try:
            self.executor.update_parameters(nodes=1, tasks_per_node=1, **settings)
        except (NameError, AssertionError, TypeError, ValueError) as error:
            reason = "; ".join(line.rstrip(".") for line in str(error).splitlines())
            raise DomainError(f"--slurm must give parameters that submitit knows: {reason}") from error

    def run(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Submit all tasks, and yield their exit statuses as they are waited for.

        Raises
        ------
        DomainError
            If the cluster refuses jobs again and again.
        """
        jobs: dict[Task, Any] = {}
        for needs in dict.fromkeys((task.cards, self._cores(task)) for task in tasks):
            alike = [task for task in tasks if (task.cards, self._cores(task)) == needs]
            jobs |= self._submitted(alike, *needs)
        for job in (jobs[task] for task in tasks):
            try:
                yield job.result()
            except Exception as error:  # a job that was cancelled or lost must not end the walk
                print(f"job {job.job_id}: {type(error).__name__}: {error}", file=sys.stderr)
                yield 1

    def _cores(self, task: Task) -> int:
        """Return the cores to ask for."""
        return task.cores if self.most_cores is None else min(task.cores, self.most_cores)

    def _submitted(self, tasks: Sequence[Task], cards: int, cores: int) -> dict[Task, Any]:
        """Submit tasks of equal needs at once, again after a while where the cluster refuses them.

        An answer that got lost may have been a yes: a cell then has two jobs, which its lock keeps apart.
        """
        from submitit.core.utils import FailedJobError

        self.executor.update_parameters(cpus_per_task=cores, **({"gpus_per_node": cards} if cards else {}))
        pauses = iter(PAUSES)
        while True:
            try:
                with self.executor.batch():
                    return {task: self.executor.submit(perform, task) for task in tasks}
            except FailedJobError as error:
                reason = " ".join(str(error).split())
                if (pause := next(pauses, None)) is None:
                    raise DomainError(
                        f"the cluster must take jobs, but refused {len(tasks)} of them {len(PAUSES) + 1} "
                        f"times: {reason}; those that it took before go on, run the same command again"
                    ) from error
                print(f"jobs refused, once more in {pause:.0f} s: {reason}", file=sys.stderr, flush=True)
                time.sleep(pause)


def slurm_options(given: Sequence[str], partition: str | None = None) -> dict[str, Any]:
    """Return parameters of submitit from arguments, integers as such.

    Parameters
    ----------
    given : sequence of str
        Each of the form KEY=VALUE.
    partition : str, optional
        Partition of the cluster.

    Raises
    ------
    DomainError
        If one is not of that form, or given twice.

    Examples
    --------
    >>> slurm_options(["timeout_min=1440", "slurm_account=NAME"], "gpu")
    {'slurm_partition': 'gpu', 'timeout_min': 1440, 'slurm_account': 'NAME'}
    """
    found: dict[str, Any] = {} if partition is None else {"slurm_partition": partition}
    for entry in given:
        key, separator, value = entry.partition("=")
        if not (key.isidentifier() and separator and value):
            raise DomainError(f"--slurm must be KEY=VALUE, such as timeout_min=1440, got {entry!r}")
        if key in found:
            raise DomainError(f"--slurm must give {key} once, got {found[key]} and {value}; leave one out")
        found[key] = int(value) if value.removeprefix("-").isdecimal() else value
    return found
