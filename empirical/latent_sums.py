"""Errors, variances and usage of quantizers on many latents, from sums that add up over processes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from empirical.columns import Row, usage_columns, with_normal_interval
from empirical.head import Transplant
from empirical.processes import summed_over_ranks
from empirical.tokenizers import VARTokenizer
from qtheory.errors import DomainError


@dataclass
class Variance:
    """Variance of the elements of vectors (N, d), from sums."""

    sums: Tensor | None = None

    def update(self, rows: Tensor) -> None:
        """Add vectors (N, d)."""
        rows = rows.double()
        counts = torch.full_like(rows[0], len(rows))
        new = torch.stack([counts, rows.sum(0), rows.square().sum(0)])
        self.sums = new if self.sums is None else self.sums + new

    def merged(self) -> Tensor:
        """Return the variance of each of the d elements."""
        if self.sums is None:
            raise DomainError("variance needs at least 1 vector, got none")
        count, total, squares = summed_over_ranks(self.sums.clone())
        return squares / count - (total / count).square()


@dataclass(frozen=True)
class LatentErrors:
    """Errors of a transplant on all latents, in float64.

    Attributes
    ----------
    quantizer : (N,) array
        Squared error at the input of a quantizer, summed over its d dimensions and averaged over the
        tokens of an image and the quantizers. Where a quantizer maps its input first (the tanh of FSQ),
        it is the error after that map, and does not compare with errors of other quantizers.
    latent : (N,) array
        Squared error against z_e after the second head, an element. The paper's tables print this.
    counts : (P, M, K) array of int
        How often each code of each quantizer, or scale of one, occurs in each group of images.
    input_variance, latent_variance : float
        Variance of a quantizer's (mapped) input, summed over d, and of an element of z_e.
    dim : int
        d.
    """

    quantizer: NDArray[np.float64]
    latent: NDArray[np.float64]
    counts: NDArray[np.int64]
    input_variance: float
    latent_variance: float
    dim: int

    def row(self) -> Row:
        """Return the columns of the table, without intervals."""
        quantizer, latent = self.quantizer.mean(), self.latent.mean()
        return {
            "quantizer_distortion": quantizer,
            "quantizer_distortion_per_dim": quantizer / self.dim,
            "quantizer_nmse": quantizer / self.input_variance,
            "latent_distortion_per_dim": latent,
            "latent_nmse": latent / self.latent_variance,
            "latent_variance": self.latent_variance,
            **usage_columns(self.counts.sum(0)),
        }


class LatentSums(ABC):
    """Errors and codes of what lies between encoder and decoder."""

    @abstractmethod
    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""

    @abstractmethod
    def columns(self) -> Row:
        """Return the columns of the table with normal intervals, over all processes."""


class TransplantSums(LatentSums):
    """Errors and codes of a transplant.

    Parameters
    ----------
    transplant : Transplant
        Set to evaluation mode.
    images : int
        Images that will come.
    device : str, optional
        Where the sums are kept.
    groups : (images,) tensor of int64, optional
        Group of each image, from 0, for the counts of codes; by default all are in one.
    """

    def __init__(
        self, transplant: Transplant, images: int, device: str = "cpu", groups: Tensor | None = None
    ) -> None:
        self.transplant = transplant.eval()
        quantizers = transplant.quantizers
        self.groups = torch.zeros(images, dtype=torch.int64) if groups is None else groups
        sizes = int(self.groups.max()) + 1, len(quantizers), quantizers[0].codebook_size
        self.counts = torch.zeros(sizes, dtype=torch.int64, device=device)
        self.values = torch.zeros(images, 2, dtype=torch.float64, device=device)
        self.latents = Variance()
        self.inputs: list[Variance] = []

    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""
        result, distortions, groups = self.transplant(z_e), [], self.groups[numbers]
        pairs = self.transplant.rounded(result)
        self.inputs = self.inputs or [Variance() for _ in pairs]
        for variance, (rounded, z_q) in zip(self.inputs, pairs, strict=True):
            inputs = rounded.double()
            variance.update(inputs.flatten(0, 2))
            distortions.append((inputs - z_q).square().sum(-1).mean(dim=(1, 2)))
        for i, (quantizer, codes) in enumerate(zip(self.transplant.quantizers, result.codes, strict=True)):
            for group in groups.unique():
                self.counts[group, i] += quantizer.usage(codes[groups == group])
        latent = (result.y.double() - z_e).square().mean(dim=(1, 2, 3))
        found = torch.stack([torch.stack(distortions).mean(0), latent], 1)
        self.values[numbers.to(self.values.device)] = found
        self.latents.update(z_e.movedim(1, -1).flatten(0, 2))
        y: Tensor = result.y
        return y

    def merged(self) -> LatentErrors:
        """Return the errors, over all processes."""
        quantizer, latent = summed_over_ranks(self.values.clone()).cpu().numpy().T
        return LatentErrors(
            quantizer,
            latent,
            counts=summed_over_ranks(self.counts.clone()).cpu().numpy(),
            input_variance=float(torch.stack([v.merged().sum() for v in self.inputs]).mean()),
            latent_variance=float(self.latents.merged().mean()),
            dim=self.transplant.quantizers[0].dim,
        )

    def columns(self) -> Row:
        """Return the columns of the table with normal intervals, over all processes."""
        found = self.merged()
        intervals = {
            **interval("quantizer_nmse", found.quantizer / found.input_variance),
            **interval("latent_distortion_per_dim", found.latent),
            **interval("latent_nmse", found.latent / found.latent_variance),
        }
        # a mean with an interval stands beside its bounds
        return {name: value for name, value in found.row().items() if name not in intervals} | intervals


class NativeSums(LatentSums):
    """Errors and codes of the quantizer that a VAR tokenizer was trained with.

    Parameters
    ----------
    tokenizer : VARTokenizer
        The tokenizer.
    images : int
        Images that will come.
    device : str
        Where the sums are kept.
    """

    def __init__(self, tokenizer: VARTokenizer, images: int, device: str) -> None:
        self.tokenizer = tokenizer
        self.values = torch.zeros(images, dtype=torch.float64, device=device)
        self.counts = torch.zeros(tokenizer.native_codebook_size, dtype=torch.int64, device=device)
        self.latents = Variance()

    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""
        y, codes = self.tokenizer.quantize(z_e)
        self.counts += torch.bincount(codes.flatten(), minlength=len(self.counts))
        self.values[numbers.to(self.values.device)] = (y.double() - z_e).square().mean(dim=(1, 2, 3))
        self.latents.update(z_e.movedim(1, -1).flatten(0, 2))
        quantized: Tensor = y
        return quantized

    def columns(self) -> Row:
        """Return sizes and the columns of the table, over all processes; all scales are one quantizer."""
        latent = summed_over_ranks(self.values.clone()).cpu().numpy()
        counts = summed_over_ranks(self.counts.clone()).cpu().numpy()[None]
        variance = float(self.latents.merged().mean())
        return {
            "codebook_size": self.tokenizer.native_codebook_size,
            "image_tokens": self.tokenizer.native_tokens,
            "latent_variance": variance,
            **usage_columns(counts),
            **interval("latent_distortion_per_dim", latent),
            **interval("latent_nmse", latent / variance),
        }


def interval(name: str, values: Any) -> Row:
    """Return the mean of values, one a photograph, and its normal interval at 95 %."""
    return with_normal_interval(name, float(values.mean()), float(stats.sem(values)))
