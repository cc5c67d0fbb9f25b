"""What the files of a cell say, and of which configuration they are."""

from pathlib import Path
from typing import Any

from empirical._tensor_file import opened
from qtheory.errors import SchemaError
from qtheory.results import read_json, read_json_if_whole

_REMEDY = "it counts as missing, and is written again where it is needed"
_WORDS = dict.fromkeys(("out", "train", "heldout", "tokenizer", "weights"), str)
_SPEC = dict.fromkeys(("phase", "method", "head", "protocol"), str) | dict.fromkeys(
    ("codebook_size", "chunks", "seed"), int
)
# of the entries that are read, where they are there
_SHAPE: dict[str, Any] = {
    **{"digest": str, "error": str, "seconds": (int, float), "processes": int, "row": dict},
    "launch": {**_WORDS, "sizes": dict, "digests": dict},
    "cell": {**_SPEC, "tables": [int]},
    "configuration": {"chosen": int},
}


def _fits(value: Any, shape: Any) -> bool:
    """Return whether a value is of a shape; entries of an object may be missing."""
    if isinstance(shape, dict):
        inner = ((value[name], kind) for name, kind in shape.items() if name in value)
        return isinstance(value, dict) and all(_fits(one, kind) for one, kind in inner)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    return isinstance(value, shape)


def content(path: Path) -> dict[str, Any]:
    """Return what a file says, nothing where it is missing, damaged or of another shape."""
    found = read_json_if_whole(path, remedy=_REMEDY)
    return found if _fits(found, _SHAPE) else {}


def whole(path: Path, *, remedy: str) -> dict[str, Any]:
    """Return what a file says; `SchemaError` with a remedy where it is damaged or of another shape."""
    found = read_json(path, remedy=remedy)
    wrong = sorted(name for name, shape in _SHAPE.items() if name in found and not _fits(found[name], shape))
    if wrong:
        raise SchemaError(f"{path} must have what its launch wrote under {', '.join(wrong)}; {remedy}")
    return found


def stored_digest(folder: Path) -> str | None:
    """Return the digest of what a cell's folder holds, None where it holds nothing that says so.

    Weights and states have it in their headers, where the files that say more are damaged.
    """
    for name in ("result.json", "cell.json"):
        if digest := content(folder / name).get("digest"):
            return str(digest)
    return next(filter(None, map(_marked, sorted(folder.glob("*.safetensors")))), None)


def _marked(path: Path) -> str | None:
    try:
        with opened(path) as (_, metadata):
            return metadata.get("digest")
    except (SchemaError, FileNotFoundError):  # which a job that ends may remove
        return None
