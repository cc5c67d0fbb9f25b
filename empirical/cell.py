"""One cell of a launched comparison: ``python -m empirical.cell FILE [DIGEST]``, alone or under ``torchrun``.

The file says what to do, see `empirical.setup.Launch.write`; with a digest it must still be of that
configuration, since another launch may have taken the folder while the job was queued. Beside the file appear
``log.jsonl``, ``state.safetensors`` while the training runs, ``weights.safetensors``,
``weights-best.safetensors`` where the best epoch is kept, and last ``result.json`` or ``failure.json``. The
file ``lock`` is locked by the first process as long as it runs: of two jobs that get the same cell, one waits
for the other.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from empirical.cells import CellSpec
from empirical.determinism import as_launched
from empirical.locks import alone, of_first
from empirical.outcomes import keep_failure, less_memory, lock, result
from empirical.runtime import (
    EvaluationMemoryError,
    Runtime,
    end_with_launcher,
    how_to_decode_in_less,
    memory_ran_out,
    processes,
    worker_killed,
)
from empirical.setup import Launch
from empirical.starts import complete, put_away_damaged, startable, started_from
from empirical.streamed import cell_run
from qtheory.errors import DomainError, SchemaError, ShapeError
from qtheory.results import write_bytes_atomically


def run(launch: Launch, cell: CellSpec, runtime: Runtime) -> dict[str, Any]:
    """Run a cell, store its result and return its row; where only its weights are gone, store those.

    Raises
    ------
    DomainError
        If memory runs out, or seems to: the message says which settings lower it.
    """
    start = time.perf_counter()
    folder = launch.folder(cell)
    try:
        own = cell_run(launch, cell, runtime)
        if (stored := _measured(launch, cell, runtime)) is not None:
            own.trained()
            return dict(stored["row"])
        row = own.evaluation().row
    except (MemoryError, RuntimeError) as error:
        if (words := _memory_words(launch, cell, runtime, error)) is None:
            raise
        raise DomainError(words) from error
    seconds = round(time.perf_counter() - start, 2)
    content = {"digest": launch.digest(cell), "seconds": seconds, "processes": own.processes, "row": row}
    if torch.cuda.is_available() and launch.device == "cuda":
        content["device"] = torch.cuda.get_device_name()
        content["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    if runtime.first:
        write_bytes_atomically(folder / "result.json", (json.dumps(content, indent=2) + "\n").encode())
        (folder / "failure.json").unlink(missing_ok=True)
    return row


def _measured(launch: Launch, cell: CellSpec, runtime: Runtime) -> dict[str, Any] | None:
    """Return the result of a cell without weights, if it is of a training in as many processes as this one.

    On cards the row of another training may differ by rounding, and the one that was told stays. In another
    number of processes it may differ by more, and has to be of the weights that later phases start from.
    """
    stored = result(launch, cell)
    kept = stored is not None and stored["processes"] == runtime.world and not startable(launch, cell)
    return stored if of_first(runtime.first and kept, runtime) else None


def _memory_words(launch: Launch, cell: CellSpec, runtime: Runtime, error: Exception) -> str | None:
    """Return what saves memory where an error says that it ran out, None where it says something else."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if worker_killed(error):
        remedy = how_to_decode_in_less(launch.workers)
        who = f"a process that decodes images for {cell.name}"
        return f"{who} was killed, perhaps because memory ran out; then {remedy} ({reason})"
    if memory_ran_out(error):
        remedy = less_memory(launch, cell, evaluated=isinstance(error, EvaluationMemoryError))
        return f"memory of {runtime.device} ran out in {cell.name}: {remedy} ({reason})"
    return None


@contextmanager
def _told(launch: Launch, cell: CellSpec) -> Iterator[None]:
    """Keep why a cell fails; of several processes the first has its say, from which the others fail."""
    try:
        yield
    except (DomainError, SchemaError, ShapeError, OSError, FloatingPointError, RuntimeError) as error:
        keep_failure(launch.folder(cell), launch.digest(cell), error)
        raise


def _own(path: Path, digest: str | None) -> tuple[Launch, CellSpec]:
    """Return what a file says, unless it is of another digest."""
    launch, cell = Launch.read(path)
    if digest is not None and (found := launch.digest(cell)) != digest:
        raise DomainError(
            f"{path} must be as it was when the job was submitted, of digest {digest[:12]}, got "
            f"{found[:12]}: a launch with other settings has the folder, or the code has changed; wait until "
            "that launch has ended, or take another --out, and run the same command again"
        )
    return launch, cell


def _begins(launch: Launch, cell: CellSpec, runtime: Runtime) -> bool:
    """Return whether there is something to do: a job that waited for another one may find it done."""
    if runtime.first:  # while the others wait, so that none has failed yet in this job
        _own(launch.folder(cell) / "cell.json", launch.digest(cell))
        (launch.folder(cell) / "failure.json").unlink(missing_ok=True)
    # a finished cell is not trained again unless others start from it
    done = runtime.first and complete(launch, cell, weights=started_from(cell))
    if runtime.first and not done and complete(launch, cell):
        put_away_damaged(launch, cell)
    return not of_first(done, runtime)


def main(path: str, digest: str | None = None) -> None:
    """Run the cell of a file, unless it is done; a failure is written beside it and ends with status 1.

    While another job runs the cell, this one waits.

    Raises
    ------
    DomainError
        If the file is not of the digest, where one is given; nothing is written then.
    """
    launch, cell = _own(Path(path), digest)
    with (
        _told(launch, cell),
        processes(device=launch.device, bf16=launch.bf16, compiled=launch.compiled) as runtime,
        alone(lock(launch, cell), runtime),
        _told(launch, cell),  # the other processes fail as soon as this one has left them
        as_launched(launch.device),
    ):
        if _begins(launch, cell, runtime):
            run(launch, cell, runtime)


if __name__ == "__main__":
    end_with_launcher()
    main(*sys.argv[1:])
