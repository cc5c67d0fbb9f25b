"""JSON files that a run leaves, of which any may be damaged: by a full disk, a lost mount or an editor."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from qtheory.errors import SchemaError


def read_json(path: Path, *, remedy: str) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    remedy : str
        What to do where it is damaged, for the message.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If it is no text, no JSON, or holds something else than an object.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "demo.json"
    >>> _ = path.write_text('{"K": 2}')
    >>> read_json(path, remedy="write it again")
    {'K': 2}
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the text, or of the JSON in it
        raise SchemaError(f"{path} is not valid JSON ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise SchemaError(f"{path} must hold a JSON object, got {type(content).__name__}; {remedy}")
    return content


def read_json_if_whole(path: Path, *, remedy: str) -> dict[str, Any]:
    """Read a JSON object that can be done without.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    remedy : str
        What comes of it where it is damaged, which is said once on the standard error.

    Returns
    -------
    dict
        The object, empty where there is no such file, or none that is whole.

    Examples
    --------
    >>> from pathlib import Path
    >>> read_json_if_whole(Path("missing.json"), remedy="it is written again")
    {}
    """
    try:
        return read_json(path, remedy=remedy)
    except FileNotFoundError:
        return {}
    except SchemaError as error:
        _tell(str(error))
        return {}


@cache
def _tell(words: str) -> None:
    print(words, file=sys.stderr)
