"""Checksums of weights that a user trusts, in the folder that holds them.

Of most files publishers state no more than the first digits of the SHA-256. Who trusts what is there pins
it, by ``sha256sum *.pth > sha256sums`` in the folder, and no other file passes from then on.
"""

import re
from dataclasses import replace
from pathlib import Path

from qtheory.errors import SchemaError
from qtheory.weights import Weights, file_sha256, verify_sha256

PINS = "sha256sums"
"""The file of the folder, with lines as ``sha256sum`` prints them."""


def pinned(folder: Path) -> dict[str, str]:
    """Return the checksums that the owner of a weights folder has pinned, by file.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; its file ``sha256sums``, where there is one, has lines as ``sha256sum`` prints them.

    Returns
    -------
    dict of str to str
        SHA-256 of each file that is named, 64 lower-case hexadecimal digits.

    Raises
    ------
    SchemaError
        If a line is no checksum with a name.

    Examples
    --------
    >>> import tempfile
    >>> pinned(Path(tempfile.mkdtemp()))
    {}
    """
    path = folder / PINS
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](?:\./)?(\S.*)", line)
        if match is None:
            raise SchemaError(
                f"{path} must have lines as sha256sum prints them, got {line!r} in line {number}; "
                f"make it anew: sha256sum *.pth > {PINS}"
            )
        found[match[2].strip()] = match[1].lower()
    return found


def expected(published: Weights, folder: Path) -> Weights:
    """Return what a file of a weights folder must be: as published, with the checksum that is pinned.

    Parameters
    ----------
    published : Weights
        The file.
    folder : pathlib.Path
        The weights folder.

    Returns
    -------
    Weights
        The same, with the pinned SHA-256 if there is one.

    Raises
    ------
    SchemaError
        If a pin cannot be read, or contradicts what is published.

    Examples
    --------
    >>> import tempfile
    >>> from qtheory.weights import find
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / PINS).write_text("397923af" + 56 * "0" + "  vgg16-397923af.pth")
    >>> len(expected(find("vgg16-397923af.pth"), folder).sha256)
    64
    """
    pin = pinned(folder).get(published.file, published.sha256)
    if not pin.startswith(published.sha256):
        raise SchemaError(
            f"{folder / PINS} must have of {published.file} what is published, {published.checksum}, "
            f"got {pin}; get the file again from {published.source}"
        )
    return replace(published, sha256=pin)


def verify(folder: Path, weights: Weights) -> str:
    """Return the SHA-256 of a file of a weights folder, unless size or checksum are not the expected ones.

    Parameters
    ----------
    folder : pathlib.Path
        The weights folder.
    weights : Weights
        What the file must be, see `expected`; where it has no checksum any file of the right size passes.

    Returns
    -------
    str
        64 lower-case hexadecimal digits.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If it is of another size or checksum.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "empty.pth").touch()
    >>> verify(folder, Weights("empty.pth", "e3b0c442", "a demonstration", "nowhere"))[:12]
    'e3b0c44298fc'
    """
    path = folder / weights.file
    there = path.stat().st_size if path.is_file() else None
    if weights.size and there not in (None, weights.size):
        raise SchemaError(
            f"{path} must have {weights.size:,} bytes and {weights.checksum}, got {there:,} bytes; "
            f"get it again from {weights.source}"
        )
    if not weights.sha256 and there is not None:
        return file_sha256(path)
    return verify_sha256(path, weights.sha256, origin=weights.source)
