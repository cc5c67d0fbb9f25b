"""Quantizers in torch, under the names of the paper's Table 3, and the references."""

from collections.abc import Callable
from typing import Any

import torch

from empirical.quantizers._binary import require_power_of_two
from empirical.quantizers.binary import BSQ_SETTINGS, LFQ_SETTINGS, BinarySettings, BSQQuantizer, LFQQuantizer
from empirical.quantizers import mmd, online, vanilla, wasserstein
from empirical.quantizers.base import Quantized, Quantizer, channels_first, channels_last
from empirical.quantizers.bsq import SETTINGS as BSQ_SETTINGS
from empirical.quantizers.bsq import BSQQuantizer
from empirical.quantizers.ema import SETTINGS as EMA_SETTINGS
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import FSQQuantizer, equal_levels
from empirical.quantizers.lfq import SETTINGS as LFQ_SETTINGS
from empirical.quantizers.lfq import LFQQuantizer
from empirical.quantizers.product import ProductQuantizer
from empirical.quantizers.reference import KMeansQuantizer, LloydMaxQuantizer
from qtheory import _check
from qtheory.errors import DomainError

__all__ = [
    "PROTOCOLS",
    "QUANTIZERS",
    "BSQQuantizer",
    "EMAQuantizer",
    "FSQQuantizer",
    "KMeansQuantizer",
    "LFQQuantizer",
    "LloydMaxQuantizer",
    "ProductQuantizer",
    "Quantized",
    "Quantizer",
    "build",
    "channels_first",
    "channels_last",
    "key_of",
]

PROTOCOLS = ("as_run", "paper", "fair")

Builder = Callable[..., Quantizer]


def _ema(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    return EMAQuantizer(dim, codebook_size, EMA_SETTINGS[protocol], generator=generator)


def _vanilla(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    settings = vanilla.SETTINGS[protocol]
    return vanilla.VanillaQuantizer(dim, codebook_size, settings, generator=generator)


def _online(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    settings = online.SETTINGS[protocol]
    return online.OnlineQuantizer(dim, codebook_size, settings, generator=generator)


def _wasserstein(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    settings = wasserstein.SETTINGS[protocol]
    return wasserstein.WassersteinQuantizer(dim, codebook_size, settings, generator=generator)


def _mmd(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    settings = mmd.SETTINGS[protocol]
    return mmd.MMDQuantizer(dim, codebook_size, settings, generator=generator)


def _lfq(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    _require_bits("lfq", dim, codebook_size)
    return LFQQuantizer(dim, LFQ_SETTINGS[protocol])


def _bsq(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    _require_bits("bsq", dim, codebook_size)
    return BSQQuantizer(dim, BSQ_SETTINGS[protocol])


def _require_bits(name: str, dim: int, codebook_size: int) -> None:
    if codebook_size != 2**dim:
        raise DomainError(
            f"codebook_size must be 2^dim={2**dim} for {name} of dim={dim}, got {codebook_size}; change either"
        )


def _fsq(
    dim: int,
    codebook_size: int,
    protocol: str,
    generator: torch.Generator,
    levels: tuple[int, ...] | None = None,
    form: str = "official",
) -> Quantizer:
    # the published run trained FSQ with a commitment loss, which FSQ does not have
    commitment = 1.0 if protocol == "as_run" else 0.0
    levels = equal_levels(dim, codebook_size) if levels is None else tuple(levels)
    return FSQQuantizer(levels, form=form, commitment=commitment)


def _bsq(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    require_power_of_two(dim, codebook_size)
    return BSQQuantizer(dim, BSQ_SETTINGS[protocol])


def _lfq(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    require_power_of_two(dim, codebook_size)
    return LFQQuantizer(dim, LFQ_SETTINGS[protocol])


def _kmeans(
    dim: int, codebook_size: int, protocol: str, generator: torch.Generator, **options: int
) -> Quantizer:
    return KMeansQuantizer(dim, codebook_size, generator=generator, **options)


def _lloyd_max(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    return LloydMaxQuantizer(dim, codebook_size)


def _vp2(block: Builder) -> Builder:
    """Return the builder of the product of two such quantizers, each on half of the dimensions."""

    def builder(
        dim: int, codebook_size: int, protocol: str, generator: torch.Generator, **options: Any
    ) -> Quantizer:
        size = round(codebook_size**0.5)
        if dim % 2 or size**2 != codebook_size:
            raise DomainError(
                f"dim must be even and codebook_size a square for two equal blocks, "
                f"got dim={dim}, codebook_size={codebook_size}; take codebook_size={size**2}"
            )
        return ProductQuantizer([block(dim // 2, size, protocol, generator, **options) for _ in range(2)])

    return builder


QUANTIZERS: dict[str, Builder] = {
    "ema": _ema,
    "ema_vp2": _vp2(_ema),
    "fsq": _fsq,
    "lfq": _lfq,
    "bsq": _bsq,
    "kmeans": _kmeans,
    "lloyd_max": _lloyd_max,
}


def key_of(name: str) -> str:
    """Return the key of a quantizer from its name as the paper's tables print it.

    Examples
    --------
    >>> key_of("MMD VQ"), key_of("EMA VP2"), key_of("fsq")
    ('mmd', 'ema_vp2', 'fsq')
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_").removesuffix("_vq")


def build(
    name: str,
    dim: int,
    codebook_size: int,
    protocol: str = "fair",
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Quantizer:
    """Return a quantizer with the settings that a protocol prescribes.

    Parameters
    ----------
    name : str
        A key of `QUANTIZERS`, or the name that the paper's tables print, in any case.
    dim : int
        Dimension d of the vectors.
    codebook_size : int
        Codewords K of the whole quantizer.
    protocol : str
        ``as_run``, ``paper`` or ``fair``: see `empirical.protocol`.
    generator : torch.Generator, optional
        Randomness of initial codebooks; one with seed 0 by default, never the global one.
    **options
        Options of the quantizer, for example ``levels`` of FSQ.

    Returns
    -------
    Quantizer
        In training mode.

    Raises
    ------
    DomainError
        If the name or protocol is unknown, or the quantizer cannot have that dimension and size.

    Examples
    --------
    >>> build("fsq", 4, 256).rate
    8.0
    """
    key = _check.one_of("name", key_of(name), QUANTIZERS)
    _check.one_of("protocol", protocol, PROTOCOLS)
    dim, codebook_size = _check.integer("dim", dim), _check.integer("codebook_size", codebook_size)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return QUANTIZERS[key](dim, codebook_size, protocol, generator, **options)
