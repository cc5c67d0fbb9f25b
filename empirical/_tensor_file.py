"""Safetensors files with text in their header, which is read before any tensor."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from qtheory.errors import SchemaError

HEADER = "qtheory"


def require_file(path: Path, source: str) -> None:
    """Raise `FileNotFoundError` unless there is a file, which `source` has."""
    if not path.is_file():
        wrong = "is a folder, no file" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {wrong}; get it from {source}")


@contextmanager
def opened(
    path: Path, source: str = "its publisher", *, remedy: str = ""
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield a file, whose tensors are read as they are asked for, and the text in its header.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    source : str, optional
        Where it comes from.
    remedy : str, optional
        What to do where it is damaged; by default it is to be got again from there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If it is not in the safetensors format, or its header holds something else than names and texts.
    """
    require_file(path, source)
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(HEADER, "{}")
            yield file, _metadata(path, header, remedy or f"get it again from {source}")
    except SafetensorError as error:
        refused = (
            "pickled checkpoints are refused because reading one can run code: get the file again from "
            f"{source} or convert it with safetensors"
        )
        raise SchemaError(f"{path} must be a safetensors file ({error}); {remedy or refused}") from error


def _metadata(path: Path, header: str, remedy: str) -> dict[str, str]:
    try:
        metadata = json.loads(header)
    except json.JSONDecodeError as error:
        raise SchemaError(f"{path} must have JSON in its header ({error}); {remedy}") from error
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise SchemaError(f"{path} must have names and texts in its header, got {metadata!r}; {remedy}")
    return metadata


def tensors_of(file: Any) -> dict[str, Tensor]:
    """Return all tensors of an open file, on the CPU."""
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
