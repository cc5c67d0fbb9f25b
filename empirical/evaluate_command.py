"""The command ``evaluate``: its arguments, and what it prints."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtheory import _check

if TYPE_CHECKING:
    from empirical.setup import Launch


def evaluate(cell: Path, batch: int | None = None) -> int:
    """Measure a trained cell of a launched comparison again, at the epoch of its row, and print the row.

    Args:
        cell: Its folder, or the file ``cell.json`` in it.
        batch: Images at the same time; as it was launched by default.
    """
    from empirical.determinism import as_launched
    from empirical.runtime import EvaluationMemoryError, how_to_evaluate_in_less, processes, worker_killed
    from empirical.setup import Launch as Stored
    from empirical.streamed import cell_run
    from qtheory.errors import DomainError

    path = cell / "cell.json" if cell.is_dir() else cell
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the folder of a cell that `launch` has made")
    stored, spec = Stored.read(path)
    if batch is not None:
        stored = replace(stored, evaluation_batch=_check.integer("--batch", batch))
    with processes(device=stored.device) as runtime, as_launched(stored.device):
        try:
            own = cell_run(stored, spec, runtime)
            row = own.again()
        except EvaluationMemoryError as error:
            remedy = how_to_evaluate_in_less(stored.evaluation_batch, "--batch")
            raise DomainError(f"memory of {runtime.device} ran out: {remedy} ({error})") from error
        except RuntimeError as error:
            if not worker_killed(error):
                raise
            raise DomainError(_worker_words(stored, error)) from error
    if own.chooses and row["epoch"] == "last":
        print("the weights of the best epoch are not kept: these are of the last one", file=sys.stderr)
    print(json.dumps({**spec.row, **row}, indent=2))
    return 0


def _worker_words(launch: "Launch", error: Exception) -> str:
    """Return what to do where a process that decodes images was killed, as the launch set their number."""
    reason = str(error).splitlines()[0]
    return (
        "a process that decodes images was killed, perhaps because memory ran out; then lower --batch, which "
        f"was {launch.evaluation_batch}, or give the launch again with fewer --workers than its "
        f"{launch.workers}, which leaves finished cells as they are, and then this command ({reason})"
    )
