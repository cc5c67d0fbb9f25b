"""Product quantizers with k-means codebooks, after the best rotation found (OPQ) or none (PQ)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from empirical.quantizers.product import ProductQuantizer
from empirical.quantizers.reference import Floats, KMeansQuantizer, ReferenceQuantizer
from qtheory import _check
from qtheory.errors import ShapeError
from sims import kmeans


class OPQQuantizer(ReferenceQuantizer):
    """Optimized product quantizer.

    Parameters
    ----------
    block_dims, block_sizes : sequence of int
        Dimensions and codewords of each block of (rotated) coordinates.
    rotated : bool
        Rotate first; otherwise plain product quantization.
    generator : torch.Generator
        Randomness of the starts.

    Raises
    ------
    ShapeError
        If not each block has one size.
    DomainError
        If a dimension or size is no positive integer.

    Notes
    -----
    Jégou et al. (2011) for PQ, Ge et al. (2014) for OPQ; see `sims.kmeans.optimized_rotation`. Codes are
    those of `ProductQuantizer`.

    Examples
    --------
    >>> quantizer = OPQQuantizer((1, 1), (4, 4), generator=torch.Generator())
    >>> quantizer.fit(torch.randn(100, 2, generator=torch.Generator().manual_seed(0)))
    >>> quantizer.decode(quantizer.encode(torch.zeros(3, 2))).shape
    torch.Size([3, 2])
    """

    rotation: Tensor

    def __init__(
        self,
        block_dims: Sequence[int],
        block_sizes: Sequence[int],
        *,
        rotated: bool = True,
        generator: torch.Generator,
    ) -> None:
        dims, sizes = _check.integers("block_dims", block_dims), _check.integers("block_sizes", block_sizes)
        if len(dims) != len(sizes):
            raise ShapeError(f"block_sizes must have {len(dims)} numbers, one a block, got {sizes}")
        blocks = [
            KMeansQuantizer(dim, size, generator=generator) for dim, size in zip(dims, sizes, strict=True)
        ]
        product = ProductQuantizer(blocks)
        super().__init__(product.dim, product.codebook_size)
        self.product = product
        self.rotated = rotated
        self._seed = int(torch.randint(2**62, (), generator=generator))
        self.register_buffer("rotation", torch.eye(product.dim))

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Codewords of each block."""
        return self.product.block_sizes

    def _fit(self, z: Floats) -> None:
        if self.rotated:
            rotation = kmeans.optimized_rotation(
                z,
                self.product.block_dims,
                self.product.block_sizes,
                rng=np.random.default_rng(self._seed),
                threads=torch.get_num_threads(),
            )
            self.rotation.copy_(torch.from_numpy(rotation))
        turned = torch.from_numpy(z) @ self.rotation.double().cpu()
        parts = turned.split(self.product.block_dims, dim=-1)
        for block, part in zip(self.product.blocks, parts, strict=True):
            if isinstance(block, KMeansQuantizer):
                block.fit(part)

    def _assign(self, u: Tensor) -> Tensor:
        self._require_fitted()
        return self.product._assign(u @ self.rotation.to(u.dtype))

    def _lookup(self, codes: Tensor) -> Tensor:
        self._require_fitted()
        return self.product._lookup(codes) @ self.rotation.T
