"""Vectors whose law is not known: of the shipped photographs, or of a file of one's own.

They come in two parts, one to fit to and one to measure on. Vectors of one group, a photograph for
example, depend on each other: a group is in one part only, and intervals resample groups.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtheory import _check
from qtheory.errors import DomainError, SchemaError, ShapeError

Array = NDArray[np.float64]

DATA = Path(__file__).with_name("data")
NAMES = ("latents", "patches")
MAKE = "`python -m empirical vectors --out sims/data` makes the files again"
POINTS = 16
"""Training vectors a codeword at least."""
LARGEST = 256
"""Codewords of the largest codebook that every rate needs: a stage of residual quantization."""
_HELD_OUT = 4  # one group, or vector, of so many is held out
_GROUPS = 8
_DEALT = 50  # groups that independent vectors are dealt to
_DIMENSIONS = 128  # 6 bits each: 2^768 codewords, still a float


@dataclass(frozen=True, eq=False)
class Sample:
    """Vectors in two parts.

    Attributes
    ----------
    train : (n, d) array
        To fit to.
    held_out : (m, d) array
        To measure on.
    groups : (m,) array of int
        Group of each held-out vector, from 0; groups are independent of each other.
    """

    train: Array
    held_out: Array
    groups: NDArray[np.int64]


def dealt(n: int) -> NDArray[np.int64]:
    """Return groups for `n` independent vectors, dealt in turn."""
    return np.arange(n) % min(n, _DEALT)


def _numbered(labels: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


@cache
def shipped(name: str, folder: Path = DATA) -> Sample:
    """Return the latents or patches of the shipped photographs, verified against their manifest.

    Raises
    ------
    DomainError
        If `name` is neither ``latents`` nor ``patches``.
    SchemaError
        If the file is missing or is not the one that the manifest describes.
    """
    file = folder / f"{_check.one_of('name', name, NAMES)}.npz"
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise SchemaError(f"{error.filename} is missing; {MAKE}") from error
    expected, found = manifest["files"][file.name]["sha256"], hashlib.sha256(content).hexdigest()
    if found != expected:
        raise SchemaError(f"{file} must have SHA-256 {expected}, got {found}; {MAKE}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        train, held_out = (arrays[part].astype(np.float64) for part in ("train", "held_out"))
        return Sample(train, held_out, _numbered(arrays["held_out_photograph"]))


def _load(option: str, path: Path) -> NDArray[Any]:
    """Return the array in an npy file."""
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DomainError(f"{option} must be a file, {path} does not exist") from error
    except (ValueError, OSError, EOFError) as error:
        raise DomainError(
            f"{option} must be a file as numpy.save writes it, without Python objects; {path}: {error}"
        ) from error
    if not isinstance(found, np.ndarray):
        raise DomainError(f"{option} must hold one array, {path} holds {', '.join(found.files)}; save one")
    return found


def read_vectors(path: Path) -> Array:
    """Return the vectors of a file.

    Raises
    ------
    DomainError
        If it is missing, is no npy file, holds other than real and finite numbers, or has a column
        of one value.
    ShapeError
        If the array is no matrix.
    """
    found = _load("--data", path)
    if found.dtype.kind not in "fiu":
        raise DomainError(f"--data must hold real numbers, {path} holds {found.dtype}")
    if found.ndim != 2:
        raise ShapeError(
            f"--data must hold an (N, d) array, one vector a row, {path} has shape {found.shape}; "
            "reshape it, for maps with .reshape(-1, d)"
        )
    x = _check.array(f"--data {path}", found, ndim=2)
    if x.shape[1] > _DIMENSIONS:
        raise ShapeError(
            f"--data must have at most {_DIMENSIONS} columns, {path} has shape {found.shape}; "
            "cut the vectors into blocks"
        )
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if constant.size:
        listed = ", ".join(map(str, constant[:5])) + (", …" if constant.size > 5 else "")
        raise DomainError(
            f"--data must vary in all columns, {path} has one value in column {listed}; leave it out"
        )
    return x


def read_groups(path: Path, n: int) -> NDArray[np.int64]:
    """Return the group of each of `n` vectors from a file of labels.

    Raises
    ------
    DomainError
        If it is missing, is no npy file of integers or strings, or names fewer than 8 groups.
    ShapeError
        If there is not one label for each vector.
    """
    labels = _load("--groups", path)
    if labels.dtype.kind not in "iuUS":
        raise DomainError(f"--groups must hold integers or strings, {path} holds {labels.dtype}")
    if labels.shape != (n,):
        raise ShapeError(
            f"--groups must hold one label for each of the {n} vectors of --data, "
            f"{path} has shape {labels.shape}"
        )
    groups = _numbered(labels)
    if groups.max() + 1 < _GROUPS:
        raise DomainError(
            f"--groups must name at least {_GROUPS} groups, {path} names {groups.max() + 1}: an interval "
            "over so few says nothing; leave --groups out if the vectors are independent"
        )
    return groups


def own(data: Path, groups: Path | None, *, rng: np.random.Generator) -> Sample:
    """Return the vectors of a file, a quarter of the groups held out.

    Parameters
    ----------
    data : pathlib.Path
        An npy file of shape (N, d).
    groups : pathlib.Path or None
        An npy file of N labels; None where the vectors are independent of each other.
    rng : numpy.random.Generator
        Randomness of the split.

    Returns
    -------
    Sample
        Both parts, each in random order.

    Raises
    ------
    DomainError
        See `read_vectors` and `read_groups`; also if there are too few vectors to fit to.
    ShapeError
        If an array has the wrong shape.
    """
    x = read_vectors(data)
    order = rng.permutation(len(x))
    if groups is None:
        cut = len(x) // _HELD_OUT
        parts = order[cut:], order[:cut]
        labels = np.empty(len(x), dtype=np.int64)
        labels[parts[1]] = dealt(cut)
    else:
        labels = read_groups(groups, len(x))
        names = rng.permutation(labels.max() + 1)
        held_out = np.isin(labels[order], names[: len(names) // _HELD_OUT])
        parts = order[~held_out], order[held_out]
    if len(parts[0]) < POINTS * LARGEST:
        raise DomainError(
            f"--data must leave at least {POINTS * LARGEST} vectors to fit to, {POINTS} for each of "
            f"{LARGEST} codewords: {data} holds {len(x)}, of which {len(parts[0])} are not held out; "
            "give more data"
        )
    return Sample(x[parts[0]], x[parts[1]], _numbered(labels[parts[1]]))
