"""What rows of the comparison are made of, the same for photographs in memory and for streams of images.

Errors (`empirical.latent_sums`) and the metrics of single images (`empirical.measure`) come from one loop.
What is measured, and so how uncertain it is, differs in two ways, by design:

- `empirical.evaluate` has few photographs, cut into several crops each. Crops of one photograph depend on
  each other: intervals of means resample photographs, those of KID, utilization and perplexity come from
  a jackknife over them. Means are over crops.
- `empirical.measure` has one centre crop of each of many photographs, so that values of single images are
  independent: their means have normal intervals. Utilization and perplexity have none.

Both hold the denominator of NMSE fixed.
"""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from empirical import metrics
from empirical.usage import mean_perplexity, mean_utilization

Row = dict[str, Any]

IMAGE_COLUMNS = ("psnr", "psnr_luma", "ssim")
LEVEL = 0.95
_NORMAL_QUANTILE = 1.959963984540054  # of 0.975


def with_bounds(name: str, value: float, low: float, high: float) -> Row:
    """Return the columns of a value and its interval."""
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def with_normal_interval(name: str, value: float, error: float) -> Row:
    """Return the columns of a value and its normal interval at `LEVEL`, of a standard error."""
    half = _NORMAL_QUANTILE * error
    return with_bounds(name, value, value - half, value + half)


def in_sample(row: Row) -> Row:
    """Return a row as columns of training images, which start with ``train_``."""
    return {f"train_{name}": value for name, value in row.items()}


def usage_columns(counts: NDArray[Any]) -> Row:
    """Return the columns of counts (M, K) of codes; ``tokens`` are a quantizer's, or the finest scale's."""
    return {
        "utilization": mean_utilization(counts),
        "perplexity": mean_perplexity(counts),
        "tokens": int(counts.sum(axis=1).max()),
    }


def image_values(x: Tensor, x_hat: Tensor) -> dict[str, Tensor]:
    """Return the metrics of single images, (N,) float64 tensors, by the names of their columns."""
    return {
        "psnr": metrics.psnr(x, x_hat),
        "psnr_luma": metrics.psnr(x, x_hat, luma=True),
        "ssim": metrics.ssim(x, x_hat),
    }
