"""Random streams that depend on names, never on the order in which work is done."""

import hashlib
import json

import numpy as np

from qtheory import _check


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator that belongs to `seed` and a list of names.

    Parameters
    ----------
    seed : int
        Seed of the whole experiment, at least 0.
    *names : str
        What the draw may depend on, for example ``"variance-scaling", "features", "trial=0"``.

    Returns
    -------
    numpy.random.Generator
        A PCG64 generator seeded with the SHA-256 of the names. Equal names give equal streams on
        every machine; different names give independent ones.

    Raises
    ------
    DomainError
        If the seed is negative or no integer.

    Examples
    --------
    >>> first = stream(0, "features", "trial=0").standard_normal()
    >>> bool(first == stream(0, "features", "trial=0").standard_normal())
    True
    >>> bool(first == stream(0, "features", "trial=1").standard_normal())
    False
    """
    seed = _check.integer("seed", seed, minimum=0)
    digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big"))))
