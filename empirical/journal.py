"""What a training tells of itself: one JSON line now and then, and TensorBoard where asked for."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from empirical.runtime import Runtime
from qtheory.results import write_bytes_atomically

Row = dict[str, Any]

_EVERY = 50


class Journal:
    """The log of a training, which an interrupted one continues.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``log.jsonl`` and, after epochs that were measured, ``epochs.jsonl``.
    step : int
        Steps already done; later lines, of a run that was interrupted, are dropped.
    runtime : Runtime
        Only the first process writes.
    tensorboard : bool, optional
        Write TensorBoard's files too.
    """

    def __init__(self, folder: Path, step: int, runtime: Runtime, *, tensorboard: bool = False) -> None:
        self.folder, self.first = folder, runtime.first
        self._epochs = [row for row in _rows(folder / "epochs.jsonl") if row["step"] <= step]
        self._step = step
        self._writer: Any = None
        if not self.first:
            return
        kept = [row for row in _rows(folder / "log.jsonl") if row["step"] <= step]
        _write(folder / "log.jsonl", kept)
        _write(folder / "epochs.jsonl", self._epochs)
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder))

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
        _append(self.folder / "log.jsonl", {"step": step, **values})
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def epoch(self, number: int, row: Row) -> None:
        """Write the measurement after an epoch."""
        self._epochs.append({"step": self._step, "epoch": number, **row})
        if self.first:
            _append(self.folder / "epochs.jsonl", self._epochs[-1])


def best_epoch(folder: Path, column: str) -> Row:
    """Return the epoch with the least value of a column, empty where none was measured."""
    epochs = _rows(folder / "epochs.jsonl")
    if not epochs:
        return {}
    best = min(epochs, key=lambda row: float(row[column]))
    chosen = f"{best['epoch']}, of {len(epochs)} by {column}"
    return {key: value for key, value in best.items() if key != "step"} | {"epoch": chosen}


def _rows(path: Path) -> list[Row]:
    """Return the lines of a file; the last one may be cut short by a kill, and is then left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _write(path: Path, rows: list[Row]) -> None:
    write_bytes_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _append(path: Path, row: Row) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
