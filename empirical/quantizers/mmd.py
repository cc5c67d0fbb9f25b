"""MMD VQ: the codebook follows the distribution of the vectors in maximum mean discrepancy."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from empirical.processes import number_of_processes, summed_over_ranks
from empirical.quantizers._discrepancy import squared_mmd
from empirical.quantizers.base import Losses
from empirical.quantizers.vanilla import SETTINGS as VANILLA
from empirical.quantizers.vanilla import GradientCodebook, GradientSettings
from empirical.streams import torch_stream
from qtheory import _check


@dataclass(frozen=True)
class MMDSettings:
    """Settings of `MMDQuantizer`.

    Attributes
    ----------
    gradient : GradientSettings
        Those of the codebook.
    gamma : float
        Coefficient of the squared discrepancy.
    unbiased : bool
        Leave out the pairs of a vector with itself, so that the mean does not depend on the sizes of
        the samples: between equal distributions the biased value is 1e-3 at 2048 rows a side, against
        0.06 for codewords that are 0.7 times too small.
    rows : int or None
        Most vectors, and most codewords, of a step, drawn at random in each; None takes all, which at
        K = 65536 is two thousand million pairs a step. Of several processes each draws ``rows // processes``
        of its vectors, at least one, so that a remainder is left out.
    """

    gradient: GradientSettings
    gamma: float
    unbiased: bool
    rows: int | None


SETTINGS = {
    # the published run: a codebook 100 times faster than the heads, all pairs, each with itself too
    "as_run": MMDSettings(
        replace(VANILLA["as_run"], learning_rate_ratio=100.0, decays=False),
        gamma=1.0,
        unbiased=False,
        rows=None,
    ),
    # the paper's coefficient; it says nothing of samples
    "paper": MMDSettings(VANILLA["paper"], gamma=0.5, unbiased=False, rows=None),
    "fair": MMDSettings(VANILLA["fair"], gamma=0.5, unbiased=True, rows=8192),
}
# in the products the codebooks learned 5 times faster than the heads
VP2_SETTINGS = SETTINGS | {
    "as_run": MMDSettings(
        replace(VANILLA["as_run"], commitment=0.2, learning_rate_ratio=5.0, decays=False),
        gamma=0.5,
        unbiased=False,
        rows=None,
    ),
}


def mean_squared_distance(features: Tensor, codebook: Tensor, *, synced: bool = True) -> Tensor:
    """Return the mean squared distance of two different ones of all features and codewords.

    It is twice the trace of their covariance, and so comes from sums instead of pairs.

    Parameters
    ----------
    features : (N, d) tensor
        Vectors of this process.
    codebook : (K, d) tensor
        Codewords, the same in all processes.
    synced : bool
        Take the features of all processes.

    Examples
    --------
    >>> float(mean_squared_distance(torch.tensor([[0.0]]), torch.tensor([[3.0], [1.0]])))
    4.666...
    """
    sums = summed_over_ranks(_sums(features), synced=synced) + _sums(codebook)
    n, total, squares = sums[0], sums[1:-1], sums[-1]
    return 2 * (squares - total.square().sum() / n) / (n - 1)


def _sums(x: Tensor) -> Tensor:
    """Return the number of rows, their sum and their sum of squares, (d + 2,) float64."""
    wide = x.detach().double()
    return torch.cat([wide.new_tensor([len(x)]), wide.sum(0), wide.square().sum().reshape(1)])


class MMDQuantizer(GradientCodebook):
    """Codebook learned by gradient and drawn to the distribution of the batch's vectors.

    Notes
    -----
    Appendix F of the paper, equation (12). The bandwidth of the kernel is the mean squared distance
    of vectors and codewords together. Neither it nor the vectors get a gradient.

    Of several processes each takes the discrepancy of its own vectors, with the bandwidth of all and the
    same codewords; the mean of their gradients is that of all vectors, see `Quantized`.

    Examples
    --------
    >>> quantizer = MMDQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> sorted(quantizer(torch.randn(10, 2)).losses)
    ['codebook', 'commitment', 'mmd']
    """

    step: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: MMDSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size, settings.gradient, generator=generator)
        self.gamma = _check.real("gamma", settings.gamma, minimum=0)
        self.unbiased = settings.unbiased
        self.rows = None if settings.rows is None else _check.integer("rows", settings.rows, minimum=2)
        # the draw of a step depends on its number alone, so that a resumed run equals a straight one
        self._seed = int(torch.randint(2**62, (), generator=generator))
        self.register_buffer("step", torch.tensor(0))

    def _sample(self, x: Tensor, name: str, processes: int = 1) -> Tensor:
        """Return this process's share of the drawn rows of what so many processes have parts of."""
        if self.rows is None:
            return x
        share = max(1, self.rows // processes)
        if len(x) <= share:
            return x
        stream = torch_stream(self._seed, "mmd", name, f"step={int(self.step)}")
        return x[torch.randperm(len(x), generator=stream)[:share].to(x.device)]

    def _matching(self, u: Tensor) -> Losses:
        codebook = self.codebook.to(u.dtype)
        if self.unbiased and len(codebook) < 2:
            return {}  # no pairs; of vectors there may be more in other processes, which wait for this one
        bandwidth = mean_squared_distance(u, codebook, synced=self.settings.synced).to(u.dtype)
        processes = number_of_processes(synced=self.settings.synced)
        features, codewords = self._sample(u, "features", processes), self._sample(codebook, "codewords")
        # where all are equal, any bandwidth gives zero
        bandwidth = bandwidth.clamp_min(torch.finfo(u.dtype).tiny ** 0.5)
        return {"mmd": self.gamma * squared_mmd(features, codewords, bandwidth, unbiased=self.unbiased)}

    def _update(self, u: Tensor, codes: Tensor) -> None:
        """The optimizer moves the codewords."""
        self.step += 1
