"""Runs an arena: its cells in parallel processes, what they find stored one by one, and its tables."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from empirical.arena.config import PRESETS, STUDY, Arena, Row
from empirical.arena.methods import (
    ArenaObjective,
    Entrant,
    entrant,
    is_reference,
    measured,
    squared_errors,
)
from empirical.arena.sources import Vectors, draw, shannon_limit
from empirical.comparison import in_processes
from empirical.determinism import deterministic
from empirical.job import THREADS
from empirical.protocol import Optimization
from empirical.quantizers import PROTOCOLS
from empirical.streams import torch_stream
from empirical.training import train
from qtheory import _check
from qtheory.results import Cell, Table, run_sweep, write_bytes_atomically
from sims.assign import available_threads

Outcome = tuple[Cell, list[Row] | str]

_CURVE_ROWS = 8192


def watched_steps(steps: int) -> list[int]:
    """Return the steps before which a training is measured: 1, 2, 5, 10, 20, ... below `steps`."""
    return [n for k in range(7) for n in (10**k, 2 * 10**k, 5 * 10**k) if n < steps]


@cache
def _vectors(seed: int, trial: int, parameters: tuple[tuple[str, Any], ...]) -> Vectors:
    return draw(Cell(STUDY, seed, trial, dict(parameters)))


def _trained(arena: Arena, cell: Cell, model: Entrant, vectors: Vectors) -> list[Row]:
    """Train an entrant in place; return its held-out error on the way, for the first trial."""
    few = vectors.held_out[:_CURVE_ROWS]
    curve: list[Row] = []
    watched = watched_steps(arena.sizes.steps) if cell.trial == 0 else []

    def look(step: int) -> None:
        model.eval()
        errors, _ = squared_errors(model, few)
        variance = few.double().var(dim=0, correction=0).sum()
        curve.append({"steps": step, "nmse": float(errors.mean() / variance)})
        model.train()

    def watch(step: int) -> None:
        if step in watched:
            look(step)

    optimization = Optimization(final_learning_rate=0.1)
    objective = ArenaObjective(model, vectors.train, optimization, watch)
    # the batches depend on the trial alone: all methods see the same ones
    train(objective, arena.budget, rng=cell.rng("batches"))
    if watched:
        look(arena.sizes.steps)
    model.eval()
    return curve


def _compute(arena: Arena, cell: Cell) -> dict[str, Any]:
    start = time.perf_counter()
    keys = ("source", "n_train", "n_held_out")
    vectors = _vectors(cell.seed, cell.trial, tuple((key, cell.parameters[key]) for key in keys))
    method, maps, size = (cell.parameters[key] for key in ("method", "maps", "codebook_size"))
    generator = torch_stream(cell.seed, STUDY, "weights", method, maps, f"K={size}", f"trial={cell.trial}")
    model = entrant(method, maps, size, vectors, arena.protocol, generator=generator)
    learns = model.learns and not is_reference(method)
    curve = _trained(arena, cell, model, vectors) if learns else []
    row = {"steps": arena.sizes.steps if learns else 0, **measured(model, vectors)}
    return {"row": row, "curve": curve, "seconds": round(time.perf_counter() - start, 3)}


def stored(arena: Arena, cell: Cell) -> dict[str, Any] | None:
    """Return what is stored of a cell, None where nothing of this configuration is."""
    path = arena.file(cell)
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found if found.get("digest") == arena.sweep.digest else None


def result(arena: Arena, cell: Cell) -> dict[str, Any]:
    """Return what a cell found, stored or new: its row, its curve and the seconds it took."""
    found = stored(arena, cell)
    if found is None:
        with deterministic(arena.threads):
            found = {"digest": arena.sweep.digest, **_compute(arena, cell)}
        write_bytes_atomically(arena.file(cell), json.dumps(found).encode())
    return found


def _decibel(ratio: float) -> float:
    return float(10 * np.log10(ratio))


def _row(arena: Arena, cell: Cell) -> Row:
    """Return the row of a cell, with its distances from Shannon's limit and from k-means."""
    row = result(arena, cell)["row"]
    against = result(arena, replace(cell, parameters={**cell.parameters, "method": "kmeans", "maps": "none"}))
    limit = shannon_limit(cell.parameters["source"], float(np.log2(cell.parameters["codebook_size"])))
    return {
        **row,
        "shannon_limit": limit,
        "shannon_db": None if limit is None else _decibel(row["distortion"] / limit),
        "kmeans_db": _decibel(row["distortion"] / against["row"]["distortion"]),
    }


def _curve(arena: Arena, cell: Cell) -> list[Row]:
    curve: list[Row] = result(arena, cell)["curve"]
    return curve


def _seconds(arena: Arena, cell: Cell) -> Row:
    return {"seconds": result(arena, cell)["seconds"]}


def _kmeans_first(cells: Sequence[Cell]) -> list[Cell]:
    """Order cells so that none measures against a k-means that is not stored yet, and would fit it again."""
    return sorted(cells, key=lambda cell: cell.parameters["method"] != "kmeans")


def run(
    preset: str = "paper",
    protocol: str = "fair",
    *,
    seed: int = 0,
    out: Path = Path("results"),
    threads: int = THREADS,
    jobs: int | None = None,
) -> tuple[Table, Table, Table]:
    """Run what is missing of an arena and write its tables.

    Parameters
    ----------
    preset : str
        A key of `PRESETS`.
    protocol : str
        ``as_run``, ``paper`` or ``fair``: settings of the quantizers.
    seed : int
        Seed of all random streams.
    out : pathlib.Path
        The tables are ``arena/<preset>.csv`` below it, ``arena/<preset>-curves.csv`` and
        ``arena/<preset>-seconds.csv``; protocols other than ``fair`` add their name.
    threads : int
        CPU threads of a process, on which the last digits depend.
    jobs : int, optional
        Processes; by default as many as there are cores for. Only the seconds depend on it.

    Returns
    -------
    arena, curves, seconds : Table
        One row a source, K, method and trial; the held-out error after some steps of each training of the
        first trial; and the seconds of each fit or training and its measurement, apart from the rest, since
        no two runs take equally long and the other tables of two runs are the same bytes.

    Raises
    ------
    DomainError
        If an argument cannot be.
    """
    _check.one_of("preset", preset, PRESETS)
    _check.one_of("protocol", protocol, PROTOCOLS)
    threads = _check.integer("threads", threads)
    jobs = max(1, available_threads() // threads) if jobs is None else _check.integer("jobs", jobs)
    arena = Arena(preset, protocol, seed, out, threads)

    def mapper(function: Callable[[Cell], Outcome], cells: Sequence[Cell]) -> Iterable[Outcome]:
        return in_processes(function, _kmeans_first(cells), jobs)

    def progress(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return tqdm(outcomes, total=total, desc=STUDY, unit="cell", mininterval=1)

    def swept(function: Callable[[Arena, Cell], Row | list[Row]], ending: str, **how: Any) -> Table:
        path = arena.table.with_stem(arena.table.stem + ending)
        return run_sweep(
            arena.sweep, partial(function, arena), path, preset=preset, command=arena.command, **how
        )

    table = swept(_row, "", mapper=mapper, progress=progress)
    return table, swept(_curve, "-curves"), swept(_seconds, "-seconds")
