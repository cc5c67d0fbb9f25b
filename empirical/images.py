"""Image folders of any size: an index of what is usable, made once."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from empirical.listing import Listing, decode, examined, listed, stamp_of, usable
from empirical.pixels import Image
from qtheory import _check
from qtheory.errors import SchemaError
from qtheory.results import read_json_if_whole, write_bytes_atomically

_ENLARGEMENT = 8  # an image whose crop would be magnified beyond this holds too little to learn from
_CLASSES = Path(__file__).with_name("imagenet_classes.txt")
_NAMED = 3
_KEYS = {"stamp", "digest", "skipped", "names"}  # of a stored index


@dataclass(frozen=True)
class Folder(Listing):
    """The usable images of a folder, read when they are asked for.

    Attributes
    ----------
    root : pathlib.Path
        The folder.
    """

    root: Path

    def read(self, index: int) -> Image:
        """Return the pixels of an image, (H, W, 3).

        Raises
        ------
        SchemaError
            If the file is no longer readable.
        """
        path = self.root / self.names[index]
        try:
            return decode(path)
        except SchemaError as error:
            raise SchemaError(
                f"{path} cannot be decoded any more: {error}; restore it, or remove the stored index to have "
                "the folder read anew"
            ) from error


def _examined(path: Path, smallest: int) -> tuple[str, str]:
    """Return the SHA-256 of a file, and what is wrong with it."""
    return examined(path, smallest)[1:]


def _named(index: Path, digest: str) -> Path:
    """Return the file of an index: other images in the same place do not overwrite it."""
    return index.with_stem(f"{index.stem}-{digest[:12]}")


def _folder(content: dict[str, Any], root: Path | str) -> Folder:
    return Folder(tuple(content["names"]), content["skipped"], content["digest"], Path(root))


def _content(path: Path) -> dict[str, Any] | None:
    """Return what the file of an index says, None where it is missing or damaged."""
    content = read_json_if_whole(path, remedy="a launch reads the folder anew")
    return content if content.keys() >= _KEYS else None


def read_index(index: Path, root: Path | str, digest: str) -> Folder:
    """Return the folder that an index describes, without a look at its files.

    Parameters
    ----------
    index : pathlib.Path
        As `index_folder` was given it.
    root : pathlib.Path or str
        The folder.
    digest : str
        Digest that its images must have.

    Raises
    ------
    FileNotFoundError
        If there is no index, or a damaged one.
    SchemaError
        If it is of other images.
    """
    own = _named(index, digest)
    index = own if own.exists() or not index.exists() else index  # which had no digest in its name before
    content = _content(index)
    if content is None:
        wrong = "is damaged" if index.exists() else "does not exist"
        raise FileNotFoundError(f"{index} {wrong}: launch the comparison, which makes it")
    if content["digest"] != digest:
        raise SchemaError(
            f"{index} must be of images with digest {digest}, got {content['digest']}; launch again"
        )
    return _folder(content, root)


def _stored(index: Path | None, stamp: str, root: Path) -> Folder | None:
    """Return what the index of a stamp says, where there is one."""
    for path in sorted(index.parent.glob(f"{index.stem}*{index.suffix}")) if index is not None else ():
        content = _content(path)
        if content is not None and content["stamp"] == stamp:
            return _folder(content, root)
    return None


def index_folder(root: Path | str, size: int, *, index: Path | None = None, threads: int = 1) -> Folder:
    """Read every image below a folder once, and set aside those that cannot serve.

    Parameters
    ----------
    root : pathlib.Path or str
        Searched recursively.
    size : int
        Side of the crops. Images whose short side is below an eighth of it are tiny.
    index : pathlib.Path, optional
        JSON file for what was found, with the first digits of the digest behind its name: read again at once
        as long as no file changes.
    threads : int, optional
        Files that are read at the same time.

    Returns
    -------
    Folder
        In the order of the names, whatever the file system's order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    SchemaError
        If it holds no image, or if more than 1 % are damaged or tiny.
    """
    root, smallest = Path(root), -(-_check.integer("size", size) // _ENLARGEMENT)
    files = listed(root)
    stamp = stamp_of(files, smallest)
    if (stored := _stored(index, stamp, root)) is not None:
        return stored
    examine = partial(_examined, smallest=smallest)
    with ThreadPoolExecutor(_check.integer("threads", threads)) as pool:
        results = list(
            tqdm(pool.map(examine, files.values()), "index", len(files), leave=False, disable=None)
        )
    kept = usable(root, dict(zip(files, results, strict=True)), smallest)
    folder = Folder(kept.names, kept.skipped, kept.digest, root)
    if index is not None:
        content = {"stamp": stamp, "digest": kept.digest, "skipped": kept.skipped, "names": kept.names}
        write_bytes_atomically(_named(index, kept.digest), json.dumps(content).encode())
    return folder


def imagenet_classes() -> tuple[str, ...]:
    """Return the WordNet ids of the 1000 classes of ILSVRC 2012, sorted.

    Examples
    --------
    >>> classes = imagenet_classes()
    >>> len(classes), classes[0]
    (1000, 'n01440764')
    """
    return tuple(_CLASSES.read_text().split())


def imagenet_parts(root: Path | str, classes: tuple[str, ...] | None = None) -> tuple[Path, Path]:
    """Return the folders of the training and the validation images of ImageNet.

    Parameters
    ----------
    root : pathlib.Path or str
        Holds ``train`` with a folder for each class, and ``val`` with the same folders or with the
        50,000 files as they are distributed.
    classes : tuple of str, optional
        Names of the class folders; the 1000 of ILSVRC 2012 by default.

    Raises
    ------
    FileNotFoundError
        If a part is missing.
    SchemaError
        If class folders are missing.
    """
    root, expected = Path(root), imagenet_classes() if classes is None else classes
    train, val = root / "train", root / "val"
    for part in (train, val):
        if not part.is_dir():
            raise FileNotFoundError(
                f"{part} does not exist: an ImageNet folder holds train/ and val/, with a folder for "
                f"each class such as {expected[0]}; give the folder that holds both"
            )
        there = {path.name for path in part.iterdir() if path.is_dir()}
        missing = [name for name in expected if name not in there]
        flat = part == val and not there
        if missing and not flat:
            raise SchemaError(
                f"{part} must hold the {len(expected)} class folders of ImageNet (ILSVRC 2012), it lacks "
                f"{len(missing)}: {_first(missing)}; unpack the archives of those classes"
            )
    return train, val


def require_classes(part: Folder, classes: tuple[str, ...] | None = None) -> None:
    """Raise unless each class of ImageNet has an image in a part, where the part has class folders.

    Parameters
    ----------
    part : Folder
        The images of ``train`` or ``val``.
    classes : tuple of str, optional
        As of `imagenet_parts`.

    Raises
    ------
    SchemaError
        If a class has no image that can be used.
    """
    expected = imagenet_classes() if classes is None else classes
    folders = {name.partition("/")[0] for name in part.names if "/" in name}
    empty = [name for name in expected if name not in folders]
    if folders and empty:
        raise SchemaError(
            f"{part.root} must hold images of each class, it has none that can be used of {len(empty)}: "
            f"{_first(empty)}; unpack the archives of those classes"
        )


def _first(names: list[str]) -> str:
    """Return the first few of `names` as text."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
