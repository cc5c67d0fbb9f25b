"""Files of pretrained weights that the full comparison needs: what, which bytes, from where.

None is downloaded: a user puts them in one folder and names it with ``--weights DIR`` or the
environment variable ``QTHEORY_WEIGHTS``.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from qtheory import _check
from qtheory.errors import SchemaError


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights.

    Attributes
    ----------
    file : str
        Name of the file in the weights folder.
    sha256 : str
        Its SHA-256, or the leading part of it that its publisher states; empty where it states
        none, and then whoever loads the file has to give it.
    purpose : str
        What it is needed for.
    origin : str
        Where it is published.
    megabytes : int
        Size in 10^6 bytes, four a number in it; 0 where unknown.
    size : int
        Size in bytes; 0 where its publisher states none.
    """

    file: str
    sha256: str
    purpose: str
    origin: str
    megabytes: int = 0
    size: int = 0

    @property
    def source(self) -> str:
        """The file with its size and where it comes from, for messages."""
        size = f"{self.size:,} bytes" if self.size else f"about {self.megabytes} MB"
        return f"{self.origin} ({self.file}, {size})"

    @property
    def checksum(self) -> str:
        """What is known of the SHA-256, for messages."""
        if not self.sha256:
            return "sha256 not published"
        return f"sha256 {self.sha256}" + ("" if len(self.sha256) == _DIGITS else "...")


_DIGITS = 64

WEIGHTS = (
    Weights(
        "vae_ch160v4096z32.pth",
        "7c3ec27ae28a3f87055e83211ea8cc8558bd1985d7b51742d074fb4c2fcf186c",
        "the VAR tokenizer",
        "FoundationVision/var on the Hugging Face hub (MIT)",
        436,
        436_075_834,
    ),
    Weights(
        "weights-inception-2015-12-05-6726825d.pth",
        "6726825d",
        "r-FID and r-IS",
        "the releases of torch-fidelity on GitHub (Apache-2.0)",
        96,
    ),
    Weights("vgg16-397923af.pth", "397923af", "the LPIPS loss", "download.pytorch.org/models (BSD-3)", 553),
    Weights(
        "alexnet-owt-7be5be79.pth",
        "7be5be79",
        "the LPIPS metric",
        "download.pytorch.org/models (BSD-3)",
        244,
    ),
    Weights(
        "dino_deitsmall16_pretrain.pth",
        "",
        "the discriminator's backbone",
        "the model list of facebookresearch/dino on GitHub (Apache-2.0)",
        87,
    ),
)


def find(file: str) -> Weights:
    """Return the entry of `WEIGHTS` for a file.

    Parameters
    ----------
    file : str
        Name of the file.

    Returns
    -------
    Weights
        What it is for, and its checksum.

    Raises
    ------
    DomainError
        If there is none of that name.

    Examples
    --------
    >>> find("vgg16-397923af.pth").sha256
    '397923af'
    """
    known = {weights.file: weights for weights in WEIGHTS}
    return known[_check.one_of("file", file, known)]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        64 lower-case hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> path.touch()
    >>> file_sha256(path)[:8]
    'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_sha256(path: Path, expected: str, *, origin: str = "its publisher") -> str:
    """Return the SHA-256 of the file at `path`, unless it is not the expected one.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    expected : str
        SHA-256 in hexadecimal, or its leading digits.
    origin : str, optional
        Where a good copy comes from; part of the message.

    Returns
    -------
    str
        64 lower-case hexadecimal digits.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the digest differs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> path.touch()
    >>> verify_sha256(path, "e3b0c442")[:12]
    'e3b0c44298fc'
    """
    if not path.is_file():
        wrong = "is a folder, no file" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {wrong}; get it from {origin} (sha256 {expected})")
    found = file_sha256(path)
    if not expected or not found.startswith(expected.lower()):
        raise SchemaError(
            f"{path} must have sha256 {expected}, got {found}: it is damaged or another version; "
            f"get it again from {origin}"
        )
    return found


def weights_folder() -> Path | None:
    """Return the folder that ``QTHEORY_WEIGHTS`` names, or None.

    Returns
    -------
    pathlib.Path or None
        The folder; whether it exists is not checked.
    """
    value = os.environ.get("QTHEORY_WEIGHTS")
    return Path(value) if value else None
