"""Walks the cells of a comparison: finished ones are skipped, failed ones recorded, and it goes on."""

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from empirical.cells import CellSpec
from empirical.executors import Executor, Task
from empirical.head import REFERENCES
from empirical.launch_rows import in_order, row
from empirical.locks import POLL
from empirical.outcomes import (
    at_work,
    failure,
    finished,
    forget_failure,
    image_manifests,
    latents_cached,
    lock,
    log,
    needs_latents,
    result,
    result_beside,
    set_aside,
    with_tables,
)
from empirical.setup import VERSION, Launch
from empirical.starts import complete, lacking
from qtheory.errors import DomainError
from qtheory.results import Table, configuration_digest, write_table


def task(launch: Launch, cell: CellSpec) -> Task:
    """Return the task of a cell, whose file is written."""
    path, processes = launch.write(with_tables(launch, cell)), launch.ranks(cell)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    start = torchrun if processes > 1 else []
    digest = launch.digest(cell)
    command = (sys.executable, *start, "-m", "empirical.cell", str(path), digest)
    cards = processes if launch.device == "cuda" else 0
    # a fit runs in one process, with the cores of all
    cores = (launch.processes if cell.method in REFERENCES else processes) * (1 + launch.workers)
    return Task(command, str(log(launch, cell)), cards, cores, str(lock(launch, cell)), digest)


def walk(
    launch: Launch, cells: Sequence[CellSpec], executor: Executor
) -> Generator[tuple[CellSpec, dict[str, Any] | str], None, None]:
    """Run what is missing, phase after phase.

    Parameters
    ----------
    launch : Launch
        The comparison.
    cells : sequence of CellSpec
        In order: what a cell starts from comes before it.
    executor : Executor
        Runs them.

    Yields
    ------
    CellSpec, dict or str
        The cell with its result, or with the reason why there is none.

    Raises
    ------
    DomainError
        If a job runs one of the cells with another configuration, or a cluster takes no jobs.
    """
    failed: set[str] = set()
    set_aside(launch, cells)
    for _, group in groupby(cells, key=lambda cell: cell.phase):
        own, ready = list(group), []
        # weeks after the walk began other launches may have been here, also at what the phase starts from
        starts = {cell.start.name for cell in own if cell.start is not None}
        set_aside(launch, [cell for cell in cells if cell in own or cell.name in starts])
        for cell in own:
            start = None if cell.start is None or cell.start.name not in failed else cell.start
            # another launch may have been here since
            if start and not complete(launch, cell) and not complete(launch, start, weights=True):
                failed.add(cell.name)
                yield cell, f"starts from {start.name}, which failed"
            else:
                ready.append(cell)
        for cell, outcome in _outcomes(launch, ready, executor, lacking(launch, cells)):
            if isinstance(outcome, str):
                failed.add(cell.name)
            yield cell, outcome


def _outcomes(
    launch: Launch, cells: list[CellSpec], executor: Executor, weights: Container[str] = ()
) -> Iterator[tuple[CellSpec, dict[str, Any] | str]]:
    """Run the cells of a phase that have no result, or no weights where those are wanted of them.

    Of those that a job runs already its end is waited for: a job of their own would only wait for that one,
    with its cards.
    """

    def stored(cell: CellSpec) -> dict[str, Any] | None:
        done = complete(launch, cell, weights=cell.name in weights)
        return result(launch, cell) if done else None

    while cells:
        set_aside(launch, cells)
        running = {cell for cell in cells if at_work(launch, cell)}  # first: they end at any moment
        left: list[CellSpec] = []
        missing: list[CellSpec] = []
        for cell in cells:
            if (found := stored(cell)) is not None:
                launch.write(with_tables(launch, cell))
                yield cell, found
            else:
                (left if cell in running else missing).append(cell)
        for together in _batches(launch, missing, executor):
            set_aside(launch, together)  # those before may have taken days
            for cell in together:
                forget_failure(launch, cell)
            statuses = executor.run([task(launch, cell) for cell in together])
            for cell, status in zip(together, statuses, strict=True):
                found = stored(cell) or result_beside(launch, cell)
                yield cell, found or failure(launch, cell, status)
        if left and not missing:
            time.sleep(POLL)
        cells = left


