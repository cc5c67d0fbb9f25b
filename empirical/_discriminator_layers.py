"""Layers of the discriminator's heads: spectrally normalized convolutions, batch norm of all processes."""

import math
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from empirical.processes import summed_over_ranks
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

_SLOPE = 0.2
_MOMENTUM = 0.1
_NORM_EPSILON = 1e-6
_POWER_EPSILON = 1e-12
_INITIAL_DEVIATION = 0.02
_WARM_ITERATIONS = 15


class SpectralConv1d(nn.Module):
    """Convolution over a circle whose weight, as a matrix (out, in k), has spectral norm one.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel : int
        Length of the kernel, odd.
    generator : torch.Generator
        Initial weights N(0, 0.02^2) and the first singular vectors.

    Notes
    -----
    One step of the power iteration a forward pass in training mode, none in evaluation.

    References
    ----------
    Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for Generative Adversarial Networks.
    """

    left: Tensor
    right: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, generator: torch.Generator) -> None:
        super().__init__()
        if _check.integer("kernel", kernel) % 2 == 0:
            raise DomainError(f"kernel must be odd, got {kernel}")
        self.padding = kernel // 2
        weight = torch.randn(outputs, inputs, kernel, generator=generator, device=generator.device)
        self.weight = nn.Parameter(weight * _INITIAL_DEVIATION)
        self.bias = nn.Parameter(torch.zeros(outputs))
        start = torch.randn(outputs, generator=generator, device=generator.device)
        self.register_buffer("left", functional.normalize(start, dim=0, eps=_POWER_EPSILON))
        self.register_buffer("right", torch.zeros(inputs * kernel))
        for _ in range(_WARM_ITERATIONS):
            self._iterate()

    @torch.no_grad()
    def _iterate(self) -> None:
        matrix = self.weight.flatten(1)
        self.right.copy_(functional.normalize(matrix.T @ self.left, dim=0, eps=_POWER_EPSILON))
        self.left.copy_(functional.normalize(matrix @ self.right, dim=0, eps=_POWER_EPSILON))

    def normalized_weight(self) -> Tensor:
        """Return the weight over the estimate of its largest singular value, differentiably."""
        # clones, because the next pass of the same step moves the vectors that this one's gradient needs
        left, right = self.left.clone(), self.right.clone()
        return self.weight / (left @ self.weight.flatten(1) @ right)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (B, inputs, L) as (B, outputs, L)."""
        if self.training:
            self._iterate()
        padded = functional.pad(x, (self.padding, self.padding), mode="circular") if self.padding else x
        return functional.conv1d(padded, self.normalized_weight(), self.bias)


class _SumOverRanks(torch.autograd.Function):
    """Sum over all processes, whose gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return summed_over_ranks(x.clone())

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return summed_over_ranks(gradient.clone())


def _summed(x: Tensor) -> Tensor:
    return _SumOverRanks.apply(x)


class SyncedBatchNorm(nn.Module):
    """Batch norm of (B, C, L) with the mean and variance over the batches of all processes.

    Unlike `torch.nn.SyncBatchNorm` it runs on the CPU as well. The variance is computed from
    centred values, and keeps its digits where the mean is large.

    Parameters
    ----------
    channels : int
        Channels C.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        count = x.new_tensor([float(len(x) * x.shape[2])])
        total = _summed(torch.cat([x.sum((0, 2)), count]))
        mean, n = total[:-1] / total[-1].detach(), total[-1].detach()
        if n < 2:
            raise ShapeError(f"x must hold at least 2 positions a channel, got shape {tuple(x.shape)}")
        variance = _summed((x - mean[:, None]).square().sum((0, 2))) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, _MOMENTUM)
            self.running_var.lerp_(variance * n / (n - 1), _MOMENTUM)
        return mean, variance

    def forward(self, x: Tensor) -> Tensor:
        """Return normalized channels; running averages move in training and serve in evaluation."""
        mean, variance = self._statistics(x) if self.training else (self.running_mean, self.running_var)
        scale = self.weight * (variance + _NORM_EPSILON).rsqrt()
        return (x - mean[:, None]) * scale[:, None] + self.bias[:, None]


class Block(nn.Module):
    """Convolution, batch norm, leaky rectifier."""

    def __init__(self, channels: int, kernel: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.conv = SpectralConv1d(channels, channels, kernel, generator=generator)
        self.norm = SyncedBatchNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return functional.leaky_relu(self.norm(self.conv(x)), _SLOPE)


class Head(nn.Module):
    """Logits from one read-out: a pointwise block, a wide residual one, a convolution to one channel.

    Parameters
    ----------
    channels : int
        Channels of the read-out.
    kernel : int
        Length of the wide kernel.
    generator : torch.Generator
        Initial weights.
    """

    def __init__(self, channels: int, kernel: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.point = Block(channels, 1, generator=generator)
        self.wide = Block(channels, kernel, generator=generator)
        self.logit = SpectralConv1d(channels, 1, 1, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the (B, L) logits of a (B, channels, L) read-out."""
        h = self.point(tokens)
        # both branches have variance one, and so has their sum after scaling
        h = (h + self.wide(h)) / math.sqrt(2)
        return self.logit(h)[:, 0]
