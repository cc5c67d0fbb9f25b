"""What LFQ and BSQ share: one bit a coordinate, and entropies that never list the 2^d codewords."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import softplus

from empirical.processes import summed_over_ranks
from empirical.quantizers._gradients import mean_square, straight_through
from empirical.quantizers.base import Losses, Quantizer
from qtheory import _check
from qtheory.errors import DomainError

# the entropy of a batch is taken over groups of bits: over all of them at once it could not exceed
# the log of the number of vectors, however they are spread
_GROUP_BITS = 9
_MOST_BITS = 62


@dataclass(frozen=True)
class BinarySettings:
    """Settings of `LFQQuantizer` and `BSQQuantizer`.

    Attributes
    ----------
    commitment : float
        Coefficient of the mean squared error between the mapped input and its codeword.
    entropy : float
        Coefficient of the entropy of a vector's codeword less that of the batch's, in nats.
    inverse_temperature : float
        Factor tau of the squared distance in the soft assignment ``exp(-tau ||u - c||^2)``.
    scaled_gradient : bool
        Pass on the gradient of a codeword times the size of its coordinates.
    """

    commitment: float
    entropy: float = 0.0
    inverse_temperature: float = 1.0
    scaled_gradient: bool = False

    def __post_init__(self) -> None:
        _check.real("commitment", self.commitment, minimum=0)
        _check.real("entropy", self.entropy, minimum=0)
        _check.real("inverse_temperature", self.inverse_temperature, above=0)


def vector_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy, in nats, of vectors of independent bits.

    Parameters
    ----------
    logits : (N, d) tensor
        Log odds of each bit.

    Returns
    -------
    () tensor
        The entropy of the softmax over all 2^d codewords, which is a sum over bits.
    """
    return (softplus(logits) - logits * torch.sigmoid(logits)).sum(dim=1).mean()


def batch_entropy(logits: Tensor) -> Tensor:
    """Return the entropy, in nats, of the codeword of a random vector of the batch of all processes.

    Parameters
    ----------
    logits : (N, d) tensor
        Log odds of each bit.

    Returns
    -------
    () tensor
        Sum over groups of at most 9 bits of the entropy of each; an upper bound on the joint one, and
        equal to it where the groups are independent.
    """
    groups = logits.chunk(-(-logits.shape[1] // _GROUP_BITS), dim=1)
    return torch.stack([_entropy(_mean_pmf(group)) for group in groups]).sum()


def _entropy(pmf: Tensor) -> Tensor:
    # the derivative -log(p) - 1 has no limit at 0
    return torch.special.entr(pmf.clamp_min(torch.finfo(pmf.dtype).tiny)).sum()


def _mean_pmf(logits: Tensor) -> Tensor:
    """Return the mean of the product distributions of g bits, (2^g,), over vectors and processes."""
    low, high = logits.tensor_split(2, dim=1)
    local = (_pmfs(high).T @ _pmfs(low)).reshape(-1) / len(logits)
    size = torch.full_like(local[:1], len(logits))
    sums = summed_over_ranks(torch.cat([local.detach() * size, size]))
    # each process differentiates its own share; averaging gradients over processes adds them up
    return straight_through(local, sums[:-1] / sums[-1])


def _pmfs(logits: Tensor) -> Tensor:
    """Return the probability of each of the 2^g values of g independent bits, (N, 2^g)."""
    ones, zeros = torch.sigmoid(logits), torch.sigmoid(-logits)
    pmfs = logits.new_ones(len(logits), 1)
    for one, zero in zip(ones.T, zeros.T, strict=True):
        pmfs = torch.cat([pmfs * zero[:, None], pmfs * one[:, None]], dim=1)
    return pmfs


class BinaryQuantizer(Quantizer):
    """Rounding to signs times a scale; bit i of the code tells whether coordinate i is positive."""

    radices: Tensor

    def __init__(self, dim: int, settings: BinarySettings, *, scale: float) -> None:
        if dim > _MOST_BITS:
            raise DomainError(
                f"dim must be at most {_MOST_BITS} for codes to fit 64 bits, got {dim}; split the vectors"
            )
        super().__init__(dim, 1 << dim)
        self.settings = settings
        self.scale = scale
        self.register_buffer("radices", 1 << torch.arange(dim), persistent=False)

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Two signs of each coordinate."""
        return (2,) * self.dim

    @final
    def _assign(self, u: Tensor) -> Tensor:
        return ((u > 0) * self.radices).sum(dim=1)

    @final
    def _lookup(self, codes: Tensor) -> Tensor:
        return torch.where(codes[:, None] & self.radices != 0, self.scale, -self.scale)

    @final
    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        settings, losses = self.settings, Losses()
        unscaled = self._unscaled(z)
        if settings.commitment:
            losses["commitment"] = settings.commitment * mean_square(unscaled, q.detach())
        if settings.entropy and self.training:  # an average over processes, for which all must come
            logits = 4 * settings.inverse_temperature * self.scale * unscaled
            losses["entropy"] = settings.entropy * (vector_entropy(logits) - batch_entropy(logits))
        return losses

    def _unscaled(self, z: Tensor) -> Tensor:
        """Map inputs to the space in which they are rounded, with the map's own gradient."""
        return z

    @final
    def _project(self, z: Tensor) -> Tensor:
        u = self._unscaled(z)
        # written so that the value stays u to the last bit
        return u.detach() + self.scale * (u - u.detach()) if self.settings.scaled_gradient else u

    @final
    def _prepare(self, u: Tensor) -> None:
        """Nothing depends on data."""

    @final
    def _update(self, u: Tensor, codes: Tensor) -> None:
        """Nothing moves."""


def require_power_of_two(dim: int, codebook_size: int) -> None:
    """Raise unless `codebook_size` is 2^dim.

    Raises
    ------
    DomainError
        If it is not.
    """
    if codebook_size != 1 << dim:
        raise DomainError(
            f"codebook_size must be 2^dim = {1 << dim} for dim={dim}, got {codebook_size}; "
            f"map to log2(codebook_size) channels first"
        )