def _batches(launch: Launch, cells: list[CellSpec], executor: Executor) -> Iterator[list[CellSpec]]:
    """Yield what is run together: where latents are to be cached, the first cell that needs them alone.

    The jobs of all others would wait for it, with their cards.
    """
    if executor.at_once and not latents_cached(launch):
        first = next((cell for cell in cells if needs_latents(launch, cell)), None)
        if first is not None and len(cells) > 1:
            yield [first]
            cells = [cell for cell in cells if cell != first]
    if cells:
        yield cells


def collect(
    launch: Launch,
    outcomes: Sequence[tuple[CellSpec, dict[str, Any] | str]],
    command: str,
    images: dict[str, Any] | None = None,
) -> Table:
    """Write the table of all cells that are finished, with this run's failures in its manifest.

    Parameters
    ----------
    launch : Launch
        The comparison.
    outcomes : sequence of (CellSpec, dict or str)
        What `walk` yielded.
    command : str
        For the manifest.
    images : dict, optional
        What the manifest says of the images, see `image_manifests`.

    Returns
    -------
    Table
        ``<preset>.csv`` in the launch's folder, a row a finished cell: those of this run, and those that
        launches of the same configuration before it finished there, in the order of one launch of all. A
        cell's ``tables`` are all that any of them asked for. ``processes`` are those that trained the cell:
        what a discriminator sees and MMD VQ draws depends on their number, which no digest knows. Settings
        on which numbers depend by rounding at most, such as ``evaluation_batch``, are in the manifest as
        this run has them.
    """
    import pandas as pd

    failures = [{"cell": cell.name, "error": found} for cell, found in outcomes if isinstance(found, str)]
    done = {cell.name: (cell, found) for cell, found in outcomes if not isinstance(found, str)}
    done |= {cell.name: (cell, found) for cell, found in finished(launch)}  # with all their tables
    known = {cell.name: cell for cell, _ in [*outcomes, *done.values()]}
    order = in_order(launch, list(known.values()))
    rows = [(cell, done[cell.name][1]) for cell in order if cell.name in done]
    places = ("out", "train", "heldout", "tokenizer", "weights")
    settings = {key: value for key, value in asdict(launch).items() if key not in places}
    configuration = {"version": VERSION, "launch": settings, "cells": [cell.name for cell in order]}
    return write_table(
        Path(launch.out) / f"{launch.name}.csv",
        pd.DataFrame([row(launch, cell, found) for cell, found in rows]),
        study="launch",
        digest=configuration_digest(configuration),
        seed=min(cell.seed for cell in order),
        configuration=configuration,
        failures=failures,
        preset=launch.name,
        command=command,
        seconds={cell.name: found["seconds"] for cell, found in rows},
        **({} if images is None else {"images": images}),
    )


def run(
    launch: Launch,
    cells: Sequence[CellSpec],
    executor: Executor,
    command: str,
    told: Callable[[CellSpec, dict[str, Any] | str], None],
) -> Table:
    """Run what is missing; write the table after each phase, and where Ctrl-C or SIGTERM ends it early.

    Parameters
    ----------
    launch, cells, executor
        As in `walk`.
    command : str
        For the manifest.
    told : callable
        Gets each cell as it ends, with its result or the reason why there is none.

    Returns
    -------
    Table
        As of `collect`.
    """
    images, left = image_manifests(launch), Counter(cell.phase for cell in cells)
    outcomes: list[tuple[CellSpec, dict[str, Any] | str]] = []
    try:
        with _terminated(), closing(walk(launch, cells, executor)) as found:
            for cell, outcome in found:
                outcomes.append((cell, outcome))
                told(cell, outcome)
                left[cell.phase] -= 1
                if not left[cell.phase]:
                    table = collect(launch, outcomes, command, images)
    except (KeyboardInterrupt, SystemExit, DomainError):
        # what earlier launches finished may be of sizes that the preset has no more
        if in_order(launch, [cell for cell, _ in (*outcomes, *finished(launch))]):
            path = collect(launch, outcomes, command, images).path
            print(f"\n{path} has the cells that are finished; the same command goes on", file=sys.stderr)
        raise
    return table


@contextmanager
def _terminated() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, with the status that shells give it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
