"""What later phases start from: weights of substitutions, which may be gone though the rows are there."""

import sys
from collections.abc import Iterable

from empirical.cells import MAIN_HEAD, CellSpec
from empirical.checkpoint import header_of
from empirical.head import TRAINED
from empirical.outcomes import result
from empirical.setup import Launch
from qtheory.errors import SchemaError


def started_from(cell: CellSpec) -> bool:
    """Return whether later phases start from a cell, in this launch or in another one."""
    return cell.phase == "substitution" and cell.head == MAIN_HEAD and cell.method in TRAINED


def startable(launch: Launch, cell: CellSpec) -> bool:
    """Return whether the weights of a cell are there, whole and of its configuration."""
    try:
        return bool(header_of(launch.folder(cell) / "weights.safetensors", launch.digest(cell)))
    except SchemaError:
        return False


def lacking(launch: Launch, cells: Iterable[CellSpec]) -> set[str]:
    """Return the names of finished cells whose weights are gone, and that a cell without a result needs.

    Weights are large and may be removed when their rows are there; rows of later phases are made from them.
    """
    waiting = [cell for cell in cells if cell.start is not None and result(launch, cell) is None]
    starts = {cell.start.name: cell.start for cell in waiting if cell.start is not None}
    return {name for name, cell in starts.items() if complete(launch, cell) and not startable(launch, cell)}


def complete(launch: Launch, cell: CellSpec, *, weights: bool = False) -> bool:
    """Return whether a cell has its result, and where they are asked for its weights."""
    return result(launch, cell) is not None and (not weights or startable(launch, cell))


def put_away_damaged(launch: Launch, cell: CellSpec) -> None:
    """Rename weights that cannot be read, so that a training writes others."""
    path = launch.folder(cell) / "weights.safetensors"
    try:
        header_of(path, launch.digest(cell))
    except SchemaError as error:
        print(f"{error}: it is renamed, and the cell trained again", file=sys.stderr)
        path.replace(path.with_name(f"{path.name}.damaged"))
