"""Checkpoints: safetensors only, written atomically, verified by SHA-256."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from empirical._tensor_file import HEADER, opened, tensors_of
from qtheory.errors import SchemaError
from qtheory.results import write_bytes_atomically
from qtheory.weights import verify_sha256

Part = nn.Module | torch.optim.Optimizer

_COMPUTED = "remove it, and the command that made it computes it again"


def save(path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """Write tensors to a safetensors file and return its SHA-256.

    The file appears under its name only when it is complete and on disk.

    Parameters
    ----------
    path : pathlib.Path or str
        The file; its directory is made where missing.
    tensors : mapping of str to Tensor
        On any device; views and strided tensors are copied.
    metadata : mapping of str to str, optional
        Text kept in the file's header.
    """
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    # one entry, because safetensors writes several in random order: equal tensors, equal bytes
    header = {HEADER: json.dumps(dict(metadata or {}), sort_keys=True)}
    content = to_bytes(copies, metadata=header)
    write_bytes_atomically(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def load(
    path: Path | str, sha256: str | None = None, *, source: str = "its publisher"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata of a safetensors file.

    Parameters
    ----------
    path : pathlib.Path or str
        The file. Pickled files (.pt, .pth, .ckpt) are refused, since reading one can run code.
    sha256 : str, optional
        Expected checksum, or its leading digits.
    source : str
        Where the right file comes from, named in messages.

    Returns
    -------
    tensors, metadata : dict of str to Tensor, dict of str to str
        On the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SchemaError
        If the checksum differs or the file is not in the safetensors format.
    """
    path = Path(path)
    if sha256 is not None:
        verify_sha256(path, sha256, origin=source)
    with opened(path, source) as (file, metadata):
        return tensors_of(file), metadata


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": tensor for index, entry in state.items() for key, tensor in entry.items()}


def pack(**parts: Part) -> dict[str, Tensor]:
    """Return the state of modules and optimizers as one flat dict of tensors.

    Learning rates and other settings of an optimizer are configuration and not part of it.

    Parameters
    ----------
    **parts : torch.nn.Module or torch.optim.Optimizer
        Under the names that start the keys. Optimizers must keep tensors only, as AdamW does.
    """
    packed: dict[str, Tensor] = {}
    for name, part in parts.items():
        own = _optimizer_tensors(part) if isinstance(part, torch.optim.Optimizer) else part.state_dict()
        packed.update({f"{name}.{key}": tensor for key, tensor in own.items()})
    return packed


def _load_optimizer(optimizer: torch.optim.Optimizer, own: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in own.items():
        index, field = key.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            # in the parameter's memory format, as before: other strides may round otherwise
            tensor = torch.empty_like(parameter.detach()).copy_(tensor)
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def unpack(tensors: Mapping[str, Tensor], **parts: Part) -> None:
    """Load into modules and optimizers what `pack` took out of their like.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Result of `pack`, possibly through `save` and `load`.
    **parts : torch.nn.Module or torch.optim.Optimizer
        Under the same names.

    Raises
    ------
    SchemaError
        If names, keys or shapes differ.

    Examples
    --------
    >>> one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> unpack(pack(head=one), head=other)
    >>> bool((one.weight == other.weight).all())
    True
    """
    unknown = sorted(key for key in tensors if key.split(".", 1)[0] not in parts)
    if unknown:
        raise SchemaError(f"tensors must belong to {', '.join(parts)}; got also {', '.join(unknown[:5])}")
    for name, part in parts.items():
        own = {key.split(".", 1)[1]: value for key, value in tensors.items() if key.startswith(f"{name}.")}
        try:
            if isinstance(part, torch.optim.Optimizer):
                _load_optimizer(part, own)
            else:
                part.load_state_dict(own)
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            raise SchemaError(f"tensors of {name} do not fit: {error}; the configuration differs") from error


def load_matching(path: Path, digest: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Return tensors and metadata of a file, None where it is missing or of another configuration.

    Of another configuration nothing but the header is read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    digest : str
        What its metadata must hold under ``digest``.
    """
    if not path.exists():
        return None
    with opened(path, remedy=_COMPUTED) as (file, metadata):
        return (tensors_of(file), metadata) if metadata.get("digest") == digest else None


def header_of(path: Path, digest: str) -> dict[str, str]:
    """Return the metadata of a file, empty where it is missing or of another configuration.

    Parameters
    ----------
    path, digest
        As of `load_matching`.
    """
    if not path.exists():
        return {}
    with opened(path, remedy=_COMPUTED) as (_, metadata):
        return metadata if metadata.get("digest") == digest else {}


@dataclass(frozen=True)
class State:
    """The state of a training on disk, from which an interrupted one continues to the same bits.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    digest : str
        Digest of the configuration; the state of another one is overwritten, never continued.
    every : int
        Steps between two writes.
    processes : int
        Processes of the training. What each of them draws depends on their number, so that the state of
        another number is overwritten too.
    """

    path: Path
    digest: str
    every: int = 100
    processes: int = 1

    def resume(self, **parts: Part) -> int:
        """Load the parts, where there is a state of them, and return the number of steps done."""
        if self.steps == 0 or (stored := load_matching(self.path, self.digest)) is None:
            return 0
        unpack(stored[0], **parts)
        return int(stored[1]["step"])

    @property
    def steps(self) -> int:
        """Steps that the stored state has done, 0 without one."""
        return int(header_of(self.path, self.digest).get("step", 0)) if self.others is None else 0

    @property
    def others(self) -> int | None:
        """The processes that wrote the stored state where they are of another number, else None."""
        found = header_of(self.path, self.digest)
        # those of earlier versions do not say it
        wrote = int(found.get("processes", self.processes))
        return None if wrote == self.processes else wrote

    @property
    def marks(self) -> dict[str, str]:
        """What files of the training say of it."""
        return {"digest": self.digest, "processes": str(self.processes)}

    def save(self, step: int, **parts: Part) -> None:
        """Write the parts after `step` steps, where it is time."""
        if step % self.every == 0:
            save(self.path, pack(**parts), self.marks | {"step": str(step)})

    def clear(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def stored_or_trained(
    path: Path,
    state: State,
    parts: Mapping[str, nn.Module],
    train: Callable[[State], None],
    *,
    writes: bool = True,
) -> None:
    """Load what a training ended with, or train and store it; leave it in evaluation mode.

    Parameters
    ----------
    path : pathlib.Path
        Where the result is stored; that of another configuration is overwritten.
    state : State
        Where the training keeps its state; it goes once the result is stored.
    parts : mapping of str to torch.nn.Module
        What is stored, changed in place.
    train : callable
        Trains the parts; it gets the state from which to resume.
    writes : bool, optional
        Whether this process writes files.
    """
    stored = load_matching(path, state.digest)
    if stored is not None:
        unpack(stored[0], **parts)
    else:
        train(state)
        if writes:
            save(path, pack(**parts), state.marks)
    if writes:  # a kill may have come between the two files
        state.clear()
    for part in parts.values():
        part.eval()
