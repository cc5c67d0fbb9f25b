"""Residual quantizers (RQ, and VAR's over scales): each stage codes what the stages before it left.

Table 2 of the paper counts their bits. Codes are chosen stage by stage, as RQ-VAE and VAR choose them,
so that a vector need not get the nearest of all sums of codewords.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from empirical.quantizers._scales import coarser, finer
from empirical.quantizers.reference import Floats, KMeansQuantizer, ReferenceQuantizer
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

_MOST_BITS = 62
_FAR = 10  # largest values of training vectors, where no vector has its nearest codeword


class _Stages(ReferenceQuantizer):
    """k-means codebooks, one a stage, and the composite code of all their tokens, the first lowest."""

    def __init__(
        self,
        dim: int,
        codeword_dim: int,
        sizes: Sequence[int],
        tokens: Sequence[int],
        *,
        generator: torch.Generator,
    ) -> None:
        codebook_size = math.prod(size**count for size, count in zip(sizes, tokens, strict=True))
        if codebook_size.bit_length() > _MOST_BITS:
            raise DomainError(
                f"codebook_size must be below 2^{_MOST_BITS} for codes to fit 64 bits, got "
                f"{math.log2(codebook_size):.0f} bits; split the vectors or maps"
            )
        super().__init__(dim, codebook_size)
        self.tokens = tuple(tokens)
        self.stages = nn.ModuleList(
            KMeansQuantizer(codeword_dim, size, generator=generator) for size in sizes
        )

    @property
    def _books(self) -> list[KMeansQuantizer]:
        return [stage for stage in self.stages if isinstance(stage, KMeansQuantizer)]

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Codewords of each stage."""
        return tuple(book.codebook_size for book in self._books)

    def _parts(self, codes: Tensor) -> list[Tensor]:
        """Return the codes (N, tokens) of each stage, of codes (N,)."""
        parts = zip(self._radices(codes.device), self.part_sizes, strict=True)
        return [codes[:, None] // radices % size for radices, size in parts]

    def _inputs(self, rest: Tensor, stage: int) -> Tensor:
        """Return the vectors (N, tokens, d') that a stage codes, of what is left (N, d)."""
        return rest[:, None]

    def _outputs(self, words: Tensor, stage: int) -> Tensor:
        """Return what the codewords (N, tokens, d') of a stage add to the vectors (N, d)."""
        return words[:, 0]

    def _fit(self, z: Floats) -> None:
        rest = torch.from_numpy(z).to(self.fitted.device)
        for stage, book in enumerate(self._books):
            vectors = self._inputs(rest, stage)
            book.fit(vectors)
            words = book.decode(book.encode(vectors)).to(rest.dtype)
            rest = rest - self._outputs(words, stage)

    def _assign(self, u: Tensor) -> Tensor:
        self._require_fitted()
        rest, composite = u, torch.zeros(len(u), dtype=torch.int64, device=u.device)
        for (stage, book), radices in zip(enumerate(self._books), self._radices(u.device), strict=True):
            vectors = self._inputs(rest, stage)
            codes = book._assign(vectors.flatten(0, 1)).reshape(vectors.shape[:2])
            composite += (codes * radices).sum(dim=1)
            rest = rest - self._outputs(book._lookup(codes).to(u.dtype), stage)
        return composite

    def _lookup(self, codes: Tensor) -> Tensor:
        self._require_fitted()
        parts = zip(enumerate(self._books), self._parts(codes), strict=True)
        return torch.stack(
            [self._outputs(book._lookup(digits), stage) for (stage, book), digits in parts]
        ).sum(dim=0)

    def _radices(self, device: torch.device) -> Iterator[Tensor]:
        """Yield for each stage what the code of each of its tokens is multiplied by."""
        radix = 1
        for book, count in zip(self._books, self.tokens, strict=True):
            size = book.codebook_size
            yield torch.tensor([radix * size**i for i in range(count)], device=device)
            radix *= size**count


class ScaleCodebook(KMeansQuantizer):
    """A k-means codebook that has the vectors themselves where they are fewer than its codewords.

    A coarse scale has few vectors: the coarsest one an image. Codewords beyond them lie far from all.

    Examples
    --------
    >>> quantizer = ScaleCodebook(2, 4, generator=torch.Generator())
    >>> quantizer.fit(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    >>> quantizer.encode(torch.tensor([[2.0, 2.0], [0.0, 0.0]])).tolist()
    [1, 0]
    """

    def _fit(self, z: Floats) -> None:
        missing = self.codebook_size - len(z)
        if missing <= 0:
            super()._fit(z)
        else:
            far = np.full((missing, self.dim), _FAR * (1 + np.abs(z).max()))
            self.codebook.copy_(torch.from_numpy(np.concatenate([z, far])))


class ResidualQuantizer(_Stages):
    """Residual quantizer: the codeword is a sum of one of each stage's.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    sizes : sequence of int
        Codewords of each stage.
    generator : torch.Generator
        Randomness of the starts.

    Notes
    -----
    Juang and Gray (1982); Lee et al. (2022) for RQ-VAE.

    Examples
    --------
    >>> quantizer = ResidualQuantizer(2, (4, 4), generator=torch.Generator())
    >>> quantizer.fit(torch.randn(100, 2, generator=torch.Generator().manual_seed(0)))
    >>> quantizer.codebook_size, quantizer.encode(torch.zeros(3, 2)).shape
    (16, torch.Size([3]))
    """

    def __init__(self, dim: int, sizes: Sequence[int], *, generator: torch.Generator) -> None:
        if not sizes:
            raise ShapeError("sizes must not be empty; give one number of codewords a stage")
        super().__init__(dim, dim, sizes, (1,) * len(sizes), generator=generator)


class MultiScaleQuantizer(_Stages):
    """VAR's residual quantizer over scales, of square maps of latents.

    A vector is a map (S, S, C), channels last, in one row of S S C numbers: ``map.flatten(-3)``. A stage
    averages what is left over p x p areas, gives each average its nearest codeword, and adds these,
    interpolated to S x S. VAR shares one codebook between its scales and smooths each stage by a trained
    convolution; here each scale has a codebook of its own, which costs no bits, and nothing is smoothed.

    Parameters
    ----------
    channels : int
        Channels C.
    scales : sequence of int
        Sides p, from coarse to fine; the last is S.
    sizes : sequence of int
        Codewords of a token at each scale.
    generator : torch.Generator
        Randomness of the starts.

    Notes
    -----
    Tian et al. (2024). `empirical.tokenizers` holds VAR's own, with its weights.

    Examples
    --------
    >>> quantizer = MultiScaleQuantizer(2, (1, 2), (16, 2), generator=torch.Generator())
    >>> quantizer.dim, quantizer.rate, quantizer.tokens
    (8, 8.0, (1, 4))
    """

    def __init__(
        self, channels: int, scales: Sequence[int], sizes: Sequence[int], *, generator: torch.Generator
    ) -> None:
        channels = _check.integer("channels", channels)
        sides = [_check.integer(f"scales[{i}]", side) for i, side in enumerate(scales)]
        if not sides or sides != sorted(sides) or len(sizes) != len(sides):
            raise ShapeError(
                f"scales must not decrease, with one of sizes each, got scales {tuple(scales)} and "
                f"sizes {tuple(sizes)}"
            )
        self.sides, self.channels = tuple(sides), channels
        tokens = [side**2 for side in sides]
        super().__init__(tokens[-1] * channels, channels, sizes, tokens, generator=generator)

    def _inputs(self, rest: Tensor, stage: int) -> Tensor:
        maps = rest.unflatten(1, (self.sides[-1], self.sides[-1], self.channels)).movedim(-1, 1)
        return coarser(maps, self.sides[stage]).flatten(2).movedim(1, -1)

    def _outputs(self, words: Tensor, stage: int) -> Tensor:
        maps = words.movedim(-1, 1).unflatten(2, (self.sides[stage], self.sides[stage]))
        return finer(maps, self.sides[-1]).movedim(1, -1).flatten(1)
