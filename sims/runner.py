"""Runs a study's sweep, in this process or in several, with a progress bar."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
from tqdm import tqdm

from qtheory import _check
from qtheory.results import Cell, Table, run_sweep
from qtheory.results.sweep import Outcome
from sims import assign
from sims.study import Study


@dataclass(frozen=True)
class JoblibMapper:
    """Runs cells in `jobs` worker processes (loky: spawned, since forking after OpenMP hangs)."""

    jobs: int

    def __call__(self, function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterable[Outcome]:
        """Run `function` on all cells; yield the outcomes as they come."""
        if self.jobs == 1:
            return map(function, cells)
        threads = max(1, assign.available_threads() // self.jobs)
        with joblib.parallel_config("loky", n_jobs=self.jobs, inner_max_num_threads=threads):
            parallel = joblib.Parallel(return_as="generator_unordered")
        return parallel(joblib.delayed(function)(cell) for cell in cells)


def run_study(
    study: Study, preset: str, *, seed: int, out: Path, jobs: int = 1, quiet: bool = False
) -> Table:
    """Run what is missing of a study and return its table.

    Parameters
    ----------
    study : Study
        The study.
    preset : str
        Name of one of its presets.
    seed : int
        Seed of all random streams.
    out : pathlib.Path
        Folder of results; the table goes to ``out/<study>/<preset>.csv``.
    jobs : int, optional
        Worker processes; they share the cores between them and do not change the table.
    quiet : bool, optional
        No progress bar.

    Returns
    -------
    Table
        The finished table.
    """
    jobs = _check.integer("jobs", jobs)

    def progress(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return tqdm(outcomes, total=total, desc=study.name, unit="cell", disable=quiet, mininterval=1)

    return run_sweep(
        study.sweep(preset, seed=seed),
        study.run,
        out / study.name / f"{preset}.csv",
        mapper=JoblibMapper(jobs),
        progress=progress,
        preset=preset,
        command=f"python -m sims {study.command or study.name} --preset {preset} --seed {seed}",
    )
