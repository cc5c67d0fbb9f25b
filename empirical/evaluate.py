"""Evaluation of a transplant on held-out photographs, beside the same errors on its training latents.

The errors are those of `empirical.latent_sums` and the loop is that of `empirical.measure`. What is done
here alone: intervals over photographs with several crops each, see `empirical.columns`, and pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical import metrics
from empirical.columns import LEVEL, Row, in_sample, with_bounds
from empirical.features import efflite0
from empirical.head import Transplant
from empirical.latent_sums import LatentErrors, TransplantSums
from empirical.measure import reconstruct
from empirical.pixels import to_png
from empirical.tokenizers import Tokenizer
from empirical.usage import jackknife_interval, pseudo_values, usage

Floats = NDArray[np.float64]

_BATCH = 128


@dataclass(frozen=True)
class HeldOut:
    """Held-out crops and what is computed of them once.

    Attributes
    ----------
    names : tuple of str
        Photographs.
    crops : (N, 3, H, W) tensor
        Images in [-1, 1].
    photo_index : (N,) array of int
        Photograph of each crop.
    z_e : (N, C, h, w) tensor
        Their latents.
    features : (N, 1280) array
        Their EfficientNet-Lite0 features.
    shown : tuple of int
        Numbers of the crops whose pictures are kept.
    """

    names: tuple[str, ...]
    crops: Tensor
    photo_index: NDArray[np.int64]
    z_e: Tensor
    features: Floats
    shown: tuple[int, ...] = ()


@torch.no_grad()
def encode_in_batches(tokenizer: Tokenizer, crops: Tensor) -> Tensor:
    """Return the latents of crops."""
    return torch.cat([tokenizer.encode(part) for part in crops.split(_BATCH)])


def _in_batches(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield numbers and rows of tensors."""
    numbers = torch.arange(len(tensors[0]))
    yield from zip(*(tensor.split(_BATCH) for tensor in (numbers, *tensors)), strict=True)


@torch.no_grad()
def latent_errors(transplant: Transplant, z_e: Tensor) -> LatentErrors:
    """Quantize latents (N, C, h, w) in evaluation mode and measure the errors."""
    sums = TransplantSums(transplant, len(z_e))
    for numbers, part in _in_batches(z_e):
        sums.update(part, numbers)
    return sums.merged()


@dataclass(frozen=True)
class Evaluation:
    """Columns of a transplant's row, and one row a photograph.

    Attributes
    ----------
    row : dict
        Averages over crops with the bounds of their intervals.
    photographs : list of dict
        Averages over the crops of each photograph, for paired comparisons; of KID, utilization and
        perplexity, which are no averages, the jackknife's pseudo-values.
    pictures : list of dict
        Reconstructions of the crops to show, as PNG in base64.
    """

    row: Row
    photographs: list[Row]
    pictures: list[Row]


def _kid(x_hat: Tensor, data: HeldOut) -> tuple[float, Floats]:
    value, left_out = metrics.kid_left_out(data.features, efflite0(x_hat), data.photo_index)
    return value, pseudo_values(value, left_out)


def pictures(crops: Tensor, data: HeldOut) -> list[Row]:
    """Return the crops to show as rows of a table."""
    return [
        {"photograph": data.names[data.photo_index[i]], "crop_number": i, "png": to_png(crops[i])}
        for i in data.shown
    ]


def _by_photograph(values: dict[str, Floats], pseudo: dict[str, Floats], data: HeldOut) -> list[Row]:
    crops = np.bincount(data.photo_index)
    means = {k: np.bincount(data.photo_index, weights=v) / crops for k, v in values.items()}
    columns = {name: [float(f"{value:.7g}") for value in mean] for name, mean in (means | pseudo).items()}
    return [
        {"photograph": name, "crops": int(crops[i]), **{k: column[i] for k, column in columns.items()}}
        for i, name in enumerate(data.names)
    ]


def _with_intervals(
    values: dict[str, Floats],
    pseudo: dict[str, tuple[float, Floats]],
    groups: NDArray[np.int64],
    rng: np.random.Generator,
) -> Row:
    """Return averages with bootstrap intervals, and other statistics with the jackknife's."""
    row: Row = {}
    for name, value in values.items():
        low, high = metrics.bootstrap_interval(value, groups, rng=rng, level=LEVEL)
        row |= with_bounds(name, value.mean(), low, high)
    for name, (statistic, own) in pseudo.items():
        low, high = jackknife_interval(statistic, own, level=LEVEL)
        row |= with_bounds(name, statistic, low, high)
    return row


def evaluate(
    transplant: Transplant,
    tokenizer: Tokenizer,
    data: HeldOut,
    train_z_e: Tensor,
    *,
    rng: np.random.Generator,
) -> Evaluation:
    """Evaluate a transplant on held-out photographs.

    Parameters
    ----------
    transplant : Transplant
        The trained quantizers with their heads; or none, for the tokenizer's own reconstructions, the
        ceiling for every quantizer.
    tokenizer : Tokenizer
        Its decoder takes part.
    data : HeldOut
        Held-out crops, with the latents that the encoder gives them now.
    train_z_e : (N, C, h, w) tensor
        Training latents, for the columns that start with ``train_``.
    rng : numpy.random.Generator
        Resampling of photographs.

    Returns
    -------
    Evaluation
        Intervals are over photographs, see `empirical.columns`; utilization and perplexity are of the
        counts over all tokens of their set.
    """
    images, groups = len(data.crops), torch.from_numpy(data.photo_index)
    sums = TransplantSums(transplant, images, groups=groups) if transplant.quantizers else None
    parts: list[Tensor] = []
    values = reconstruct(
        tokenizer,
        sums,
        _in_batches(data.crops, data.z_e),
        images,
        lambda x, x_hat, numbers: parts.append(x_hat),
    )
    x_hat = torch.cat(parts)
    pseudo = {"kid_efflite0": _kid(x_hat, data)}
    row: Row = {}
    if sums is not None:
        errors = sums.merged()
        latent = {"quantizer_distortion": errors.quantizer, "latent_distortion_per_dim": errors.latent}
        values, pseudo, row = latent | values, pseudo | usage(errors.counts), errors.row()
    row |= _with_intervals(values, pseudo, data.photo_index, rng)
    if sums is not None:
        for bound in ("low", "high"):
            row[f"quantizer_nmse_{bound}"] = row[f"quantizer_distortion_{bound}"] / errors.input_variance
            row[f"latent_nmse_{bound}"] = row[f"latent_distortion_per_dim_{bound}"] / errors.latent_variance
        row |= in_sample(latent_errors(transplant, train_z_e).row())
    photographs = _by_photograph(values, {name: own for name, (_, own) in pseudo.items()}, data)
    return Evaluation(row, photographs, pictures(x_hat, data))
