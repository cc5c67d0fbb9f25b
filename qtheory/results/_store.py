"""What a sweep finds on disk: finished cells of an unfinished run, and earlier tables."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qtheory.errors import SchemaError
from qtheory.results.table import Table, manifest_path, read_manifest, read_table, write_bytes_atomically

Row = dict[str, Any]


class CellStore:
    """Finished cells of an unfinished sweep, one small file each."""

    def __init__(self, path: Path, digest: str) -> None:
        self.directory = path.parent / f".{path.stem}.{digest[:16]}.cells"

    def _file(self, cell: str) -> Path:
        return self.directory / f"{hashlib.sha256(cell.encode()).hexdigest()[:32]}.json"

    def load(self, cell: str) -> list[Row] | None:
        """Return the rows of the cell of that name, None if it is not finished."""
        try:
            stored = json.loads(self._file(cell).read_text())
        except (FileNotFoundError, ValueError):  # cut short, or not text at all
            return None
        finished = isinstance(stored, dict) and stored.get("cell") == cell
        return stored.get("rows") if finished else None

    def save(self, cell: str, rows: list[Row]) -> None:
        """Keep the rows of a finished cell."""
        content = json.dumps({"cell": cell, "rows": rows})
        write_bytes_atomically(self._file(cell), content.encode())

    def collect(
        self, outcomes: Iterable[tuple[Any, list[Row] | str]], done: dict[str, list[Row]]
    ) -> list[dict[str, str]]:
        """Keep outcomes as they come, add them to those done, and return the failures by name."""
        failures = []
        for cell, outcome in outcomes:
            if isinstance(outcome, str):
                failures.append({"cell": cell.name, "error": outcome})
            else:
                done[cell.name] = outcome
                self.save(cell.name, outcome)
        return sorted(failures, key=lambda failure: failure["cell"])

    def clear(self) -> None:
        """Forget all cells."""
        shutil.rmtree(self.directory, ignore_errors=True)


def valid_table(path: Path, digest: str) -> Table | None:
    """Return the table at `path` if it is the finished one of this configuration."""
    if not path.exists() or not manifest_path(path).exists():
        return None
    manifest = read_manifest(path)
    finished = manifest.get("digest") == digest and not manifest.get("failures")
    return read_table(path) if finished else None


def _kept(path: Path, digest: str) -> Path:
    """Return the name under which a table is kept when another configuration takes its place."""
    return path.with_name(f"{path.stem}.{digest[:8]}{path.suffix}")


def keep_other_configuration(path: Path, digest: str) -> None:
    """Copy a finished table of another configuration to a name of its own, before it is overwritten.

    The copy is complete before the caller touches the original, so that nothing is lost whenever this
    is interrupted; and it takes the place of no other content.
    """
    try:
        other = str(read_manifest(path).get("digest", ""))
    except SchemaError:
        return
    if not other or other == digest:
        return
    pair = path.read_bytes(), manifest_path(path).read_bytes()
    first = _kept(path, other)
    others = (first.with_stem(f"{first.stem}-{i}") for i in itertools.count(2))
    for kept in itertools.chain([first], others):
        here = tuple(file.read_bytes() if file.exists() else None for file in (kept, manifest_path(kept)))
        if here == pair:
            return
        if here[0] in (None, pair[0]) and here[1] is None:  # free, or the copy that was interrupted
            write_bytes_atomically(kept, pair[0])
            write_bytes_atomically(manifest_path(kept), pair[1])
            return


def kept_table(path: Path, digest: str) -> Table | None:
    """Bring back the finished table of this configuration that another took the place of, if there is one."""
    kept = _kept(path, digest)
    try:
        if valid_table(kept, digest) is None:
            return None
    except SchemaError:  # changed by hand: it stays where it is, for whoever did that
        return None
    if path.exists():
        keep_other_configuration(path, digest)
    manifest_path(path).unlink(missing_ok=True)  # the old manifest must not vouch for the new rows
    write_bytes_atomically(path, kept.read_bytes())
    write_bytes_atomically(manifest_path(path), manifest_path(kept).read_bytes())
    return read_table(path)
