"""Kernel distance (KID) over all pairs of different images, in blocks that the processes share."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.processes import summed_over_ranks
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

_ROWS, _COLUMNS = 1024, 4096  # of a block: about a quarter of a GiB at 2048 features
_FEWEST = 3


class KernelDistance:
    """What `empirical.metrics.kid` returns with one crop a photograph, for too many of them for its matrices.

    All pairs of different images count, so nothing is drawn and nothing depends on batches or processes.
    The usual estimate, over random subsets of 1000, has the same kernel, but keeps the pairs of an
    original with its own reconstruction, which makes it too low by about 2 / 1000 of the kernel's spread.

    Parameters
    ----------
    images : int
        Number N of images, at least 3.
    dim : int
        Features d. They are kept in float32: 8 N d bytes.
    device : str, optional
        Where they are kept, and where the N^2 pairs are computed, in float64.

    Raises
    ------
    DomainError
        If there are too few images.

    Examples
    --------
    >>> real = torch.rand(12, 4, generator=torch.Generator().manual_seed(0))
    >>> distance = KernelDistance(12, 4)
    >>> distance.update(real, real, torch.arange(12))
    >>> value, standard_error = distance.estimate()
    >>> abs(value) < 1e-12, standard_error < 1e-12
    (True, True)
    """

    def __init__(self, images: int, dim: int, device: str = "cpu") -> None:
        self.images = _check.integer("images", images, minimum=_FEWEST)
        self.features = torch.zeros(2, self.images, _check.integer("dim", dim), device=device)
        self.seen = torch.zeros(self.images, dtype=torch.int64, device=device)

    def update(self, real: Tensor, fake: Tensor, numbers: Tensor) -> None:
        """Add features (B, d) of originals and reconstructions with the given numbers (B,).

        Raises
        ------
        ShapeError
            If a shape differs.
        DomainError
            If a value is NaN or infinite.
        """
        expected = (len(numbers), self.features.shape[2])
        if not real.shape == fake.shape == expected:
            raise ShapeError(
                f"features must have shape {expected}, got {(*real.shape,)} and {(*fake.shape,)}"
            )
        pair = torch.stack([real, fake]).to(self.features)
        if not torch.isfinite(pair).all():
            raise DomainError("features must be finite, got NaN or infinite values")
        where = numbers.to(self.features.device)
        self.features[:, where] = pair
        self.seen.index_add_(0, where, torch.ones_like(where))

    def estimate(self) -> tuple[float, float]:
        """Return the distance and its standard error, the jackknife's over images, of all processes.

        Raises
        ------
        DomainError
            If an image is missing, or was added twice.
        """
        seen = summed_over_ranks(self.seen.clone())
        if not (seen == 1).all():
            missing, doubled = int((seen == 0).sum()), int((seen > 1).sum())
            raise DomainError(
                f"each of {self.images} images must be added once, got {missing} missing and {doubled} "
                "doubled"
            )
        features = summed_over_ranks(self.features.clone())
        rank, world = _place()
        sums = torch.zeros(self.images, dtype=torch.float64, device=features.device)
        for start in range(rank * _ROWS, self.images, world * _ROWS):
            rows = slice(start, min(start + _ROWS, self.images))
            sums[rows] = _sums(features, rows)
        own = summed_over_ranks(sums).cpu().numpy()
        n, total = self.images, own.sum()
        left_out = (total - 2 * own) / ((n - 1) * (n - 2))
        return float(total / (n * (n - 1))), float(np.sqrt((n - 1) * left_out.var()))


def _place() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _sums(features: Tensor, rows: slice) -> Tensor:
    """Return, of each image of `rows`, the sum of h of `empirical.metrics.kid` over all other images."""
    real, fake = features[:, rows].double()
    numbers = torch.arange(rows.start, rows.stop, device=features.device)
    sums = torch.zeros(len(real), dtype=torch.float64, device=features.device)
    for start in range(0, features.shape[1], _COLUMNS):
        others = features[:, start : start + _COLUMNS].double()
        h = _cubic(real, others[0]) - _cubic(real, others[1])
        h += _cubic(fake, others[1]) - _cubic(fake, others[0])
        places = numbers - start
        inside = (places >= 0) & (places < h.shape[1])
        h[inside, places[inside]] = 0
        sums += h.sum(1)
    return sums


def _cubic(x: Tensor, y: Tensor) -> Any:
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)
