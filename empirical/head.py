"""The frame in which quantizers are compared: a head, one quantizer a part of the channels, a head."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from empirical.quantizers import QUANTIZERS, Quantized, Quantizer, build, channels_first, channels_last
from empirical.quantizers import REFERENCES as FITTED
from empirical.quantizers._scales import coarser, finer, sides
from empirical.quantizers.base import Losses
from empirical.quantizers.residual import ScaleCodebook
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

HALVES = 2
GROUPS = 8


class Head(nn.Module):
    """Three convolutions with GroupNorm and SiLU between, added to the input where that fits.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels. Where they are equal the convolutions are a residual branch.
    width : int
        Hidden channels, a multiple of `groups`. The published heads have 1024, which makes them ten
        times the size of the codebooks between them.
    groups : int, optional
        Groups of the normalizations; the published heads have 32.
    kernel : int, optional
        Side of the convolutions: 3 as published, or 1, where positions meet in the normalizations'
        moments only.
    generator : torch.Generator
        Initial weights: uniform in +-1/sqrt(fan-in), torch's default for convolutions.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        width: int,
        groups: int = GROUPS,
        *,
        kernel: int = 3,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if _check.integer("width", width) % _check.integer("groups", groups):
            raise DomainError(f"width must be a multiple of {groups}, got {width}")
        self.residual = channels_in == channels_out
        self.branch = nn.Sequential(
            nn.Conv2d(channels_in, width, kernel, padding=kernel // 2),
            nn.GroupNorm(groups, width),
            nn.SiLU(),
            nn.Conv2d(width, width, kernel, padding=kernel // 2),
            nn.GroupNorm(groups, width),
            nn.SiLU(),
            nn.Conv2d(width, channels_out, kernel, padding=kernel // 2),
        )
        for layer in self.branch:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                bound = 1 / math.sqrt(layer.in_channels * kernel**2)
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, C_in, h, w) to (B, C_out, h, w) of the same dtype, whatever autocast makes of convolutions.

        Quantizers, whose input or codewords these are, thus have no bfloat16.
        """
        mapped: Tensor = self.branch(z).to(z.dtype)
        return z + mapped if self.residual else mapped


@dataclass(frozen=True)
class Transplanted:
    """Result of a transplant.

    Attributes
    ----------
    y : (B, C, h, w) tensor
        What the decoder gets instead of z_e.
    codes : tuple of (B, h, w) tensor of int64
        Codes of each quantizer.
    losses : dict of str to Tensor
        Loss terms of the quantizers, averaged over the halves.
    z_p : tuple of (B, h, w, d) tensor
        Input of each quantizer; of all scales together where they are scales.
    z_q : tuple of (B, h, w, d) tensor
        What becomes of it: codewords, or of scales their sum.
    """

    y: Tensor
    codes: tuple[Tensor, ...]
    losses: Losses
    z_p: tuple[Tensor, ...]
    z_q: tuple[Tensor, ...]


class Transplant(nn.Module):
    """``z_p = z_e + H_in(z_e)``, a quantizer for each half of the channels, ``y = q + H_out(q)``.

    Parameters
    ----------
    quantizers : sequence of Quantizer
        One a half, of equal dimension; none at all passes the latents on as they are.
    head_in, head_out : Head or None
        The heads; None leaves both out.
    """

    def __init__(
        self, quantizers: list[Quantizer], head_in: Head | None = None, head_out: Head | None = None
    ) -> None:
        super().__init__()
        self.halves = nn.ModuleList(quantizers)
        self.head_in = nn.Identity() if head_in is None else head_in
        self.head_out = nn.Identity() if head_out is None else head_out

    @property
    def quantizers(self) -> list[Quantizer]:
        """The quantizer of each half."""
        return [half for half in self.halves if isinstance(half, Quantizer)]

    def quantizer_inputs(self, z_e: Tensor) -> Iterable[Tensor]:
        """Return the (B, h, w, d) input of each quantizer: halves of z_p, first channels first."""
        z_p = channels_last(self.head_in(z_e))
        dims = [quantizer.dim for quantizer in self.quantizers]
        if z_p.shape[-1] != sum(dims):
            raise ShapeError(f"z_p must have {sum(dims)} channels, got {z_p.shape[-1]}; see quantizer dims")
        return z_p.split(dims, dim=-1)

    def forward(self, z_e: Tensor) -> Transplanted:
        """Quantize the latents (B, C, h, w) of an encoder."""
        if not self.quantizers:
            return Transplanted(z_e, (), {}, (), ())
        inputs = tuple(self.quantizer_inputs(z_e))
        done = [quantizer(half) for quantizer, half in zip(self.quantizers, inputs, strict=True)]
        losses: Losses = {}
        for result in done:
            for name, value in result.losses.items():
                losses[name] = losses.get(name, torch.zeros_like(value)) + value / len(done)
        z_q = torch.cat([result.z_q for result in done], dim=-1)
        return Transplanted(
            y=self.head_out(channels_first(z_q)),
            codes=tuple(result.codes for result in done),
            losses=losses,
            z_p=inputs,
            z_q=tuple(result.z_q for result in done),
        )

    def bits(self, side: int) -> float:
        """Return the bits of latents of `side` x `side` positions."""
        return side**2 * sum(quantizer.rate for quantizer in self.quantizers)

    def rounded(self, result: Transplanted) -> list[tuple[Tensor, Tensor]]:
        """Return what was rounded, in the space in which it is, and to what, (B, h, w, d) each."""
        pairs = zip(self.quantizers, result.z_p, result.z_q, strict=True)
        return [(quantizer.project(z_p), z_q) for quantizer, z_p, z_q in pairs]


class MultiScaleTransplant(Transplant):
    """VAR's residual quantizer over scales, of whole maps of latents, without heads.

    A scale averages what is left over p x p areas, gives each average its nearest codeword, and takes
    these away, interpolated to the full side. It is `empirical.quantizers.MultiScaleQuantizer` for maps
    whose tokens would not fit one code.

    Parameters
    ----------
    quantizers : sequence of Quantizer
        One a scale, of the dimension of the latents' channels.
    sides : sequence of int
        Sides p, from coarse to fine; the last is that of the latents.
    """

    def __init__(self, quantizers: list[Quantizer], sides: Sequence[int]) -> None:
        super().__init__(quantizers)
        self.sides = tuple(sides)

    def quantizer_inputs(self, z_e: Tensor) -> Iterator[Tensor]:
        """Yield the (B, p, p, C) input of each scale, for which those before it are used."""
        rest = z_e
        for quantizer, side in zip(self.quantizers, self.sides, strict=True):
            inputs = channels_last(coarser(rest, side))
            yield inputs
            rest = rest - self._filled(quantizer(inputs))

    def _filled(self, result: Quantized) -> Tensor:
        """Return the codewords of a scale as a map of the full side."""
        return finer(channels_first(result.z_q), self.sides[-1])

    def forward(self, z_e: Tensor) -> Transplanted:
        """Quantize the latents (B, C, S, S) of an encoder."""
        if tuple(z_e.shape[2:]) != (self.sides[-1],) * 2:
            raise ShapeError(f"z_e must be maps of side {self.sides[-1]}, got shape {tuple(z_e.shape)}")
        rest, codes = z_e, []
        for quantizer, side in zip(self.quantizers, self.sides, strict=True):
            result: Quantized = quantizer(channels_last(coarser(rest, side)))
            rest = rest - self._filled(result)
            codes.append(result.codes)
        y = z_e - rest
        return Transplanted(y, tuple(codes), {}, (channels_last(z_e),), (channels_last(y),))

    def bits(self, side: int) -> float:
        """Return the bits of latents, whose side is given by the scales."""
        return sum(p**2 * quantizer.rate for p, quantizer in zip(self.sides, self.quantizers, strict=True))

    def rounded(self, result: Transplanted) -> list[tuple[Tensor, Tensor]]:
        """Return latents and their quantized ones, as one quantizer's of all channels."""
        return list(zip(result.z_p, result.z_q, strict=True))


UNQUANTIZED = "unquantized"
MULTISCALE = "var"
REFERENCES = tuple(FITTED)
TRAINED = tuple(name for name in QUANTIZERS if name not in FITTED)
KERNELS = {"1x1": 1, "full": 3}
HEADS = ("none", *KERNELS)
# the heads of FSQ halve the channels, so that each takes 4 levels instead of 2
_SQUEEZE = {"fsq": 2}
# without heads each channel gets 2 levels, where the official shift is undefined
_BARE_OPTIONS: dict[str, dict[str, Any]] = {"fsq": {"form": "symmetric"}}


def build_transplant(
    method: str,
    head: str,
    *,
    channels: int,
    codebook_size: int,
    width: int,
    protocol: str,
    generator: torch.Generator,
    groups: int = GROUPS,
    chunks: int = HALVES,
    side: int | None = None,
) -> Transplant:
    """Return the transplant of a method, at equal rate for all methods.

    Parameters
    ----------
    method : str
        One of `TRAINED`, `REFERENCES` or `UNQUANTIZED`; only the first have heads.
    head : str
        ``none``, ``1x1`` (convolutions of one position) or ``full`` (3x3, as published).
    channels : int
        Latent channels of the tokenizer.
    codebook_size : int
        Codewords of each part.
    width : int
        Hidden channels of the heads.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.
    generator : torch.Generator
        Initial weights and codebooks.
    groups : int, optional
        Groups of the heads' normalizations.
    chunks : int, optional
        Parts of the channels, each with a quantizer of its own: tokens a position.
    side : int, optional
        Side of the latents, which the multi-scale reference needs.

    Raises
    ------
    DomainError
        If a name is unknown, the channels do not split into that many parts, or the side is missing.
    """
    _check.one_of("method", method, [*TRAINED, *REFERENCES, UNQUANTIZED])
    _check.one_of("head", head, HEADS if method in TRAINED else ("none",))
    if method == UNQUANTIZED:
        return Transplant([])
    if method == MULTISCALE:
        scales = sides(_check.integer("side", side), _check.integer("chunks", chunks))
        books = [ScaleCodebook(channels, codebook_size, generator=generator) for _ in scales]
        return MultiScaleTransplant([*books], scales)
    inner = channels if head == "none" else channels // _SQUEEZE.get(method, 1)
    if inner % _check.integer("chunks", chunks):
        raise DomainError(f"chunks must divide the {inner} channels at the quantizers, got {chunks}")
    options = _BARE_OPTIONS.get(method, {}) if head == "none" else {}
    quantizers = [
        build(method, inner // chunks, codebook_size, protocol, generator=generator, **options)
        for _ in range(chunks)
    ]
    if head == "none":
        return Transplant(quantizers)
    return Transplant(
        quantizers,
        Head(channels, inner, width, groups, kernel=KERNELS[head], generator=generator),
        Head(inner, channels, width, groups, kernel=KERNELS[head], generator=generator),
    )
