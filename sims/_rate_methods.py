"""Every kind of quantizer at one rate, as the equal-rate study fits it."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sims import _fitted, _samples
from sims._fitted import Fitted

Array = NDArray[np.float64]
Fit = Callable[[Array], Fitted]

_STAGE = int(math.log2(_samples.LARGEST))
_VQ_BITS = 12
# 256 codewords in two dimensions gain 0.12 dB after 25 iterations and 0.03 after 50; 4096 in eight
# dimensions 0.001 dB after 15
_VQ_ITERATIONS = 15
_BLOCK_ITERATIONS = 50


def stages(bits: int) -> tuple[int, ...]:
    """Return stages of 8 bits, and one for the rest.

    Examples
    --------
    >>> stages(20)
    (256, 256, 16)
    """
    rest = (2 ** (bits % _STAGE),) if bits % _STAGE else ()
    return (2**_STAGE,) * (bits // _STAGE) + rest


def shares(total: int, parts: int) -> tuple[int, ...]:
    """Return `total` in as equal integer parts as can be.

    Examples
    --------
    >>> shares(8, 3)
    (3, 3, 2)
    """
    return tuple(total // parts + (i < total % parts) for i in range(parts))


def _blocks(dim: int, bits: int, m: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return shares(dim, m), tuple(2**share for share in shares(bits, m))


def _after_rotation(fit: Fit) -> Fit:
    return lambda x: _fitted.rotated(fit, x, _fitted.principal_axes(x))


def methods(dim: int, bits: int, points: int, points_vq: int, *, rng: np.random.Generator) -> dict[str, Fit]:
    """Return how each method that can work at this rate is fitted.

    Parameters
    ----------
    dim : int
        Dimension d.
    bits : int
        Rate, bits a vector.
    points, points_vq : int
        Training vectors, and those of VQ. A method is left out where a codebook of it would get fewer
        than 16 a codeword, or would hold more than 256 codewords (VQ: 4096).
    rng : numpy.random.Generator
        Randomness of the starts.

    Returns
    -------
    dict
        Maps training vectors to a fitted quantizer, by name.
    """

    def scalar(x: Array) -> Fitted:
        return _fitted.scalar(x, 2**bits)

    def coded(x: Array) -> Fitted:
        return _fitted.entropy_coded(x, bits)

    def product(m: int) -> Fit:
        blocks = _blocks(dim, bits, m)
        return lambda x: _fitted.product(x, *blocks, rng=rng, iterations=_BLOCK_ITERATIONS)

    def optimized(m: int) -> Fit:
        blocks = _blocks(dim, bits, m)
        return lambda x: _fitted.optimized_product(x, *blocks, rng=rng, iterations=_BLOCK_ITERATIONS)

    filled = min(_STAGE, int(math.log2(points / _samples.POINTS)))
    every: list[tuple[str, Fit, bool]] = [
        (
            "vq",
            lambda x: _fitted.vector(x, 2**bits, rng=rng, iterations=_VQ_ITERATIONS),
            bits <= min(_VQ_BITS, math.log2(points_vq / _samples.POINTS)),
        ),
        ("pq-2", product(2), dim >= 2 and math.ceil(bits / 2) <= filled),
        ("pq-4", product(4), dim >= 4 and math.ceil(bits / 4) <= filled),
        ("opq-4", optimized(4), dim >= 4 and math.ceil(bits / 4) <= filled),
        ("rq", lambda x: _fitted.residual(x, stages(bits), rng=rng), True),
        ("sq", scalar, True),
        ("sq-pca", _after_rotation(scalar), dim >= 2),
        ("ecsq", coded, True),
        ("ecsq-pca", _after_rotation(coded), dim >= 2),
    ]
    return {name: fit for name, fit, possible in every if possible}
