"""What rows of the comparison are made of, the same for photographs in memory and for streams of images.

How values of single images are averaged, and what their intervals are, differs: see `empirical.evaluate`
and `empirical.measure`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical import metrics
from empirical.head import Transplant
from empirical.usage import mean_perplexity, mean_utilization

Row = dict[str, Any]

IMAGE_COLUMNS = ("psnr", "psnr_luma", "ssim")


@dataclass(frozen=True)
class BatchErrors:
    """Errors of a transplant on a batch of latents, in float64.

    Attributes
    ----------
    inputs : list of (B, h, w, d) tensor
        What each quantizer rounds: its input, mapped where the quantizer does that (the tanh of FSQ).
    quantizer : list of (B, h, w) tensor
        Squared error of each quantizer, summed over d.
    latent : (B,) tensor
        Squared error against z_e after the second head, an element. The paper's tables print this.
    codes : (B, h, w, M) tensor of int64
        Codes of the M quantizers.
    counts : (M, K) tensor of int64
        How often each code occurs.
    y : (B, C, h, w) tensor
        What the decoder gets, in the precision of the network.
    """

    inputs: list[Tensor]
    quantizer: list[Tensor]
    latent: Tensor
    codes: Tensor
    counts: Tensor
    y: Tensor


def batch_errors(transplant: Transplant, z_e: Tensor) -> BatchErrors:
    """Quantize latents (B, C, h, w) and return the errors."""
    result, quantizers = transplant(z_e), transplant.quantizers
    inputs = [q.project(z_p).double() for q, z_p in zip(quantizers, result.z_p, strict=True)]
    return BatchErrors(
        inputs=inputs,
        quantizer=[(u - q).square().sum(-1) for u, q in zip(inputs, result.z_q, strict=True)],
        latent=(result.y.double() - z_e).square().mean(dim=(1, 2, 3)),
        codes=result.codes,
        counts=torch.stack([q.usage(result.codes[..., i]) for i, q in enumerate(quantizers)]),
        y=result.y,
    )


def distortion_columns(quantizer: float, dim: int) -> Row:
    """Return the columns of a quantizer's mean squared error, summed over `dim` dimensions."""
    return {"quantizer_distortion": quantizer, "quantizer_distortion_per_dim": quantizer / dim}


def usage_columns(counts: NDArray[Any]) -> Row:
    """Return the columns of counts (M, K) of codes."""
    return {
        "utilization": mean_utilization(counts),
        "perplexity": mean_perplexity(counts),
        "tokens": int(counts[0].sum()),
    }


def image_values(x: Tensor, x_hat: Tensor) -> dict[str, Tensor]:
    """Return the metrics of single images, (N,) float64 tensors, by the names of their columns."""
    return {
        "psnr": metrics.psnr(x, x_hat),
        "psnr_luma": metrics.psnr(x, x_hat, luma=True),
        "ssim": metrics.ssim(x, x_hat),
    }
