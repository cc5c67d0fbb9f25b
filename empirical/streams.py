"""Torch generators that depend on names, never on the order in which work is done."""

import torch

from qtheory.results import stream


def torch_stream(seed: int, *names: str) -> torch.Generator:
    """Return the CPU generator that belongs to `seed` and a list of names.

    The torch twin of `qtheory.results.stream`: a training step that draws from
    ``torch_stream(seed, "train", f"step={step}")`` draws the same after a resume.

    Parameters
    ----------
    seed : int
        Seed of the whole experiment, at least 0.
    *names : str
        What the draw may depend on.

    Returns
    -------
    torch.Generator
        On the CPU, so that every device sees the same numbers.

    Raises
    ------
    DomainError
        If the seed is negative or no integer.

    Examples
    --------
    >>> first = torch.rand(1, generator=torch_stream(0, "noise", "step=3"))
    >>> bool(first == torch.rand(1, generator=torch_stream(0, "noise", "step=3")))
    True
    """
    # torch.compile would trace into numpy; to say so loads the compiler, which nobody else needs
    seeded = torch.compiler.disable(_seeded) if torch.compiler.is_compiling() else _seeded
    return seeded(seed, *names)


def _seeded(seed: int, *names: str) -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(int(stream(seed, *names).integers(2**63)))
    return generator
