"""Quantizers by name: the thirteen of the paper's Table 3, and the references."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import torch

from empirical.quantizers import ema, mmd, online, vanilla, wasserstein
from empirical.quantizers._binary import BinaryQuantizer, BinarySettings, require_power_of_two
from empirical.quantizers.base import Quantizer
from empirical.quantizers.bsq import SETTINGS as BSQ_SETTINGS
from empirical.quantizers.bsq import BSQQuantizer
from empirical.quantizers.fsq import COMMITMENT, FSQQuantizer, equal_levels
from empirical.quantizers.lfq import SETTINGS as LFQ_SETTINGS
from empirical.quantizers.lfq import LFQQuantizer
from empirical.quantizers.opq import OPQQuantizer
from empirical.quantizers.product import HEADS_DECAY, ProductQuantizer
from empirical.quantizers.reference import KMeansQuantizer, LloydMaxQuantizer
from empirical.quantizers.residual import MultiScaleQuantizer, ResidualQuantizer
from qtheory import _check
from qtheory.errors import DomainError

PROTOCOLS = ("as_run", "paper", "fair")
BLOCKS = 2  # of a VP2, and stages of RQ

Builder = Callable[..., Quantizer]


def _with_options(builder: Builder, settings: Mapping[str, Any]) -> Builder:
    """Name the fields of the settings in the builder's signature, in place of its last parameter."""
    signature = inspect.signature(builder)
    options = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY) for field in fields(settings["fair"])
    ]
    given = [*signature.parameters.values()][:-1]
    builder.__signature__ = signature.replace(parameters=given + options)  # type: ignore[attr-defined]
    return builder


def _learned(kind: Callable[..., Quantizer], settings: Mapping[str, Any]) -> Builder:
    """Return the builder of a quantizer with a learned codebook; options change its settings."""

    def builder(
        dim: int, codebook_size: int, protocol: str, generator: torch.Generator, **changes: Any
    ) -> Quantizer:
        return kind(dim, codebook_size, replace(settings[protocol], **changes), generator=generator)

    return _with_options(builder, settings)


def _equal_sizes(codebook_size: int, parts: int, what: str) -> tuple[int, ...]:
    """Return the equal sizes of parts whose product is `codebook_size`."""
    size = round(codebook_size ** (1 / parts))
    if size**parts != codebook_size:
        raise DomainError(
            f"codebook_size must be n^{parts} for {parts} equal {what}, got codebook_size={codebook_size}; "
            f"take codebook_size={size**parts}"
        )
    return (size,) * parts


