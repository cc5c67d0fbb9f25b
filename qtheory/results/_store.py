"""What a sweep finds on disk: finished cells of an unfinished run, and earlier tables."""

import hashlib
import json
import shutil
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
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return stored["rows"] if stored["cell"] == cell else None

    def save(self, cell: str, rows: list[Row]) -> None:
        """Keep the rows of a finished cell."""
        content = json.dumps({"cell": cell, "rows": rows})
        write_bytes_atomically(self._file(cell), content.encode())

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


def keep_other_configuration(path: Path, digest: str) -> None:
    """Rename a finished table of another configuration, so that it is not overwritten."""
    try:
        other = str(read_manifest(path).get("digest", ""))
    except SchemaError:
        return
    if other and other != digest:
        kept = path.with_name(f"{path.stem}.{other[:8]}{path.suffix}")
        manifest_path(path).replace(manifest_path(kept))
        path.replace(kept)
