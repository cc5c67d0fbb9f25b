"""What a training tells of itself: one JSON line now and then, and TensorBoard where asked for."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from empirical.runtime import Runtime
from qtheory.errors import SchemaError
from qtheory.results import write_bytes_atomically

Row = dict[str, Any]

_EVERY = 50


class Journal:
    """The log of a training, which an interrupted one continues.

    Parameters
    ----------
    path : pathlib.Path
        The log.
    step : int
        Steps already done; later lines, of a run that was interrupted, are dropped.
    runtime : Runtime, optional
        Only the first process writes.
    epochs : pathlib.Path, optional
        For the measurements after epochs.
    tensorboard : bool, optional
        Write TensorBoard's files too, beside the log.
    """

    def __init__(
        self,
        path: Path,
        step: int,
        runtime: Runtime | None = None,
        *,
        epochs: Path | None = None,
        tensorboard: bool = False,
    ) -> None:
        self.path, self.epochs, self.first = path, epochs, runtime is None or runtime.first
        self._step = step
        self._writer: Any = None
        if not self.first:
            return
        for file in (path, *([] if epochs is None else [epochs])):
            kept = [row for row in _rows(file) if row["step"] <= step]
            write_bytes_atomically(file, "".join(json.dumps(row) + "\n" for row in kept).encode())
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            # as in the log, what came after is dropped: TensorBoard would show those steps twice
            self._writer = SummaryWriter(str(path.parent), purge_step=step + 1)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def log(self, step: int, values: dict[str, float]) -> None:
        """Write what a step measured, where it is time."""
        self._step = step
        if not self.first or (step % _EVERY and step != 1):
            return
        _append(self.path, {"step": step, **values})
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def epoch(self, number: int, row: Row) -> None:
        """Write the measurement after an epoch."""
        if self.first and self.epochs is not None:
            _append(self.epochs, {"step": self._step, "epoch": number, **row})


def least_epoch(path: Path, column: str) -> int | None:
    """Return the number of the epoch with the least value of a column, None where none was measured."""
    best = min(_rows(path), key=lambda row: float(row[column]), default=None)
    return None if best is None else int(best["epoch"])


def best_epoch(path: Path, column: str) -> Row:
    """Return the measurement of that epoch, which says how it was chosen; empty where there is none."""
    epochs, number = _rows(path), least_epoch(path, column)
    if number is None:
        return {}
    best = next(row for row in epochs if row["epoch"] == number)
    chosen = f"{number}, of {len(epochs)} by {column}"
    return {key: value for key, value in best.items() if key != "step"} | {"epoch": chosen}


def _rows(path: Path) -> list[Row]:
    """Return the lines of a file; the last one may be cut short by a kill, and is then left out."""
    if not path.exists():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    except ValueError as error:  # of the text, or of the JSON in it
        raise SchemaError(
            f"{path} must have JSON on each line ({error}); restore it, or remove it with the *.safetensors "
            "beside it to have the cell trained again"
        ) from error
    return rows


def _append(path: Path, row: Row) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
