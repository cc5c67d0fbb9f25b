"""What is attainable: k-means for vectors, optimal scalar levels for coordinates, fitted on a sample.

Neither is in the paper. k-means comes close to the best vector quantizer of the given latents; the
scalar one is the best product of scalar codebooks, which fixed levels (FSQ, LFQ, BSQ) are not.
"""

from abc import abstractmethod
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.processes import gathered_over_ranks
from empirical.quantizers._nearest import nearest
from empirical.quantizers.base import Losses, Quantizer
from qtheory import _check
from qtheory.errors import DomainError
from qtheory.optimal import optimal_quantizer_1d, optimal_scalar
from qtheory.sources import FiniteSource
from sims import kmeans

Floats = NDArray[np.float64]

# the optimum is exact for the means of that many bins of equal mass a coordinate; the sample itself
# would move the error by about 1e-3 of a level's cell
_BINS = 1024


class ReferenceQuantizer(Quantizer):
    """A quantizer fitted once, by `fit` or on the first training batch of all processes, then fixed."""

    fitted: Tensor

    def __init__(self, dim: int, codebook_size: int) -> None:
        super().__init__(dim, codebook_size)
        self.register_buffer("fitted", torch.tensor(False))

    @abstractmethod
    def _fit(self, z: Floats) -> None:
        """Set the codewords from (N, d) vectors."""

    @final
    def fit(self, z: Tensor) -> None:
        """Fit the codewords to vectors (..., d) of this process, replacing earlier ones."""
        self._fit(self._rows(z).double().cpu().numpy())
        self.fitted.fill_(True)

    @final
    def _require_fitted(self) -> None:
        if not self.fitted:
            raise DomainError(
                "the quantizer must be fitted before it is used, got none of its codewords; "
                "call fit(z) or give it one batch in training mode"
            )

    @final
    def _project(self, z: Tensor) -> Tensor:
        return z

    @final
    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        return {}

    @final
    def _prepare(self, u: Tensor) -> None:
        if not self.fitted:
            fit = torch.compiler.disable(self.fit) if torch.compiler.is_compiling() else self.fit
            fit(gathered_over_ranks(u))  # in numpy, which torch.compile would trace into

    @final
    def _update(self, u: Tensor, codes: Tensor) -> None:
        """Nothing moves after the fit."""


class KMeansQuantizer(ReferenceQuantizer):
    """Vector quantizer with a k-means codebook.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    codebook_size : int
        Codewords.
    iterations, restarts : int
        See `sims.kmeans.fit`.
    generator : torch.Generator
        Randomness of the starts.

    Examples
    --------
    >>> quantizer = KMeansQuantizer(2, 4, generator=torch.Generator())
    >>> quantizer.fit(torch.randn(100, 2))
    >>> quantizer.encode(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

    codebook: Tensor

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        *,
        iterations: int = 50,
        restarts: int = 1,
        generator: torch.Generator,
    ) -> None:
        super().__init__(dim, codebook_size)
        self.iterations = _check.integer("iterations", iterations)
        self.restarts = _check.integer("restarts", restarts)
        self._seed = int(torch.randint(2**62, (), generator=generator))
        self.register_buffer("codebook", torch.zeros(codebook_size, dim))

    def _fit(self, z: Floats) -> None:
        found = kmeans.fit(
            z,
            self.codebook_size,
            rng=np.random.default_rng(self._seed),
            iterations=self.iterations,
            restarts=self.restarts,
            threads=torch.get_num_threads(),
        )
        self.codebook.copy_(torch.from_numpy(found.codebook))

    def _assign(self, u: Tensor) -> Tensor:
        self._require_fitted()
        return nearest(u, self.codebook.to(u.dtype))

    def _lookup(self, codes: Tensor) -> Tensor:
        self._require_fitted()
        return self.codebook[codes]


class LloydMaxQuantizer(ReferenceQuantizer):
    """The optimal scalar quantizer: levels fitted to each coordinate, and their numbers allocated.

    The numbers of levels n_j minimise the sum of the optimal errors of the coordinates subject to
    ``prod n_j <= codebook_size``; see `qtheory.optimal.optimal_scalar`. The coordinates are binned
    into 1024 cells of equal mass first.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    codebook_size : int
        Most codewords. Codes from ``prod n_j`` upwards are never assigned; they stand for the last
        level of the last coordinates.

    Notes
    -----
    Lloyd (1957/1982), Max (1960); Bruce (1965) for the exact optimum of a sample.

    Examples
    --------
    >>> quantizer = LloydMaxQuantizer(2, 8)
    >>> z = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    >>> quantizer.fit(z * torch.tensor([2.0, 1.0]))
    >>> quantizer.sizes.tolist()
    [4, 2]
    """

    levels: Tensor
    boundaries: Tensor
    sizes: Tensor

    def __init__(self, dim: int, codebook_size: int) -> None:
        super().__init__(dim, codebook_size)
        self.register_buffer("levels", torch.zeros(dim, codebook_size))
        self.register_buffer("boundaries", torch.zeros(dim, codebook_size - 1))
        self.register_buffer("sizes", torch.ones(dim, dtype=torch.int64))

    def _fit(self, z: Floats) -> None:
        bins = np.array_split(np.sort(z, axis=0), min(_BINS, len(z)))
        atoms = np.stack([rows.mean(axis=0) for rows in bins])
        pmf = np.array([len(rows) for rows in bins]) / len(z)
        allowed = optimal_scalar(FiniteSource(atoms, pmf), self.codebook_size).levels
        for j, levels in enumerate(allowed):
            found = optimal_quantizer_1d(atoms[:, j], pmf, levels)
            padding = self.codebook_size - len(found.levels)
            self.sizes[j] = len(found.levels)
            self.levels[j] = torch.from_numpy(np.pad(found.levels, (0, padding), mode="edge"))
            cuts = np.pad(found.thresholds, (0, padding), constant_values=np.inf)
            self.boundaries[j] = torch.from_numpy(cuts)

    def _radices(self) -> Tensor:
        return torch.cumprod(torch.cat([torch.ones_like(self.sizes[:1]), self.sizes[:-1]]), dim=0)

    def _assign(self, u: Tensor) -> Tensor:
        self._require_fitted()
        digits = torch.searchsorted(self.boundaries.to(u.dtype), u.T.contiguous())
        # a product of integer matrices has no CUDA kernel
        return (self._radices()[:, None] * digits).sum(dim=0)

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Levels of each coordinate, once they are fitted."""
        self._require_fitted()
        return tuple(self.sizes.tolist())

    def _parts(self, codes: Tensor) -> list[Tensor]:
        """Return the levels of each coordinate; codes that are never assigned have the last of the last."""
        digits = codes // self._radices()[:, None]
        digits[:-1] = digits[:-1] % self.sizes[:-1, None]
        return list(digits.minimum(self.sizes[:, None] - 1))

    def _lookup(self, codes: Tensor) -> Tensor:
        self._require_fitted()
        return self.levels.gather(1, torch.stack(self._parts(codes))).T
