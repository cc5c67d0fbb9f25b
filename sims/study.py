"""What a study is: presets, the function that runs one cell, and the sentence it ends with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from qtheory import _check
from qtheory.results import Cell, Sweep
from qtheory.results.sweep import Row


@dataclass(frozen=True)
class Preset:
    """One size of a study.

    Attributes
    ----------
    trials : int
        Independent trials a point.
    points : tuple of dict
        The points of the sweep, see `qtheory.results.grid`.
    cost : str
        What it costs on two CPU cores, measured.
    fixed : dict
        Parameters that all points share.
    """

    trials: int
    points: tuple[Mapping[str, Any], ...]
    cost: str
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A Monte Carlo study.

    Attributes
    ----------
    name : str
        Name on the command line.
    summary : str
        What it measures, one line.
    version : int
        Raised whenever the code changes the numbers, so that stored tables are not taken for new ones.
    presets : dict
        Sizes by name.
    run : callable
        Maps a cell to a row of results; it may run in a worker process.
    findings : callable
        Maps the finished table to the lines printed at the end.
    derived : mapping of str to callable
        Tables that follow from the finished one; ``rates`` of preset ``paper`` is stored as
        ``paper-rates.csv`` beside it.
    command : str
        What follows ``python -m sims`` to run it, where that is more than the name.
    """

    name: str
    summary: str
    version: int
    presets: Mapping[str, Preset]
    run: Callable[[Cell], Row | list[Row]]
    findings: Callable[[pd.DataFrame], list[str]]
    command: str = ""
    derived: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = field(default_factory=dict)

    def sweep(self, preset: str, *, seed: int) -> Sweep:
        """Return the sweep of a preset; raise `DomainError` naming the known ones."""
        size = self.presets[_check.one_of("preset", preset, self.presets)]
        return Sweep(self.name, self.version, seed, size.trials, size.points, size.fixed)
