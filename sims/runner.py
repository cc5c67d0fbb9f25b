"""Runs a study's sweep with a progress bar, wherever its cells run."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from qtheory.errors import SchemaError
from qtheory.results import Cell, Table, read_table, run_sweep, write_table
from qtheory.results.sweep import Outcome, Row
from sims import _faiss
from sims.executors import DaskCluster, Processes
from sims.study import Study


@dataclass(frozen=True)
class _Traced:
    """Runs a cell on the device that its parameters name, in whatever process; its rows carry the seed."""

    function: Callable[[Cell], Row | list[Row]]

    def __call__(self, cell: Cell) -> list[Row]:
        with _faiss.on_device(str(cell.parameters.get("device", "cpu"))):
            rows = self.function(cell)
        return [{"seed": cell.seed, **row} for row in ([rows] if isinstance(rows, dict) else rows)]


def _stored(path: Path) -> Table | None:
    """Return the table at `path`; None where there is no valid one."""
    try:
        return read_table(path)
    except (FileNotFoundError, SchemaError):
        return None


def _derive(study: Study, preset: str, table: Table) -> None:
    """Store the tables that follow from a complete one, unless what follows is what is there.

    They are cheap and computed each time, so that a change of a formula is seen as one of the rows is.
    """
    fields: dict[str, Any] = {
        "configuration": {"sources": {f"{study.name}/{table.path.stem}": table.manifest["sha256"]}},
        "failures": [],
        "preset": preset,
        **{key: table.manifest[key] for key in ("digest", "seed", "command")},
    }
    for name, derive in study.derived.items():
        path = table.path.with_name(f"{table.path.stem}-{name}.csv")
        frame, stored = derive(table.frame), _stored(path)
        if stored and stored.frame.equals(frame) and fields.items() <= stored.manifest.items():
            continue
        write_table(path, frame, study=study.name, **fields)


def run_study(
    study: Study,
    preset: str,
    *,
    seed: int,
    out: Path,
    executor: Processes | DaskCluster = Processes(),  # noqa: B008 - frozen
    device: str = "cpu",
    quiet: bool = False,
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
    executor : Processes or DaskCluster, optional
        Where the cells run; it does not change the table.
    device : str, optional
        ``cpu``, or ``cuda`` for searches and k-means in faiss's GPU build. The GPU rounds otherwise, so its
        table is one of its own: ``device`` is a column of it, and part of its digest.
    quiet : bool, optional
        No cost and no progress bar.

    Returns
    -------
    Table
        The finished table; those that follow from it are stored beside it.

    Raises
    ------
    DomainError
        If there is no such preset, no such device, or nobody answers at the executor's address.
    """
    if isinstance(executor, Processes):  # workers of a cluster look for themselves
        _faiss.require_device(device)
    sweep = study.sweep(preset, seed=seed)
    options = ""
    if device != "cpu":
        sweep = replace(sweep, fixed={**sweep.fixed, "device": device})
        options = f" --device {device}"

    def progress(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        if total and not quiet:
            print(f"{study.name}, {preset}: {study.presets[preset].cost} on 2 cores", file=sys.stderr)
        return tqdm(outcomes, total=total, desc=study.name, unit="cell", disable=quiet, mininterval=1)

    table = run_sweep(
        sweep,
        _Traced(study.run),
        out / study.name / f"{preset}.csv",
        mapper=executor,
        progress=progress,
        preset=preset,
        command=f"python -m sims {study.command or study.name} --preset {preset} --seed {seed}{options}",
        executor=str(executor),
    )
    if not table.manifest["failures"]:
        _derive(study, preset, table)
    return table
