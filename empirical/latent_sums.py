"""Errors, variances and usage of quantizers on many latents, from sums that add up over processes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.columns import Row, batch_errors, distortion_columns, usage_columns
from empirical.distances import NORMAL_QUANTILE
from empirical.head import Transplant
from empirical.quantizers.base import summed_over_ranks
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


class LatentSums(ABC):
    """Errors and codes of what lies between encoder and decoder."""

    @abstractmethod
    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""

    @abstractmethod
    def columns(self, prefix: str = "") -> Row:
        """Return the columns of the table, over all processes."""


class TransplantSums(LatentSums):
    """Errors and codes of a transplant.

    Parameters
    ----------
    transplant : Transplant
        Set to evaluation mode.
    images : int
        Images that will come.
    device : str
        Where the sums are kept.
    """

    def __init__(self, transplant: Transplant, images: int, device: str) -> None:
        self.transplant = transplant.eval()
        quantizers = transplant.quantizers
        self.values = torch.zeros(images, 2, dtype=torch.float64, device=device)
        self.counts = torch.zeros(
            len(quantizers), quantizers[0].codebook_size, dtype=torch.int64, device=device
        )
        self.latents = Variance()
        self.inputs = [Variance() for _ in quantizers]

    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""
        found = batch_errors(self.transplant, z_e)
        for variance, mapped in zip(self.inputs, found.inputs, strict=True):
            variance.update(mapped.flatten(0, 2))
        quantizer = torch.stack([errors.mean(dim=(1, 2)) for errors in found.quantizer]).mean(0)
        self.values[numbers.to(self.values.device)] = torch.stack([quantizer, found.latent], 1)
        self.counts += found.counts
        self.latents.update(z_e.movedim(1, -1).flatten(0, 2))
        return found.y

    def columns(self, prefix: str = "") -> Row:
        """Return the columns of the table, over all processes."""
        values = summed_over_ranks(self.values.clone()).cpu().numpy()
        counts = summed_over_ranks(self.counts.clone()).cpu().numpy()
        dim = self.transplant.quantizers[0].dim
        input_variance = float(torch.stack([v.merged().sum() for v in self.inputs]).mean())
        latent_variance = float(self.latents.merged().mean())
        quantizer, latent = values.T
        row: Row = {
            **distortion_columns(quantizer.mean(), dim),
            "latent_variance": latent_variance,
            **usage_columns(counts),
            **interval("quantizer_nmse", quantizer / input_variance),
            **interval("latent_distortion_per_dim", latent),
            **interval("latent_nmse", latent / latent_variance),
        }
        return {f"{prefix}{name}": value for name, value in row.items()}


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
        size = tokenizer.quantize.embedding.num_embeddings
        self.counts = torch.zeros(size, dtype=torch.int64, device=device)
        self.latents = Variance()

    def update(self, z_e: Tensor, numbers: Tensor) -> Tensor:
        """Quantize latents (B, C, h, w), add their errors, and return what the decoder gets."""
        y, codes = self.tokenizer.quantize(z_e)
        self.counts += torch.bincount(codes.flatten(), minlength=len(self.counts))
        self.values[numbers.to(self.values.device)] = (y.double() - z_e).square().mean(dim=(1, 2, 3))
        self.latents.update(z_e.movedim(1, -1).flatten(0, 2))
        quantized: Tensor = y
        return quantized

    def columns(self, prefix: str = "") -> Row:
        """Return the columns of the table, over all processes; all scales count as one quantizer."""
        latent = summed_over_ranks(self.values.clone()).cpu().numpy()
        counts = summed_over_ranks(self.counts.clone()).cpu().numpy()[None]
        variance = float(self.latents.merged().mean())
        row: Row = {
            "latent_variance": variance,
            **usage_columns(counts),
            **interval("latent_distortion_per_dim", latent),
            **interval("latent_nmse", latent / variance),
        }
        return {f"{prefix}{name}": value for name, value in row.items()}


def interval(name: str, values: Any) -> Row:
    """Return the mean of values, one a photograph, and its normal interval at 95 %."""
    mean = float(values.mean())
    half = NORMAL_QUANTILE * float(values.std(ddof=1)) / np.sqrt(len(values))
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
