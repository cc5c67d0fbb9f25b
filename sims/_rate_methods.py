"""Every kind of quantizer at one rate, as the equal-rate study fits it."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sims import _fitted, _samples, starts
from sims._fitted import Fitted

Array = NDArray[np.float64]
Fit = Callable[[Array], Fitted]

_STAGE = int(math.log2(_samples.LARGEST))
_BLOCK = 12
_FEWEST_OF_OPQ = 4  # blocks
# few codewords in a plane still gain after 25 iterations; many gain little more after 15 in eight dimensions,
# or, well begun, after 5 in a plane
_VQ_ITERATIONS = 15
_BLOCK_ITERATIONS = 50
_SPREAD_ITERATIONS = 5
_SPREAD_DIM = 4  # above, codewords are nearly as dense as vectors, and neighbours take long to find


@dataclass(frozen=True)
class Method:
    """How a method is fitted, and whether to the longer sample."""

    fit: Fit
    longer: bool


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


def blocks(dim: int) -> tuple[int, ...]:
    """Return the numbers of blocks that product quantizers have.

    Among them are ceil(dim / 2) and dim: blocks of two dimensions and of one reach 6 bits a dimension with
    4096 codewords and 64.

    Examples
    --------
    >>> blocks(8), blocks(3), blocks(32)
    ((2, 4, 8), (2, 3), (2, 4, 8, 16, 32))
    """
    return tuple(sorted({m for m in (2, 4, 8, math.ceil(dim / 2), dim) if 2 <= m <= dim}))


def _parts(dim: int, bits: int, m: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return shares(dim, m), tuple(2**share for share in shares(bits, m))


def _many(dim: int) -> dict[str, Any]:
    """Return how more than 256 codewords are fitted."""
    if dim <= _SPREAD_DIM:
        return {"start": starts.spread, "iterations": _SPREAD_ITERATIONS}
    return {"iterations": _VQ_ITERATIONS}


def _distinct(x: Array, block_dims: tuple[int, ...]) -> int:
    """Return of how many distinct vectors the poorest block is: of 8-bit images they may be few."""
    columns = np.split(x, np.cumsum(block_dims)[:-1], axis=1)
    return min(len(pd.DataFrame(block).drop_duplicates()) for block in columns)


def _turned(method: Method) -> Method:
    """Return the method after the rotation to principal axes."""
    fit = method.fit
    return Method(lambda x: _fitted.rotated(fit, x, _fitted.principal_axes(x)), method.longer)


@dataclass(frozen=True)
class _Products:
    """Product quantizers at one rate: `name` is ``pq`` or ``opq``."""

    train: Array
    longer: Array
    bits: int
    rng: np.random.Generator

    def _method(self, name: str, m: int, longer: bool) -> Method:
        parts = _parts(self.train.shape[1], self.bits, m)
        options = _many(max(parts[0])) if longer else {"iterations": _BLOCK_ITERATIONS}
        fit = _fitted.product if name == "pq" else _fitted.optimized_product
        return Method(lambda x: fit(x, *parts, rng=self.rng, **options), longer)

    def few(self, name: str, m: int) -> dict[str, Method]:
        """Return the method, where no block has more than 256 codewords and all get 16 vectors each."""
        most = min(_STAGE, math.log2(len(self.train) / _samples.POINTS))
        if m > self.train.shape[1] or math.ceil(self.bits / m) > most:
            return {}
        dims, sizes = _parts(self.train.shape[1], self.bits, m)
        ends = np.cumsum(dims)
        for end, dim, size in zip(ends, dims, sizes, strict=True):  # levels of one dimension need no more
            if dim > 1 and _distinct(self.train[:, end - dim : end], (dim,)) < size:
                return {}
        return {f"{name}-{m}": self._method(name, m, longer=False)}

    def many(self, name: str, m: int) -> dict[str, Method]:
        """Return the method, where the largest block has more codewords, and the longer sample fills them."""
        size = 2 ** math.ceil(self.bits / m)
        most = min(2**_BLOCK, len(self.longer) / _samples.POINTS)
        possible = _samples.LARGEST < size <= most
        if not possible or _distinct(self.longer, shares(self.longer.shape[1], m)) < size:
            return {}
        return {f"{name}-{m}": self._method(name, m, longer=True)}


def methods(train: Array, longer: Array, bits: int, *, rng: np.random.Generator) -> dict[str, Method]:
    """Return how each method that can work at this rate is fitted.

    A method is left out where a codebook of it would get fewer than 16 training vectors a codeword. So VQ
    of d dimensions ends at log2(n / 16) bits for n vectors: in one and two dimensions it reaches 6 bits a
    dimension, in eight it would take 2^52 vectors. A product of m blocks ends at m times that, and where a
    block would hold more than 4096 codewords, which 65,536 vectors fill: blocks of two dimensions and of
    one reach 6 bits a dimension, those of four dimensions end at 3. Of integers, as in images, there may be
    fewer distinct vectors than codewords: then a method is left out too.

    Parameters
    ----------
    train, longer : (n, d) arrays
        Training vectors, and more of them: for VQ and SQ, and for blocks of more than 256 codewords.
    bits : int
        Rate, bits a vector.
    rng : numpy.random.Generator
        Randomness of the starts, of which methods take their part in turn.

    Returns
    -------
    dict
        Method by name.
    """
    dim = train.shape[1]
    products = _Products(train, longer, bits, rng)

    def vector(x: Array) -> Fitted:
        options = _many(dim) if bits > _STAGE else {"iterations": _VQ_ITERATIONS}
        return _fitted.vector(x, 2**bits, rng=rng, **options)

    def scalar(x: Array) -> Fitted:
        return _fitted.scalar(x, 2**bits)

    def coded(x: Array) -> Fitted:
        return _fitted.entropy_coded(x, bits)

    filled = bits <= math.log2(len(longer) / _samples.POINTS) and _distinct(longer, (dim,)) >= 2**bits
    found = {"vq": Method(vector, True)} if filled else {}
    for name, m in (("pq", 2), ("pq", 4), ("opq", 4)):
        found |= products.few(name, m)
    if _distinct(train, (dim,)) >= stages(bits)[0]:
        found["rq"] = Method(lambda x: _fitted.residual(x, stages(bits), rng=rng), False)
    for name, method in (("sq", Method(scalar, True)), ("ecsq", Method(coded, False))):
        found[name] = method
        found |= {f"{name}-pca": _turned(method)} if dim >= 2 else {}
    for name, m in itertools.product(("pq", "opq"), blocks(dim)):
        if f"{name}-{m}" not in found and (m >= _FEWEST_OF_OPQ or name == "pq"):
            found |= products.few(name, m) or products.many(name, m)
    return found
