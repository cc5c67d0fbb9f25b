"""What a launch has stored: results and failures of cells, what is of another configuration, images."""

import json
import re
import shutil
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from empirical.cell_files import content, stored_digest
from empirical.cell_numbers import trains_on_cache
from empirical.cells import CellSpec
from empirical.locks import held, if_free
from empirical.runtime import how_to_evaluate_in_less, how_to_save_memory
from empirical.setup import Launch, indexed
from qtheory.errors import DomainError, SchemaError
from qtheory.results import write_bytes_atomically

_RESULT = {"seconds", "processes", "row"}  # what the table takes of a finished cell
_UNKNOWN = "unknown"  # in the place of a digest, where what is damaged says none
_TAIL = 2000  # characters of a cell's output that a failure keeps
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # of a process, and as a shell passes it on
_KILLED_PROCESS = re.compile(rf"exitcode *: -{signal.SIGKILL:d} \(pid: (\d+)\)")


def result(launch: Launch, cell: CellSpec) -> dict[str, Any] | None:
    """Return what a finished cell stored, None where there is nothing of this configuration."""
    return _result_in(launch.folder(cell), launch.digest(cell))


def result_beside(launch: Launch, cell: CellSpec) -> dict[str, Any] | None:
    """Return what a finished cell stored, where another launch has set its folder aside since."""
    digest = launch.digest(cell)
    return _result_in(kept_beside(launch.folder(cell), digest), digest)


def _result_in(folder: Path, digest: str) -> dict[str, Any] | None:
    stored = content(folder / "result.json")
    return stored if stored.get("digest") == digest and stored.keys() >= _RESULT else None


def finished(launch: Launch) -> Iterator[tuple[CellSpec, dict[str, Any]]]:
    """Yield every cell that has a result of this configuration in the launch's folder, with that.

    Launches before this one may have asked for it. What `set_aside` keeps beside the cells is left out.
    """
    for path in sorted(Path(launch.out).glob("*/*/cell.json")):
        if not content(path):
            continue
        try:
            cell = Launch.read(path)[1]
        except SchemaError:  # of a version that had other settings
            continue
        stored = result(launch, cell) if launch.folder(cell) == path.parent else None
        if stored is not None:
            yield cell, stored


def with_tables(launch: Launch, cell: CellSpec) -> CellSpec:
    """Return the cell as a row also of the tables that launches before this one asked for."""
    folder = launch.folder(cell)
    if stored_digest(folder) != launch.digest(cell):
        return cell
    tables = content(folder / "cell.json").get("cell", {}).get("tables", ())
    return replace(cell, tables=tuple(sorted({*cell.tables, *tables})))


def lock(launch: Launch, cell: CellSpec) -> Path:
    """Return the file whose lock a job has while it runs the cell."""
    return launch.folder(cell) / "lock"


def log(launch: Launch, cell: CellSpec) -> Path:
    """Return the file of a job's output."""
    return launch.folder(cell) / "output.log"


def log_lock(output: Path) -> Path:
    """Return the file whose lock a job has as long as the log is its own."""
    return output.with_suffix(".lock")


def at_work(launch: Launch, cell: CellSpec) -> bool:
    """Return whether a job runs a cell: it has the log from its start, the cell's own lock only later.

    Imports and ``torchrun`` come between. What outlives a job that was killed has the latter alone.
    """
    return held(lock(launch, cell)) or held(log_lock(log(launch, cell)))


def with_digests(launch: Launch, cells: Iterable[CellSpec]) -> Launch:
    """Return the launch with the digests of images and weights that it last had for one of the cells.

    They come from the file that the cell was given: the inputs themselves are not looked at.
    """
    for cell in cells:
        if digests := content(launch.folder(cell) / "cell.json").get("launch", {}).get("digests"):
            return replace(launch, digests=digests)
    return launch


def failure(launch: Launch, cell: CellSpec, status: int) -> str:
    """Return why a cell failed: that it was killed, its own words, or the end of its output.

    Where another launch has taken its folder in the meantime, what lies there says nothing of it.
    """
    folder, digest = launch.folder(cell), launch.digest(cell)
    # set aside it is as soon as that launch begins, which may come to the cell weeks later
    moved = kept_beside(folder, digest).exists() and not belongs(folder, digest)
    if moved or taken_over(folder, digest):
        return (
            "a launch with other settings took the folder; wait until that has ended, or take another --out"
        )
    path, told = folder / "failure.json", log(launch, cell)
    # what a library or the system printed may be no text
    output = told.read_text(errors="replace") if told.exists() else ""
    if (pid := _killed_process(output)) is not None:  # what other processes say follows from that
        who, words = f"one of {launch.ranks(cell)} processes ", f"signal 9 ended process {pid}"
    elif (stored := content(path)).get("digest") == digest and "error" in stored:
        return str(stored["error"])
    else:
        tail = output[-_TAIL:].strip()
        who, words = "", f"ended with status {status}" + (f": {tail}" if tail else ", without a word")
        if status not in _KILLED:
            return words
    remedy = less_memory(launch, cell, evaluated=_evaluated(launch, cell))
    return f"{who}was killed, perhaps because memory ran out; then {remedy} ({words})"


def keep_failure(folder: Path, digest: str, error: Exception) -> None:
    """Keep why a cell fails, unless that is there already, or another launch has taken the folder."""
    path = folder / "failure.json"
    if not path.exists() and not taken_over(folder, digest):
        said = {"digest": digest, "error": f"{type(error).__name__}: {error}"}
        write_bytes_atomically(path, json.dumps(said).encode())


