"""Reading of published weights: state dicts written by `torch.save`, verified before they are read."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from qtheory.errors import SchemaError
from qtheory.weights import verify_sha256

_NAMED = 3  # how many misfits a message spells out


def read_state(path: Path, sha256: str, *, origin: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict in float32, on the CPU, without running code of the file.

    Parameters
    ----------
    path : pathlib.Path
        A flat dict of tensors, in the present or the older format of `torch.save`.
    sha256 : str
        Checksum of the file, or its leading digits; nothing is read before it agrees.
    origin : str
        Where a good copy comes from; part of messages.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the checksum differs or the file holds anything but a flat dict of tensors.
    """
    verify_sha256(path, sha256, origin=origin)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # of a malformed pickle the unpickler raises almost anything
        raise SchemaError(
            f"{path} must hold tensors only, as torch.save writes a state dict, but does not load with "
            f"weights_only=True; get it from {origin}"
        ) from error
    if not isinstance(state, dict):
        raise SchemaError(f"{path} must hold a dict of tensors, got {type(state).__name__}; see {origin}")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise SchemaError(
                f"{path} must hold a flat dict of tensors, got {type(value).__name__} under {key!r}; "
                "take the state dict out of it"
            )
    return {key: value.float() for key, value in state.items()}


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
