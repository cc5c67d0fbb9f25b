"""The usable images of a folder, the same for photographs in memory and for streams of images."""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from empirical.pixels import Image
from qtheory.errors import SchemaError

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SKIPPED_SHARE = 0.01
_NAMED = 3
_SIXTEEN_BITS = 257  # white of 16 bits over white of 8
_WITHOUT_WHITE = frozenset({"I", "F"})  # 32 bits a pixel, of any range


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


def decode(file: Path | BinaryIO) -> Image:
    """Return the RGB pixels of an image file, (H, W, 3).

    Grey values of 16 bits are divided by 257, which takes white to white, and rounded.

    Raises
    ------
    SchemaError
        If the file is damaged, or of numbers of which nobody says which is white; in a few words.
    """
    from PIL import Image as PilImage

    try:
        with PilImage.open(file) as opened:
            opened.load()
            if opened.mode.startswith("I;16"):
                grey = np.rint(np.asarray(opened) / _SIXTEEN_BITS).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=-1)
            mode, pixels = opened.mode, None
            if mode not in _WITHOUT_WHITE:
                pixels = np.asarray(opened.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # of a malformed file the many decoders raise almost anything
        raise SchemaError("damaged") from error
    if pixels is None:
        raise SchemaError(f"pixels of mode {mode}, whose white is unknown")
    return pixels


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, those behind links to folders too; each folder is visited once.

    What lies below it without links comes first, under its own names: links to that give no others. Of
    several links to one folder the first counts, and none leads to a folder that holds this one.
    """
    visited, starts = {*root.resolve().parents}, [root]
    for start in starts:  # which grow with the links on the way
        for folder, inner, names in os.walk(start):
            if (real := Path(folder).resolve()) in visited:
                inner.clear()
                continue
            visited.add(real)
            inner.sort()
            starts += [path for name in inner if (path := Path(folder, name)).is_symlink()]
            yield from (Path(folder, name) for name in names)


def listed(root: Path) -> dict[str, Path]:
    """Return the image files below a folder by their names, sorted; links to folders are followed.

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
    images = (path for path in _files(root) if path.suffix.lower() in _SUFFIXES)
    files = dict(sorted((path.relative_to(root).as_posix(), path) for path in images))
    if not files:
        kinds = ", ".join(sorted(_SUFFIXES))
        raise SchemaError(f"{root} must hold image files ({kinds}), it holds none; give another folder")
    return files


def examined(path: Path, smallest: int) -> tuple[Image | None, str, str]:
    """Return the pixels of a file, the SHA-256 of its content, and what is wrong with it, or nothing."""
    if not path.is_file():  # a link to nowhere
        return None, "", "damaged"
    content = path.read_bytes()
    try:
        image = decode(io.BytesIO(content))
    except SchemaError as error:
        return None, "", str(error)
    height, width = image.shape[:2]
    if min(height, width) < smallest:
        return None, "", f"{width} x {height} pixels"
    return image, hashlib.sha256(content).hexdigest(), ""


def stamp_of(files: Mapping[str, Path], smallest: int) -> str:
    """Return a digest of image files that changes with any name, size or date of change."""
    # of a link to nowhere there is the link
    states = ((name, path.stat(follow_symlinks=path.exists())) for name, path in files.items())
    lines = "".join(f"{name} {state.st_size} {state.st_mtime_ns}\n" for name, state in states)
    return hashlib.sha256(f"{smallest}\n{lines}".encode(errors="surrogateescape")).hexdigest()


def _shown(name: str) -> str:
    """Return a name with what is no UTF-8 in it written out."""
    return name.encode(errors="backslashreplace").decode()


def _misnamed(name: str) -> str:
    return "" if _shown(name) == name else "its name is not UTF-8"


def usable(root: Path, found: Mapping[str, tuple[str, str]], smallest: int) -> Listing:
    """Set aside the files that cannot serve, and those whose names are no text.

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
    states = {name: (sha256, wrong or _misnamed(name)) for name, (sha256, wrong) in found.items()}
    skipped = {_shown(name): wrong for name, (_, wrong) in states.items() if wrong}
    if len(skipped) > _SKIPPED_SHARE * len(found):
        first = [f"{name}: {wrong}" for name, wrong in [*skipped.items()][:_NAMED]]
        named = "; ".join([*first, f"and {more} more"] if (more := len(skipped) - len(first)) else first)
        raise SchemaError(
            f"{root} may hold at most {_SKIPPED_SHARE:.0%} of images that are damaged or below {smallest} "
            f"pixels, it has {len(skipped)} of {len(found)}: {named}; restore or remove them"
        )
    kept = {name: sha256 for name, (sha256, wrong) in states.items() if not wrong}
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in kept.items())
    return Listing(tuple(kept), skipped, hashlib.sha256(lines.encode()).hexdigest())
