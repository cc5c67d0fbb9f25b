"""Evaluation of a transplant on held-out photographs, beside the same errors on its training latents."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical import metrics
from empirical.columns import Row, batch_errors, distortion_columns, image_values, usage_columns
from empirical.features import efflite0
from empirical.head import Transplant
from empirical.pixels import to_png
from empirical.tokenizers import Tokenizer
from empirical.usage import jackknife_interval, pseudo_values, usage

Floats = NDArray[np.float64]

LEVEL = 0.95
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


@torch.no_grad()
def decode_in_batches(tokenizer: Tokenizer, y: Tensor) -> Tensor:
    """Return the reconstructions of latents, clamped to [-1, 1]."""
    return torch.cat([tokenizer.decode(part).clamp(-1, 1) for part in y.split(_BATCH)])


@dataclass(frozen=True)
class LatentErrors:
    """Errors of a transplant on latents, in float64.

    Attributes
    ----------
    quantizer : (N,) array
        Squared error at the input of a quantizer, summed over the d dimensions of a half and
        averaged over the tokens of a crop. Where a quantizer maps its input first (the tanh of FSQ),
        it is the error after that map, and does not compare with errors of other quantizers.
    latent : (N,) array
        Squared error against z_e after the second head, an element. The paper's tables print this.
    counts : (2, K) array of int
        How often each code occurs in each half.
    codes : (2, N, T) array of int
        Codes of each half, for the T tokens of each crop.
    input_variance, latent_variance : float
        Variance of a quantizer's (mapped) input, summed over d, and of an element of z_e.
    y : (N, C, h, w) tensor
        Outputs.
    """

    quantizer: Floats
    latent: Floats
    counts: NDArray[np.int64]
    codes: NDArray[np.int64]
    input_variance: float
    latent_variance: float
    dim: int
    y: Tensor

    def row(self, prefix: str = "") -> Row:
        """Return the columns of the table."""
        row = {
            **distortion_columns(self.quantizer.mean(), self.dim),
            "quantizer_nmse": self.quantizer.mean() / self.input_variance,
            "latent_distortion_per_dim": self.latent.mean(),
            "latent_nmse": self.latent.mean() / self.latent_variance,
            "latent_variance": self.latent_variance,
            **usage_columns(self.counts),
        }
        return {f"{prefix}{name}": value for name, value in row.items()}


@torch.no_grad()
def latent_errors(transplant: Transplant, z_e: Tensor) -> LatentErrors:
    """Quantize latents (N, C, h, w) in evaluation mode and measure the errors."""
    transplant.eval()
    found = [batch_errors(transplant, part) for part in z_e.split(_BATCH)]
    inputs = torch.cat([torch.stack(part.inputs).flatten(1, 3) for part in found], dim=1)
    codes = [part.codes.flatten(1, -2).movedim(-1, 0) for part in found]
    return LatentErrors(
        quantizer=torch.cat([torch.stack(part.quantizer).mean(dim=(0, 2, 3)) for part in found]).numpy(),
        latent=torch.cat([part.latent for part in found]).numpy(),
        counts=torch.stack([part.counts for part in found]).sum(0).numpy(),
        codes=torch.cat(codes, dim=1).numpy(),
        input_variance=float(inputs.var(dim=1, correction=0).sum(-1).mean()),
        latent_variance=float(z_e.double().transpose(0, 1).flatten(1).var(dim=1, correction=0).mean()),
        dim=transplant.quantizers[0].dim,
        y=torch.cat([part.y for part in found]),
    )


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


def _with_interval(
    name: str, values: Floats, groups: NDArray[np.int64], rng: np.random.Generator, scale: float = 1.0
) -> Row:
    """Return the bounds of the mean of `values` over `scale`, by resampling photographs."""
    low, high = metrics.bootstrap_interval(values, groups, rng=rng, level=LEVEL)
    return {f"{name}_low": low / scale, f"{name}_high": high / scale}


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


def _evaluation(
    values: dict[str, Floats],
    pseudo: dict[str, tuple[float, Floats]],
    x_hat: Tensor,
    data: HeldOut,
    rng: np.random.Generator,
) -> Evaluation:
    """Return averages and their bootstrap intervals, and other statistics with the jackknife's."""
    row: Row = {}
    values = values | {name: value.numpy() for name, value in image_values(data.crops, x_hat).items()}
    for name, value in values.items():
        row |= {name: value.mean(), **_with_interval(name, value, data.photo_index, rng)}
    pseudo = {"kid_efflite0": _kid(x_hat, data), **pseudo}
    for name, (statistic, own) in pseudo.items():
        low, high = jackknife_interval(statistic, own, level=LEVEL)
        row |= {name: statistic, f"{name}_low": low, f"{name}_high": high}
    photographs = _by_photograph(values, {name: own for name, (_, own) in pseudo.items()}, data)
    return Evaluation(row, photographs, pictures(x_hat, data))


def evaluate_unquantized(tokenizer: Tokenizer, data: HeldOut, *, rng: np.random.Generator) -> Evaluation:
    """Evaluate the tokenizer's own reconstructions, the ceiling for every quantizer.

    Parameters
    ----------
    tokenizer : Tokenizer
        Encoder and decoder.
    data : HeldOut
        Held-out crops.
    rng : numpy.random.Generator
        Resampling of photographs.
    """
    x_hat = decode_in_batches(tokenizer, data.z_e)
    return _evaluation({}, {}, x_hat, data, rng)


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
        The trained quantizers with their heads; or none, for the tokenizer alone.
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
        Intervals of errors and image metrics come from a bootstrap over photographs (those of NMSE
        hold its denominator fixed), those of KID, utilization and perplexity from a jackknife
        over them; utilization and perplexity are of the counts over all tokens of their set.
    """
    if not transplant.quantizers:
        return evaluate_unquantized(tokenizer, data, rng=rng)
    errors = latent_errors(transplant, data.z_e)
    x_hat = decode_in_batches(tokenizer, errors.y)
    latent = {"quantizer_distortion": errors.quantizer, "latent_distortion_per_dim": errors.latent}
    used = usage(errors.codes, data.photo_index, errors.counts.shape[1])
    found = _evaluation(latent, used, x_hat, data, rng)
    row = errors.row() | found.row
    for bound in ("low", "high"):
        row[f"quantizer_nmse_{bound}"] = row[f"quantizer_distortion_{bound}"] / errors.input_variance
        row[f"latent_nmse_{bound}"] = row[f"latent_distortion_per_dim_{bound}"] / errors.latent_variance
    row |= latent_errors(transplant, train_z_e).row("train_")
    return Evaluation(row, found.photographs, found.pictures)
