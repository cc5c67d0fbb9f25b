"""The usable images of a folder, the same for photographs in memory and for streams of images."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empirical.pixels import Image
from qtheory.errors import SchemaError

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SKIPPED_SHARE = 0.01
_NAMED = 3


@dataclass(frozen=True)
class Listing:
    """The usable images of a folder.

    Attributes
    ----------
    names : tuple of str
        Paths below it, sorted.
    skipped : dict of str to str
        Damaged and tiny files with what is wrong with each, at most 1 % of all.
    digest : str
        SHA-256 over name and SHA-256 of the content of every usable file.
    """

    names: tuple[str, ...]
    skipped: dict[str, str]
    digest: str

    @property
    def manifest(self) -> dict[str, Any]:
        """What a manifest says about the folder."""
        return {"images": len(self.names), "skipped": self.skipped, "digest": self.digest}


def decode(file: Path | BinaryIO) -> Image | None:
    """Return the RGB pixels of an image file, (H, W, 3), or None where it is damaged."""
    from PIL import Image as PilImage

    # what Pillow raises for truncated and malformed files, and for sizes that nobody means
    damaged = (OSError, SyntaxError, ValueError, PilImage.DecompressionBombError)
    try:
        with PilImage.open(file) as opened:
            return np.asarray(opened.convert("RGB"))
    except damaged:
        return None


def listed(root: Path) -> dict[str, Path]:
    """Return the image files below a folder by their names, sorted.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    SchemaError
        If it holds no image file.
    """
    if not root.is_dir():
        wrong = "is no folder" if root.exists() else "does not exist"
        raise FileNotFoundError(f"images must be in a folder, got {root}, which {wrong}")
    found = ((path.relative_to(root).as_posix(), path) for path in root.rglob("*"))
    files = {n: path for n, path in sorted(found) if path.suffix.lower() in _SUFFIXES and not path.is_dir()}
    if not files:
        kinds = ", ".join(sorted(_SUFFIXES))
        raise SchemaError(f"{root} must hold image files ({kinds}), it holds none; give another folder")
    return files


def examined(path: Path, smallest: int) -> tuple[Image | None, str, str]:
    """Return the pixels of a file, the SHA-256 of its content, and what is wrong with it, or nothing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # a link to nowhere
        return None, "", "damaged"
    image = decode(io.BytesIO(content))
    if image is None:
        return None, "", "damaged"
    height, width = image.shape[:2]
    if min(height, width) < smallest:
        return None, "", f"{width} x {height} pixels"
    return image, hashlib.sha256(content).hexdigest(), ""


def stamp_of(files: Mapping[str, Path], smallest: int) -> str:
    """Return a digest of image files that changes with any name, size or date of change."""
    # of a link to nowhere there is the link
    states = ((name, path.stat(follow_symlinks=path.exists())) for name, path in files.items())
    lines = "".join(f"{name} {state.st_size} {state.st_mtime_ns}\n" for name, state in states)
    return hashlib.sha256(f"{smallest}\n{lines}".encode()).hexdigest()


def usable(root: Path, found: Mapping[str, tuple[str, str]], smallest: int) -> Listing:
    """Set aside the files that cannot serve.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    found : mapping of str to (str, str)
        SHA-256 of each file, and what is wrong with it.
    smallest : int
        Least number of pixels on the short side.

    Returns
    -------
    Listing
        Of those that can.

    Raises
    ------
    SchemaError
        If more than 1 % are damaged or tiny.
    """
    skipped = {name: wrong for name, (_, wrong) in found.items() if wrong}
    if len(skipped) > _SKIPPED_SHARE * len(found):
        named = "; ".join(f"{name}: {wrong}" for name, wrong in [*skipped.items()][:_NAMED])
        raise SchemaError(
            f"{root} may hold at most {_SKIPPED_SHARE:.0%} of images that are damaged or below {smallest} "
            f"pixels, it has {len(skipped)} of {len(found)}: {named}; restore or remove them"
        )
    kept = {name: sha256 for name, (sha256, wrong) in found.items() if not wrong}
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in kept.items())
    return Listing(tuple(kept), skipped, hashlib.sha256(lines.encode()).hexdigest())
