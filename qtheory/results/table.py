"""Tidy tables with a manifest that vouches for them."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtheory.errors import SchemaError
from qtheory.results.json_files import read_json
from qtheory.results.provenance import provenance

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
_RANDOM = "[a-z0-9_]" * 8  # what mkstemp adds to a name


@dataclass(frozen=True)
class Table:
    """A table of results and the manifest written with it.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a cell and trial, raw values.
    manifest : dict
        Schema, study, configuration and its digest, checksum, provenance, failures.
    path : pathlib.Path
        The CSV file.
    """

    frame: "pd.DataFrame"
    manifest: dict[str, Any]
    path: Path


def manifest_path(path: Path) -> Path:
    """Return the path of the manifest of the table at `path`.

    Parameters
    ----------
    path : pathlib.Path
        The CSV file.

    Returns
    -------
    pathlib.Path
        The JSON file beside it.

    Examples
    --------
    >>> from pathlib import Path
    >>> manifest_path(Path("demo.csv")).name
    'demo.json'
    """
    return path.with_suffix(".json")


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary name beside `path`, flush it to disk and rename it.

    A reader sees the old file or the new one, never a part of one. A process that is killed leaves the
    temporary file; see `remove_unfinished`.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder is made if need be.
    content : bytes
        All of it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "demo.txt"
    >>> write_bytes_atomically(path, b"ten")
    >>> path.read_bytes()
    b'ten'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; results are as public as the umask says
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """Remove the temporary files that writes of a file leave whose process is killed.

    Only for those who have a lock that all writers of the file take: it is not seen whether one is at it.

    Parameters
    ----------
    folder : pathlib.Path
        Where the file is to be; it need not exist.
    name : str, optional
        Name of the file; by default all that is written to the folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = tempfile.mkstemp(dir=folder, prefix=".demo.txt.")
    >>> remove_unfinished(folder, "demo.txt")
    >>> list(folder.iterdir())
    []
    """
    for left in folder.glob(f".{name}.{_RANDOM}"):
        left.unlink(missing_ok=True)


def write_table(path: Path, frame: "pd.DataFrame", *, study: str, **fields: Any) -> Table:
    """Write a table and, last, the manifest that makes it valid.

    Parameters
    ----------
    path : pathlib.Path
        The CSV file; the manifest goes beside it as ``.json``.
    frame : pandas.DataFrame
        The rows. Floats are written so that they read back exactly.
    study : str
        Name of the study that made the table.
    **fields
        Further entries of the manifest (configuration, digest, seed, failures, command, ...).

    Returns
    -------
    Table
        The table as written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "demo.csv"
    >>> table = write_table(path, pd.DataFrame({"K": [2, 4]}), study="demo", seed=0)
    >>> table.manifest["rows"], table.manifest["seed"]
    (2, 0)
    """
    content = frame.to_csv(index=False, lineterminator="\n").encode()
    manifest = {
        "schema": SCHEMA,
        "study": study,
        "rows": len(frame),
        "columns": list(frame.columns),
        "sha256": hashlib.sha256(content).hexdigest(),
        **fields,
        "provenance": provenance(),
    }
    manifest_path(path).unlink(missing_ok=True)  # the old manifest must not vouch for the new rows
    write_bytes_atomically(path, content)
    write_bytes_atomically(manifest_path(path), (json.dumps(manifest, indent=2) + "\n").encode())
    return Table(frame, manifest, path)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of the table at `path`.

    Parameters
    ----------
    path : pathlib.Path
        The CSV file.

    Returns
    -------
    dict
        Schema, study, checksum, provenance and what else was written.

    Raises
    ------
    SchemaError
        If there is no valid manifest.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "demo.csv"
    >>> _ = write_table(path, pd.DataFrame({"K": [2]}), study="demo")
    >>> read_manifest(path)["study"]
    'demo'
    """
    file = manifest_path(path)
    try:
        manifest = read_json(file, remedy="delete it and run the study again")
    except FileNotFoundError as error:
        raise SchemaError(
            f"{path} has no manifest {file.name}: its run did not finish; run the study again to resume it"
        ) from error
    if (found := manifest.get("schema")) != SCHEMA:
        raise SchemaError(
            f"{file} must have schema {SCHEMA}, got {found!r}; delete it and run the study again"
        )
    lacking = [key for key in ("study", "sha256", "provenance") if key not in manifest]
    if lacking:
        raise SchemaError(f"{file} must have {', '.join(lacking)}; delete it and run the study again")
    return manifest


def read_table(path: Path | str, *, made_by: str = "the study that makes it") -> Table:
    """Read a table and verify it against its manifest.

    Parameters
    ----------
    path : pathlib.Path or str
        The CSV file.
    made_by : str
        What to run where there is no such table.

    Returns
    -------
    Table
        The verified table.

    Raises
    ------
    FileNotFoundError
        If there is no such table.
    SchemaError
        If the manifest is missing or invalid, or the rows were changed after it was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "demo.csv"
    >>> _ = write_table(path, pd.DataFrame({"K": [2, 4]}), study="demo")
    >>> read_table(path).frame["K"].tolist()
    [2, 4]
    """
    import pandas as pd

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; run {made_by}")
    manifest = read_manifest(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != manifest["sha256"]:
        raise SchemaError(
            f"{path} was changed after it was written: its manifest expects sha256 "
            f"{manifest['sha256'][:12]}…, the file has {digest[:12]}…; restore it, or delete it and "
            "run the study again"
        )
    return Table(pd.read_csv(path), manifest, path)
