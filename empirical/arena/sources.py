"""The vectors on which the arena compares quantizers, and the limits of the laws that they are drawn from."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.arena.maps import Grid
from empirical.data import eval_crops, load_images, split, train_crops
from empirical.evaluate import encode_in_batches
from empirical.streams import torch_stream
from empirical.tokenizers import default_pocket
from empirical.tokenizers.pocket import DOWNSAMPLING
from qtheory import _check
from qtheory.limits import gaussian_distortion_rate, shannon_lower_bound
from qtheory.results import Cell
from qtheory.sources import Diagonal, Gaussian, Mixture, Source, Subspace

DIM = 8
POCKET = "pocket"
SUPPORT_DIM = 3
_CORRELATION = 0.9
_CLUSTER, _WITHIN = 2.0, 0.5  # distance of two means from the origin, variance around each
_CROP = 64


def _clusters(dim: int, at: float) -> Mixture:
    return Mixture([Gaussian(dim, _WITHIN, mean=-at), Gaussian(dim, _WITHIN, mean=at)], [0.5, 0.5])


def _subspace() -> Subspace:
    """Standard normal vectors of a subspace that lies along no coordinate: cosines of low frequency."""
    angles = np.outer(np.arange(DIM) + 0.5, np.arange(1, SUPPORT_DIM + 1)) * np.pi / DIM
    return Subspace(Gaussian(SUPPORT_DIM), np.cos(angles) * np.sqrt(2 / DIM))


@cache
def law(name: str) -> Source:
    """Return the law of a source in 8 dimensions that has one.

    Parameters
    ----------
    name : str
        ``gaussian``: independent coordinates. ``correlated``: neighbours with correlation 0.9.
        ``mixture``: two clusters on the diagonal. ``subspace``: three dimensions of the eight.

    Raises
    ------
    DomainError
        If there is no such law.

    Examples
    --------
    >>> law("subspace").support_dim
    3
    """
    _check.one_of("source", name, LAWS)
    if name == "correlated":
        distance = np.abs(np.subtract.outer(np.arange(DIM), np.arange(DIM)))
        return Gaussian(DIM, covariance=_CORRELATION**distance)
    if name == "mixture":
        return _clusters(DIM, _CLUSTER / DIM**0.5)
    return _subspace() if name == "subspace" else Gaussian(DIM)


LAWS = ("gaussian", "correlated", "mixture", "subspace")
SOURCES = (*LAWS, POCKET)


def shannon_limit(name: str, bits: float) -> float | None:
    """Return what no quantizer of that many bits can beat, summed over d; None for photographs.

    For Gaussian vectors it is the distortion-rate function, for the mixture Shannon's lower bound on it.

    Examples
    --------
    >>> shannon_limit("gaussian", 8)
    2.0
    """
    if name == POCKET:
        return None
    if name == "mixture":
        # along the line of the means the coordinates are independent
        axes = Diagonal([_clusters(1, _CLUSTER), *[Gaussian(1, _WITHIN)] * (DIM - 1)])
        return shannon_lower_bound(axes, 2.0**bits)
    return gaussian_distortion_rate(law(name).covariance, bits)


class Vectors(NamedTuple):
    """Vectors to train on and others to measure on, (n, 8) float32 each, and of photographs their places.

    Latents of photographs to train on are those of whole crops, row by row, but for the last crop.
    """

    train: Tensor
    held_out: Tensor
    grid: Grid | None = None


def _latents(crops: Tensor) -> Tensor:
    """Return the first half of the latent channels of crops, position by position."""
    return encode_in_batches(default_pocket(), crops)[:, :DIM].movedim(1, -1).reshape(-1, DIM)


@cache
def _pocket_held_out() -> Tensor:
    photographs = load_images()
    return _latents(eval_crops([photographs.images[i] for i in split(photographs.names)[1]], _CROP)[0])


def _pocket(cell: Cell, n_train: int, n_held_out: int) -> Vectors:
    photographs = load_images()
    train = [photographs.images[i] for i in split(photographs.names)[0]]
    crops = -(-n_train // (_CROP // DOWNSAMPLING) ** 2)
    generator = torch_stream(cell.seed, cell.study, "crops", f"trial={cell.trial}")
    latents = _latents(train_crops(train, crops, _CROP, generator=generator))
    fresh = _pocket_held_out()
    chosen = cell.rng("held-out", "source").choice(len(fresh), min(n_held_out, len(fresh)), replace=False)
    measured = torch.from_numpy(np.sort(chosen))
    return Vectors(latents[:n_train], fresh[measured], Grid(fresh, measured, _CROP // DOWNSAMPLING))


def draw(cell: Cell) -> Vectors:
    """Return the vectors of a cell; they depend on its source and trial alone.

    Parameters
    ----------
    cell : Cell
        With the parameters ``source``, ``n_train`` and ``n_held_out``. Latents of photographs are those
        of random crops of the training ones, and a random part of those of the held-out ones.
    """
    name = _check.one_of("source", cell.parameters["source"], SOURCES)
    sizes = {key: int(cell.parameters[key]) for key in ("n_train", "n_held_out")}
    if name == POCKET:
        return _pocket(cell, **sizes)

    def sample(n: int, purpose: str) -> Tensor:
        x: NDArray[np.float64] = law(name).sample(n, rng=cell.rng(purpose, "source"))
        return torch.from_numpy(x).float()

    return Vectors(sample(sizes["n_train"], "training"), sample(sizes["n_held_out"], "held-out"))