def _equal_blocks(dim: int, codebook_size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return dimensions and sizes of two equal blocks."""
    if dim % BLOCKS:
        raise DomainError(f"dim must be even for {BLOCKS} equal blocks, got dim={dim}")
    return (dim // BLOCKS,) * BLOCKS, _equal_sizes(codebook_size, BLOCKS, "blocks")


def _vp2(kind: Callable[..., Quantizer], settings: Mapping[str, Any]) -> Builder:
    """Return the builder of the product of two such quantizers, each on half of the dimensions."""
    block = _learned(kind, settings)

    def builder(
        dim: int, codebook_size: int, protocol: str, generator: torch.Generator, **changes: Any
    ) -> Quantizer:
        parts = zip(*_equal_blocks(dim, codebook_size), strict=True)
        blocks = [block(*part, protocol, generator, **changes) for part in parts]
        return ProductQuantizer(blocks, heads_decay=HEADS_DECAY[protocol])

    return _with_options(builder, settings)


def _binary(kind: Callable[..., BinaryQuantizer], settings: Mapping[str, BinarySettings]) -> Builder:
    """Return the builder of a quantizer with one bit a dimension."""

    def builder(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
        require_power_of_two(dim, codebook_size)
        return kind(dim, settings[protocol])

    return builder


def _fsq(
    dim: int,
    codebook_size: int,
    protocol: str,
    generator: torch.Generator,
    levels: Sequence[int] | None = None,
    form: str = "official",
) -> Quantizer:
    chosen = equal_levels(dim, codebook_size) if levels is None else _check.integers("levels", levels)
    if len(chosen) != dim or math.prod(chosen) != codebook_size:
        raise DomainError(
            f"levels must be dim={dim} numbers whose product is codebook_size={codebook_size}, got {chosen} "
            f"with product {math.prod(chosen)}"
        )
    return FSQQuantizer(chosen, form=form, commitment=COMMITMENT[protocol])


def _kmeans(
    dim: int,
    codebook_size: int,
    protocol: str,
    generator: torch.Generator,
    iterations: int = 50,
    restarts: int = 1,
) -> Quantizer:
    return KMeansQuantizer(dim, codebook_size, iterations=iterations, restarts=restarts, generator=generator)


def _lloyd_max(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
    return LloydMaxQuantizer(dim, codebook_size)


def _opq(rotated: bool) -> Builder:
    """Return the builder of a product of k-means codebooks."""

    def builder(dim: int, codebook_size: int, protocol: str, generator: torch.Generator) -> Quantizer:
        return OPQQuantizer(*_equal_blocks(dim, codebook_size), rotated=rotated, generator=generator)

    return builder


def _rq(
    dim: int, codebook_size: int, protocol: str, generator: torch.Generator, stages: int = BLOCKS
) -> Quantizer:
    sizes = _equal_sizes(codebook_size, _check.integer("stages", stages), "stages")
    return ResidualQuantizer(dim, sizes, generator=generator)


def _var(
    dim: int,
    codebook_size: int,
    protocol: str,
    generator: torch.Generator,
    scales: Sequence[int] = (1, 2),
    sizes: Sequence[int] | None = None,
) -> Quantizer:
    if not scales:
        raise DomainError("scales must name at least 1 side of a map, got none; the last is the map's own")
    area = max(scales) ** 2
    if dim % area:
        raise DomainError(f"dim must be a multiple of {area}, the positions of a map, got dim={dim}")
    if sizes is None:
        sizes = _equal_sizes(codebook_size, sum(side**2 for side in scales), "tokens")[: len(scales)]
    quantizer = MultiScaleQuantizer(dim // area, scales, sizes, generator=generator)
    if quantizer.codebook_size != codebook_size:
        raise DomainError(
            f"sizes must multiply to codebook_size={codebook_size} over tokens {quantizer.tokens}, got "
            f"{tuple(sizes)}, which make {quantizer.codebook_size}"
        )
    return quantizer


# what the paper does not train: fitted once on a sample
REFERENCES: dict[str, Builder] = {
    "kmeans": _kmeans,
    "pq": _opq(rotated=False),
    "opq": _opq(rotated=True),
    "rq": _rq,
    "var": _var,
    "lloyd_max": _lloyd_max,
}

QUANTIZERS: dict[str, Builder] = {
    "vanilla": _learned(vanilla.VanillaQuantizer, vanilla.SETTINGS),
    "ema": _learned(ema.EMAQuantizer, ema.SETTINGS),
    "online": _learned(online.OnlineQuantizer, online.SETTINGS),
    "wasserstein": _learned(wasserstein.WassersteinQuantizer, wasserstein.SETTINGS),
    "mmd": _learned(mmd.MMDQuantizer, mmd.SETTINGS),
    "vanilla_vp2": _vp2(vanilla.VanillaQuantizer, vanilla.VP2_SETTINGS),
    "ema_vp2": _vp2(ema.EMAQuantizer, ema.SETTINGS),
    "online_vp2": _vp2(online.OnlineQuantizer, online.VP2_SETTINGS),
    "wasserstein_vp2": _vp2(wasserstein.WassersteinQuantizer, wasserstein.VP2_SETTINGS),
    "mmd_vp2": _vp2(mmd.MMDQuantizer, mmd.VP2_SETTINGS),
    "fsq": _fsq,
    "lfq": _binary(LFQQuantizer, LFQ_SETTINGS),
    "bsq": _binary(BSQQuantizer, BSQ_SETTINGS),
    **REFERENCES,
}


def key_of(name: str) -> str:
    """Return the key of a quantizer from its name as the paper's tables print it.

    Examples
    --------
    >>> key_of("MMD VQ"), key_of("EMA VP2"), key_of("fsq")
    ('mmd', 'ema_vp2', 'fsq')
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_").removesuffix("_vq")


def _options(builder: Builder) -> list[str]:
    """Return the options that a builder takes beside what all take."""
    return list(inspect.signature(builder).parameters)[4:]


def build(
    name: str,
    dim: int,
    codebook_size: int,
    protocol: str = "fair",
    *,
    generator: torch.Generator | None = None,
    gradient: str = "straight_through",
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
    gradient : str
        How gradients pass the rounding: ``straight_through`` or ``rotation``.
    **options
        Options of the quantizer: settings of learned codebooks (``decay`` of EMA VQ, ``rows`` of MMD VQ,
        those of both blocks of a VP2), ``levels`` and ``form`` of FSQ, ``iterations`` and ``restarts`` of
        k-means, ``stages`` of RQ, ``scales`` and ``sizes`` of VAR's multi-scale quantizer.

    Returns
    -------
    Quantizer
        In training mode.

    Raises
    ------
    DomainError
        If the name, protocol or an option is unknown, or the quantizer cannot have that dimension and
        size.

    Examples
    --------
    >>> build("fsq", 4, 256).rate
    8.0
    >>> build("EMA VP2", 8, 65536).block_sizes
    (256, 256)
    """
    key = _check.one_of("name", key_of(name), QUANTIZERS)
    _check.one_of("protocol", protocol, PROTOCOLS)
    dim, codebook_size = _check.integer("dim", dim), _check.integer("codebook_size", codebook_size)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    if not isinstance(generator, torch.Generator):
        raise DomainError(
            f"generator must be a torch.Generator, got {generator!r}; "
            "give torch.Generator().manual_seed(seed)"
        )
    builder = QUANTIZERS[key]
    if options.keys() - _options(builder):
        takes = ", ".join(_options(builder)) or "none"
        raise DomainError(f"options of {key} must be among: {takes}; got {', '.join(options)}")
    quantizer = builder(dim, codebook_size, protocol, generator, **options)
    quantizer.gradient = gradient
    return quantizer
