"""What all quantizers share: checks, precision, the straight-through step, codes and counts.

A subclass says how its input is mapped before it rounds (`_project`), which code a mapped vector
gets (`_assign`), which codeword a code stands for (`_lookup`), and what it adds to the training
loss (`_losses`, `_update`). Everything else is here, once, and is not overridden.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from empirical import processes
from empirical.quantizers._buffers import KeptBuffers
from empirical.quantizers._gradients import GRADIENTS
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

Losses = dict[str, Tensor]

_MOST_COUNTED = 1 << 31  # codewords of which each can have a count: 16 GiB
_ROOM = 3 / 8  # of the exponent's range: the square of a value, and a billion such squares, stay finite


@dataclass(frozen=True)
class Quantized:
    """Result of a forward pass.

    Attributes
    ----------
    z_q : (..., d) tensor
        Codewords; their gradient is that of the mapped input, as `Quantizer.gradient` says.
    codes : (...) tensor of int64
        Codes in [0, codebook_size).
    losses : dict of str to Tensor
        Terms to add to the training loss, with their coefficients; empty for fixed codebooks. Of several
        processes in training each has its share: the mean over the processes, as
        ``DistributedDataParallel`` takes it of gradients, is that of all vectors, however they are shared.
    """

    z_q: Tensor
    codes: Tensor
    losses: Losses


def _full_precision(x: Tensor) -> torch.autocast:
    """Return the context in which autocast lowers no precision."""
    return torch.autocast(x.device.type, enabled=False)


def channels_last(z: Tensor) -> Tensor:
    """Return images (B, C, H, W) as vectors (B, H, W, C)."""
    return z.movedim(1, -1)


def channels_first(z: Tensor) -> Tensor:
    """Return vectors (B, H, W, C) as images (B, C, H, W)."""
    return z.movedim(-1, 1)


class Quantizer(KeptBuffers, ABC):
    """A map from vectors to codewords, with integer codes.

    Parameters
    ----------
    dim : int
        Dimension d of the vectors.
    codebook_size : int
        Codewords K.
    """

    def __init__(self, dim: int, codebook_size: int) -> None:
        super().__init__()
        self.dim = _check.integer("dim", dim)
        self.codebook_size = _check.integer("codebook_size", codebook_size)
        self._gradient = "straight_through"

    @property
    def gradient(self) -> str:
        """How gradients pass the rounding: ``straight_through``, or ``rotation`` (`rotation_trick`)."""
        return self._gradient

    @gradient.setter
    def gradient(self, name: str) -> None:
        self._gradient = _check.one_of("gradient", name, GRADIENTS)

    @abstractmethod
    def _project(self, z: Tensor) -> Tensor:
        """Map (N, d) inputs to the space in which they are rounded, differentiably."""

    @abstractmethod
    def _assign(self, u: Tensor) -> Tensor:
        """Return the (N,) codes of mapped vectors."""

    @abstractmethod
    def _lookup(self, codes: Tensor) -> Tensor:
        """Return the (N, d) codewords of codes, differentiably where codewords are parameters."""

    @abstractmethod
    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        """Return the loss terms of inputs, mapped inputs and their codewords.

        Each is a mean over the vectors of this process, or the same in all processes.
        """

    @abstractmethod
    def _prepare(self, u: Tensor) -> None:
        """Set up what depends on the first training batch, before codes are assigned."""

    @abstractmethod
    def _update(self, u: Tensor, codes: Tensor) -> None:
        """Move codewords that are statistics, after the codes of a training batch are known."""

    @property
    def synced(self) -> bool:
        """Whether statistics and losses are those of all processes together."""
        return True

    @final
    @property
    def rate(self) -> float:
        """Bits a vector, log2 K."""
        return math.log2(self.codebook_size)

    @final
    def _rows(self, z: Tensor) -> Tensor:
        """Return checked inputs as (N, d), in float32 or float64."""
        if z.ndim == 0 or z.shape[-1] != self.dim:
            raise ShapeError(
                f"z must have {self.dim} channels in its last axis, got shape {tuple(z.shape)}; "
                "use channels_last for images"
            )
        if z.numel() == 0:
            raise ShapeError(f"z must hold at least 1 vector, got 0: shape {tuple(z.shape)}")
        if not z.is_floating_point():  # codewords of the dtype of integers would lose their fractions
            raise DomainError(f"z must be real floats, got {z.dtype}; use z.float(), or parts as channels")
        dtype = torch.promote_types(z.dtype, torch.float32)
        low, high = torch.aminmax(z.detach())
        largest, limit = float(torch.maximum(-low, high)), torch.finfo(dtype).max ** _ROOM
        if not largest <= limit:
            bad = z.numel() - int(torch.isfinite(z.detach()).sum())
            wrong = f"{bad} NaN or infinite value(s) of {z.numel()}" if bad else f"a largest of {largest:g}"
            raise DomainError(
                f"z must be finite and at most {limit:.2g} so that its squares fit {dtype}, got {wrong}; "
                "scale it, lower the learning rate, or look for the layer that diverged"
            )
        return z.reshape(-1, self.dim).to(dtype)

    @final  # type: ignore[misc]  # nn.Module declares a variable
    def forward(self, z: Tensor) -> Quantized:
        """Quantize; in training mode also update the codewords that are statistics.

        Codewords are looked up before the update. Whatever the autocast mode, the work is done in
        float32 (float64 for float64 inputs).

        Parameters
        ----------
        z : (..., d) tensor
            Inputs, channels last.

        Returns
        -------
        Quantized
            Codewords of the dtype of `z`, codes, loss terms.

        Raises
        ------
        ShapeError
            If `z` is empty or has another number of channels.
        DomainError
            If `z` holds no real floats, or a value that is NaN, infinite, or so large that squared errors
            overflow.
        """
        rows = self._rows(z)
        with _full_precision(z):
            u = self._project(rows)
            if self.training:
                self._prepare(u.detach())
            codes = self._assign(u.detach())
            q = self._lookup(codes).to(u.dtype)
            losses = self._losses(rows, u, q)
            if self.training:
                losses = self._shares(losses, rows)
                self._update(u.detach(), codes)
            z_q = GRADIENTS[self._gradient](u, q)
        return Quantized(z_q.reshape(z.shape).to(z.dtype), codes.reshape(z.shape[:-1]), losses)

    @final
    def _shares(self, losses: Losses, rows: Tensor) -> Losses:
        """Return loss terms of a batch weighted by its share of those of all processes."""
        if not (losses and self.synced and processes.several_processes()):
            return losses
        weight = processes.share_of_rank(rows)
        return {name: value * weight.to(value.dtype) for name, value in losses.items()}

    @final
    @torch.no_grad()
    def project(self, z: Tensor) -> Tensor:
        """Return the inputs (..., d) mapped to the space in which they are rounded."""
        with _full_precision(z):
            return self._project(self._rows(z)).reshape(z.shape)

    @final
    @torch.no_grad()
    def encode(self, z: Tensor) -> Tensor:
        """Return the codes (...) of inputs (..., d), whatever the autocast mode."""
        with _full_precision(z):
            return self._assign(self._project(self._rows(z))).reshape(z.shape[:-1])

    @final
    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Return the codewords (..., d) of codes (...), whatever the autocast mode.

        Raises
        ------
        DomainError
            If a code lies outside [0, codebook_size) or is no integer.
        """
        with _full_precision(codes):
            return self._lookup(self._checked(codes)).reshape(*codes.shape, self.dim)

    @final
    def _checked(self, codes: Tensor) -> Tensor:
        """Return checked codes as (N,) int64."""
        if codes.is_floating_point() or codes.is_complex():
            raise DomainError(f"codes must be integers, got {codes.dtype}")
        if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= self.codebook_size):
            raise DomainError(
                f"codes must lie in [0, {self.codebook_size}), got {int(codes.min())} to {int(codes.max())}"
            )
        return codes.reshape(-1).long()

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Codewords of each sub-codebook; a code has their codes as its digits, the first lowest."""
        return (self.codebook_size,)

    def _parts(self, codes: Tensor) -> list[Tensor]:
        """Return the codes of each sub-codebook, of codes (N,)."""
        digits = []
        for size in self.part_sizes:
            digits.append(codes % size)
            codes = codes // size
        return digits

    @final
    def usage(self, codes: Tensor) -> Tensor:
        """Return how often each of the K codes occurs, (K,) int64; such counts add up over batches.

        Raises
        ------
        DomainError
            As `decode`, and if there are too many codewords for a count of each.
        """
        self._require_countable()
        return torch.bincount(self._checked(codes), minlength=self.codebook_size)

    @final
    def _require_countable(self) -> None:
        if self.codebook_size > _MOST_COUNTED:
            raise DomainError(
                f"codebook_size must be at most {_MOST_COUNTED} for a count of each codeword, got "
                f"{self.codebook_size}; use part_usage, which counts those of each sub-codebook"
            )

    @final
    def part_usage(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Return how often each codeword of each sub-codebook occurs, (n_m,) int64 each.

        Sub-codebooks are the blocks of a product, the stages of a residual quantizer (all tokens of a
        stage together), and the coordinates of scalar ones. The counts add up over batches, and need no
        room for K numbers; `empirical.quantizers.Usage` adds them up over batches and processes.

        Raises
        ------
        DomainError
            As `decode`.

        Examples
        --------
        >>> from empirical.quantizers import build
        >>> [counts.tolist() for counts in build("lfq", 2, 4).part_usage(torch.tensor([0, 1, 1, 3]))]
        [[1, 3], [3, 1]]
        """
        return self._part_counts(self._checked(codes))

    def _part_counts(self, codes: Tensor) -> tuple[Tensor, ...]:
        parts = zip(self._parts(codes), self.part_sizes, strict=True)
        return tuple(torch.bincount(digits.flatten(), minlength=size) for digits, size in parts)

    @final
    def all_usage(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Return `usage`, and after it what `part_usage` returns, of codes that are checked once."""
        self._require_countable()
        known = self._checked(codes)
        return torch.bincount(known, minlength=self.codebook_size), *self._part_counts(known)
