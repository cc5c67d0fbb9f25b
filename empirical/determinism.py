"""Equal numbers from equal configurations: fixed threads, deterministic algorithms."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from qtheory import _check


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fix the number of CPU threads and allow deterministic algorithms only, for a while.

    Parameters
    ----------
    threads : int
        CPU threads; sums in floating point depend on them.

    Examples
    --------
    >>> with deterministic(threads=1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(_check.integer("threads", threads))
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


@contextmanager
def as_launched(device: str) -> Iterator[None]:
    """Compute as the cells of a launch do: on the CPU as `deterministic` says, on cards as is fastest.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.
    """
    if device == "cpu":
        with deterministic(torch.get_num_threads()):
            yield
    else:
        torch.backends.cudnn.benchmark = True
        yield
