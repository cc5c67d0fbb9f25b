"""The files of published networks that the paper's preset needs."""

from pathlib import Path

from empirical import inception
from empirical.perceptual import BACKBONES
from qtheory.errors import DomainError
from qtheory.pins import expected, verify
from qtheory.weights import find

VAR_FILE = "vae_ch160v4096z32.pth"
DINO_FILE = "dino_deitsmall16_pretrain.pth"
NETWORK_FILES = (VAR_FILE, inception.FILE, BACKBONES["vgg"], BACKBONES["alex"], DINO_FILE)


def required_files(folder: Path | None) -> dict[str, str]:
    """Return the SHA-256 of the published files in a weights folder, after a check that all are right.

    Raises
    ------
    DomainError
        If there is no folder.
    FileNotFoundError
        If files are missing: all of them are named, with size, checksum and source.
    SchemaError
        If a size or a checksum differs from what is published, or pinned in the folder.
    """
    if folder is None:
        raise DomainError("weights must be a folder, got none; give --weights DIR or set QTHEORY_WEIGHTS")
    wanted = [expected(find(name), folder) for name in NETWORK_FILES]
    missing = [weights for weights in wanted if not (folder / weights.file).is_file()]
    if missing:
        lines = [f"  {w.file}, {w.checksum}, for {w.purpose}: {w.source}" for w in missing]
        raise FileNotFoundError(
            "\n".join([f"{folder} lacks {len(missing)} file(s); get them first:", *lines])
        )
    return {weights.file: verify(folder, weights) for weights in wanted}
