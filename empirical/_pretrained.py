"""Reading of state dicts that `torch.save` wrote: published weights and tokenizers."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from empirical._tensor_file import require_file
from qtheory.errors import SchemaError
from qtheory.weights import verify_sha256

_NAMED = 3  # how many misfits a message spells out


def read_state(path: Path, sha256: str | None, *, origin: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict in float32, on the CPU, without running code of the file.

    Parameters
    ----------
    path : pathlib.Path
        A flat dict of tensors, in the present or the older format of `torch.save`.
    sha256 : str or None
        Checksum of the file, or its leading digits; nothing is read before it agrees. None verifies nothing,
        and then the older format, a bare pickle, is refused.
    origin : str
        Where a good copy comes from; part of messages.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the checksum differs or the file holds anything but a flat dict of tensors.
    """
    if sha256 is None:
        require_file(path, origin)
    else:
        verify_sha256(path, sha256, origin=origin)
    state = _loaded(path, older=sha256 is not None, origin=origin)
    if not isinstance(state, dict):
        raise SchemaError(
            f"{path} must hold a dict of tensors, got {type(state).__name__}; get it from {origin}"
        )
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise SchemaError(
                f"{path} must hold a flat dict of tensors, got {type(value).__name__} under {key!r}; "
                f"take the state dict out of it, or get it from {origin}"
            )
    return {key: value.float() for key, value in state.items()}


def _loaded(path: Path, *, older: bool, origin: str) -> object:
    """Return what a file holds; what is no zip archive reaches the unpickler only where it may be `older`."""
    error: Exception | None = None
    if older or zipfile.is_zipfile(path):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, MemoryError):
            raise
        except Exception as caught:  # of a malformed pickle the unpickler raises almost anything
            error = caught
    raise SchemaError(
        f"{path} must hold tensors only, as torch.save writes a state dict, but does not load with "
        f"weights_only=True; other pickles are refused because reading one can run code: get it from {origin}"
    ) from error


def load_exactly(module: nn.Module, tensors: Mapping[str, Tensor], *, path: Path) -> None:
    """Load tensors into a module whose names and shapes must all agree.

    Raises
    ------
    SchemaError
        If a name is missing or unknown, or a shape differs.
    """
    expected = module.state_dict()
    misfits = [f"{key} is missing" for key in expected if key not in tensors]
    misfits += [f"{key} is unknown" for key in tensors if key not in expected]
    misfits += [
        f"{key} must be {tuple(value.shape)}, got {tuple(tensors[key].shape)}"
        for key, value in expected.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    if misfits:
        named = "; ".join(misfits[:_NAMED]) + ("; ..." if len(misfits) > _NAMED else "")
        raise SchemaError(
            f"{path} must hold the {len(expected)} tensors of {type(module).__name__}, got "
            f"{len(misfits)} that do not fit: {named}"
        )
    module.load_state_dict(dict(tensors))
