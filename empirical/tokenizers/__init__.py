"""Tokenizers: a frozen encoder and decoder, between which the quantizers are compared."""

from pathlib import Path

from empirical.tokenizers.base import Tokenizer
from empirical.tokenizers.pocket import PocketTokenizer, default_pocket
from empirical.tokenizers.var import VARTokenizer

__all__ = ["PocketTokenizer", "Tokenizer", "VARTokenizer", "default_pocket", "load_tokenizer"]


def load_tokenizer(path: Path | str, sha256: str | None = None) -> Tokenizer:
    """Return a pocket tokenizer (safetensors) or a VAR tokenizer (the published layout) from a file.

    Parameters
    ----------
    path : pathlib.Path or str
        The file.
    sha256 : str, optional
        Expected checksum of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the checksum differs, or the file holds neither, or anything but tensors.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return PocketTokenizer.from_checkpoint(path, sha256)
    return VARTokenizer.from_checkpoint(path, sha256)
