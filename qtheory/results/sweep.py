"""Sweeps: named cells, each with its own random stream, run once, resumed after any interruption."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qtheory import _check
from qtheory.errors import DomainError
from qtheory.results._store import CellStore, Row, keep_other_configuration, kept_table, valid_table
from qtheory.results.provenance import configuration_digest
from qtheory.results.streams import stream
from qtheory.results.table import Table, read_table, write_table

Outcome = tuple["Cell", list[Row] | str]
Mapper = Callable[[Callable[["Cell"], Outcome], Sequence["Cell"]], Iterable[Outcome]]


def grid(**axes: Sequence[Any]) -> tuple[Row, ...]:
    """Return all combinations of the given axes, the last axis running fastest.

    Parameters
    ----------
    **axes : sequence
        Values of each axis, by name.

    Returns
    -------
    tuple of dict
        One a combination.

    Examples
    --------
    >>> grid(d=[8], variance=[0.5, 1.0])
    ({'d': 8, 'variance': 0.5}, {'d': 8, 'variance': 1.0})
    """
    return tuple(dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


@dataclass(frozen=True)
class Cell:
    """One trial of one point of a sweep.

    Attributes
    ----------
    study : str
        Name of the study.
    seed : int
        Seed of the sweep.
    trial : int
        Number of the trial, from 0.
    parameters : dict
        The point, together with what all cells share.
    """

    study: str
    seed: int
    trial: int
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The cell's name: its parameters and trial, in order."""
        parts = [f"{key}={value}" for key, value in self.parameters.items()]
        return "/".join([self.study, *parts, f"trial={self.trial}"])

    def rng(self, purpose: str, *depends_on: str) -> np.random.Generator:
        """Return the random generator for `purpose`.

        Parameters
        ----------
        purpose : str
            What is drawn, for example ``"features"``.
        *depends_on : str
            Names of the parameters that the draw may depend on, beside the trial. Cells that agree
            on these draw the same numbers, whatever else differs between them.

        Returns
        -------
        numpy.random.Generator
            The stream of that name.
        """
        names = [f"{key}={self.parameters[key]!r}" for key in depends_on]
        return stream(self.seed, self.study, purpose, *names, f"trial={self.trial}")


@dataclass(frozen=True)
class Sweep:
    """The configuration of a study: points, trials and seed.

    Attributes
    ----------
    study : str
        Name of the study.
    version : int
        Raised whenever the code of the study changes its numbers.
    seed : int
        Seed of all random streams.
    trials : int
        Trials a point.
    points : tuple of dict
        The points, see `grid`; all have the same keys.
    fixed : dict
        Parameters that all cells share; part of the digest and of each row.
    """

    study: str
    version: int
    seed: int
    trials: int
    points: tuple[Mapping[str, Any], ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check.integer("seed", self.seed, minimum=0)
        _check.integer("trials", self.trials)
        if not self.points:
            raise DomainError(f"points of study {self.study!r} must not be empty")

    @property
    def configuration(self) -> dict[str, Any]:
        """All that the numbers depend on, apart from code and machine."""
        return {
            "study": self.study,
            "version": self.version,
            "seed": self.seed,
            "trials": self.trials,
            "fixed": dict(self.fixed),
            "points": [dict(point) for point in self.points],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration, the key of the cache."""
        return configuration_digest(self.configuration)

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells, trials running fastest.

        Returns
        -------
        tuple of Cell
            ``len(points) * trials`` cells.
        """
        return tuple(
            Cell(self.study, self.seed, trial, {**self.fixed, **point})
            for point in self.points
            for trial in range(self.trials)
        )


def run_serially(function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterator[Outcome]:
    """Run the cells one after the other in this process.

    Parameters
    ----------
    function : callable
        Maps a cell to its outcome.
    cells : sequence of Cell
        The cells.

    Returns
    -------
    iterator
        Outcomes in the order of the cells.

    Examples
    --------
    >>> list(run_serially(lambda cell: cell, []))
    []
    """
    return map(function, cells)


def _plain(value: Any, key: str) -> Any:
    """Return `value` as a JSON scalar; refuse NaN and infinity."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        raise DomainError(f"{key} must be finite, got {value}")
    return value


@dataclass(frozen=True)
class _Guarded:
    """Runs a cell and turns an exception into a recorded failure (picklable for worker processes)."""

    function: Callable[[Cell], Row | list[Row]]

    def __call__(self, cell: Cell) -> Outcome:
        try:
            result = self.function(cell)
            rows = [result] if isinstance(result, dict) else result
            return cell, [{key: _plain(value, key) for key, value in row.items()} for row in rows]
        except Exception as error:  # recorded in the manifest: one bad cell must not lose the others
            return cell, f"{type(error).__name__}: {error}"


def run_sweep(
    sweep: Sweep,
    function: Callable[[Cell], Row | list[Row]],
    path: Path,
    *,
    mapper: Mapper = run_serially,
    progress: Callable[[Iterable[Outcome], int], Iterable[Outcome]] | None = None,
    **fields: Any,
) -> Table:
    """Run what is missing of a sweep and write its table.

    Parameters
    ----------
    sweep : Sweep
        The configuration.
    function : callable
        Maps a cell to a row or a list of rows (values only; parameters and trial are added). It may
        run in another process.
    path : pathlib.Path
        The CSV file to write. A finished table of the same configuration there is returned as it
        is; one of another configuration is kept beside it under its digest, and comes back when that
        configuration is asked for again.
    mapper : callable, optional
        Runs the cells: ``mapper(function, cells)`` yields an outcome for each, in any order.
    progress : callable, optional
        Wraps the iterable of outcomes and gets the number of cells that remain.
    **fields
        Further entries of the manifest.

    Returns
    -------
    Table
        One row a cell and trial, in the order of the cells, however they were run. Failed cells are
        entries of ``manifest["failures"]``; running the sweep again tries them again.

    Raises
    ------
    SchemaError
        If a finished table at `path` was changed by hand.

    Notes
    -----
    Each finished cell is on disk before the next outcome is read: an interrupted sweep continues
    where it stopped and ends in the same table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> sweep = Sweep("demo", version=1, seed=0, trials=2, points=grid(K=[2, 4]))
    >>> path = Path(tempfile.mkdtemp()) / "demo.csv"
    >>> table = run_sweep(sweep, lambda cell: {"bits": cell.parameters["K"].bit_length() - 1}, path)
    >>> table.frame["bits"].tolist()
    [1, 1, 2, 2]
    """
    import pandas as pd

    finished = valid_table(path, sweep.digest) or kept_table(path, sweep.digest)
    if finished is not None:
        return finished
    store = CellStore(path, sweep.digest)
    cells = sweep.cells()
    done = {cell.name: rows for cell in cells if (rows := store.load(cell.name)) is not None}
    missing = [cell for cell in cells if cell.name not in done]
    outcomes = mapper(_Guarded(function), missing)
    failures = store.collect(progress(outcomes, len(missing)) if progress else outcomes, done)
    rows = [
        {**cell.parameters, "trial": cell.trial, **row} for cell in cells for row in done.get(cell.name, [])
    ]
    if path.exists():
        keep_other_configuration(path, sweep.digest)
    table = write_table(
        path,
        pd.DataFrame(rows),
        study=sweep.study,
        digest=sweep.digest,
        seed=sweep.seed,
        configuration=sweep.configuration,
        failures=failures,
        **fields,
    )
    if not failures:
        store.clear()
    return read_table(table.path) if rows else table