def forget_failure(launch: Launch, cell: CellSpec) -> None:
    """Remove why a cell failed before, unless a job is at it now, which has its own say."""
    path = launch.folder(cell) / "failure.json"
    if path.exists():
        with if_free(log_lock(log(launch, cell))) as free:
            if free:
                path.unlink(missing_ok=True)


def less_memory(launch: Launch, cell: CellSpec, *, evaluated: bool) -> str:
    """Return the settings of a launch with which a cell takes less memory, as a clause.

    Parameters
    ----------
    launch, cell : Launch, CellSpec
        The cell, as it ran.
    evaluated : bool
        Whether memory ran out while images were encoded for the cache or measured, not in a training.
    """
    if evaluated:
        return how_to_evaluate_in_less(launch.evaluation_batch)
    return how_to_save_memory(launch.sizes.budget(cell.phase, cell.protocol, cell.method).batch_size)


def _evaluated(launch: Launch, cell: CellSpec) -> bool:
    """Return whether a cell that was killed had no training at work, from the files that it left.

    A training starts its log when latents are cached, and ends with weights. Measurements between its
    epochs are not told from it.
    """
    begun, weights = (launch.folder(cell) / name for name in ("log.jsonl", "weights.safetensors"))
    return not cell.trained or weights.exists() or (needs_latents(launch, cell) and not begun.exists())


def _killed_process(output: str) -> str | None:
    """Return the number of a process that ``torchrun`` saw killed, None where there is none.

    It kills by itself, after it has said so, those that do not stop when another one has failed.
    """
    for pid in _KILLED_PROCESS.findall(output):
        if f"Unable to shutdown process {pid} " not in output:
            return str(pid)
    return None


def set_aside(launch: Launch, cells: Iterable[CellSpec]) -> None:
    """Keep what cells have stored of another configuration beside them, and fetch back what is of this one.

    A setting that changes the numbers, bfloat16 for example, would else cost every training that is there.

    Raises
    ------
    DomainError
        If a job runs one of the cells with another configuration; then all stay where they are.
    """
    own = {cell: launch.digest(cell) for cell in cells}
    stored = {cell: stored_digest(launch.folder(cell)) for cell in own}
    others = [cell for cell, kept in stored.items() if kept not in (None, own[cell])]
    if running := [cell for cell in others if at_work(launch, cell)]:
        raise DomainError(
            f"cells must not run with other settings at the same time, but {len(running)} do, such as "
            f"{running[0].name}; wait for their jobs, cancel them, or take another --out"
        )
    for cell, digest in own.items():
        folder = launch.folder(cell)
        if stored[cell] is None and folder.exists() and not at_work(launch, cell):
            if any(folder.glob("*.safetensors")):  # of whatever configuration they may be
                folder.replace(free_beside(folder, _UNKNOWN))
            elif kept_beside(folder, digest).exists():
                # a job that came too late may have made one that holds nothing
                shutil.rmtree(folder)
        exchange(folder, stored[cell], digest)


def exchange(folder: Path, stored: str | None, digest: str) -> None:
    """Keep a folder of another configuration beside its place, and fetch back what is kept of this one."""
    if stored not in (None, digest):
        folder.replace(free_beside(folder, str(stored)))
    if not folder.exists() and (own := kept_beside(folder, digest)).exists():
        own.replace(folder)


def kept_beside(folder: Path, digest: str) -> Path:
    """Return where a folder is kept that holds another configuration than its name says."""
    return folder.with_name(f"{folder.name}@{digest[:12]}")


def free_beside(folder: Path, digest: str) -> Path:
    """Return where such a folder can be put: `kept_beside`, or what is next to it where that is taken."""
    aside = kept_beside(folder, digest)
    copies = (aside.with_name(f"{aside.name}-{number}") for number in count(2))
    return next(path for path in chain([aside], copies) if not path.exists())


def belongs(folder: Path, digest: str) -> bool:
    """Return whether a cell's folder says that it is of a configuration."""
    return stored_digest(folder) == digest


def taken_over(folder: Path, digest: str) -> bool:
    """Return whether a cell's folder holds another configuration by now."""
    return stored_digest(folder) not in (None, digest)


def needs_latents(launch: Launch, cell: CellSpec) -> bool:
    """Return whether a cell trains on cached latents, or computes them for those that do."""
    if cell.phase == "baseline":
        return launch.cached
    return trains_on_cache(cell)


def latents_cached(launch: Launch) -> bool:
    """Return whether the latents of a launch are there, as their manifest says, which is written last."""
    inputs: dict[str, Any] = {"tokenizer": launch.digests.get("tokenizer"), "size": launch.sizes.size}
    inputs |= {"images": launch.digests.get("train")}
    for path in Path(launch.out).glob("latents*/latents.json"):  # behind the name may be a digest
        if not path.parent.name.startswith("latents-references"):  # of some images only
            made_from = content(path).get("configuration", {})
            inputs |= {"count": made_from.get("chosen", 0) * launch.sizes.views}
            if inputs.items() <= made_from.items():
                return True
    return False


def image_manifests(launch: Launch) -> dict[str, Any]:
    """Return how many images there are, and which files are set aside and why, for a manifest."""
    train, heldout = indexed(launch)
    return {"train": train.manifest} | ({"heldout": heldout.manifest} if launch.heldout else {})
