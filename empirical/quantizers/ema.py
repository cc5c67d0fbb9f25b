"""EMA VQ: codewords are moving averages of the vectors assigned to them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from empirical.processes import gathered_over_ranks, summed_over_ranks
from empirical.quantizers._codebook import CodebookQuantizer
from empirical.quantizers._gradients import mean_square
from empirical.quantizers.base import Losses
from empirical.streams import torch_stream
from qtheory import _check


@dataclass(frozen=True)
class EMASettings:
    """Settings of `EMAQuantizer`.

    Attributes
    ----------
    commitment : float
        Coefficient beta of the mean squared error between input and codeword.
    decay : float
        Weight of the past in each moving average.
    epsilon : float
        Added to each count before codewords are divided by them. Codes that were never hit have a
        count of zero, so they begin at their initial value over epsilon, far outside the data, and
        shrink through it by `decay` a step: a hidden revival that depends on both numbers.
    data_init : bool
        Start from vectors of the first training batch; otherwise from noise of deviation 1/K.
    revive_below : float
        Codes whose average count falls below this share of the mean count move to random vectors of
        the batch; 0 never revives.
    synced : bool
        Add the statistics of all processes.
    """

    commitment: float
    decay: float
    epsilon: float
    data_init: bool
    revive_below: float
    synced: bool

    def __post_init__(self) -> None:
        _check.real("commitment", self.commitment, minimum=0)
        _check.real("decay", self.decay, above=0, below=1)
        _check.real("epsilon", self.epsilon, minimum=0)
        # codes that all fell below the mean would all move, in every step
        _check.real("revive_below", self.revive_below, minimum=0, below=1)


SETTINGS = {
    # the published run: lucidrains' decay, statistics of each process alone
    "as_run": EMASettings(
        commitment=1.0, decay=0.8, epsilon=1e-5, data_init=False, revive_below=0.0, synced=False
    ),
    # the paper names no number; decay, epsilon and commitment of the article it cites (Razavi et al. 2019)
    "paper": EMASettings(
        commitment=0.25, decay=0.99, epsilon=1e-5, data_init=False, revive_below=0.0, synced=True
    ),
    "fair": EMASettings(
        commitment=0.25, decay=0.99, epsilon=0.0, data_init=True, revive_below=0.02, synced=True
    ),
}


class EMAQuantizer(CodebookQuantizer):
    """Vector quantizer whose codebook is learned by exponential moving averages.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    codebook_size : int
        Codewords.
    settings : EMASettings
        See there; `SETTINGS` holds those of each protocol.
    generator : torch.Generator
        Initial noise, and the choice of vectors that codewords are put on.

    Notes
    -----
    van den Oord et al. (2017), appendix A.1; Razavi et al. (2019). After each training batch
    ``c <- decay c + (1 - decay) counts``, ``a <- decay a + (1 - decay) sums`` and each codeword is
    ``a / [(c + epsilon) / (n + K epsilon) n]`` with n the sum of c.

    Examples
    --------
    >>> quantizer = EMAQuantizer(2, 4, SETTINGS["fair"], generator=torch.Generator())
    >>> quantizer(torch.randn(100, 2)).codes.shape
    torch.Size([100])
    """

    ema_count: Tensor
    ema_sum: Tensor
    initialised: Tensor
    updates: Tensor

    def __init__(
        self, dim: int, codebook_size: int, settings: EMASettings, *, generator: torch.Generator
    ) -> None:
        super().__init__(dim, codebook_size)
        self.settings = settings
        codebook = torch.randn(codebook_size, dim, generator=generator) / codebook_size
        self.register_buffer("codebook", codebook)
        self.register_buffer("ema_count", torch.zeros(codebook_size))
        self.register_buffer("ema_sum", codebook.clone())
        self.register_buffer("initialised", torch.tensor(not settings.data_init))
        self.register_buffer("updates", torch.tensor(0))
        self._seed = int(torch.randint(2**62, (), generator=generator))

    @property
    def synced(self) -> bool:
        """Whether statistics and losses are those of all processes together."""
        return self.settings.synced

    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        return {"commitment": self.settings.commitment * mean_square(u, q.detach())}

    def _awaits_data(self) -> bool:
        return not self.initialised

    def _prepare(self, u: Tensor) -> None:
        if not self.initialised:
            vectors = gathered_over_ranks(u, synced=self.settings.synced)
            self._place(torch.arange(self.codebook_size), vectors, len(vectors) / self.codebook_size)
            self.initialised.fill_(True)

    def _place(self, chosen: Tensor, u: Tensor, count: float) -> None:
        """Put the chosen codewords, as many as the batch has rows, on different random rows of it.

        Which rows depends on the number of the update alone: the same in every process, and after a
        resume. Count and sum move along, or the next average would undo the move. A codebook larger
        than the batch fills up over several steps, since codes without a count are revived.
        """
        generator = torch_stream(self._seed, "placement", f"update={int(self.updates)}")
        drawn = torch.randperm(len(u), generator=generator)[: len(chosen)]
        rows = u[drawn.to(u.device)].to(self.codebook.dtype)
        chosen = chosen[: len(rows)]
        self.codebook[chosen] = rows
        self.ema_count[chosen] = count
        self.ema_sum[chosen] = rows * count

    def _update(self, u: Tensor, codes: Tensor) -> None:
        self.updates += 1
        settings, dtype = self.settings, self.codebook.dtype
        sums = u.new_zeros(self.codebook_size, 1 + self.dim, dtype=torch.float64)
        sums[:, 0] = torch.bincount(codes, minlength=self.codebook_size)
        sums[:, 1:].index_add_(0, codes, u.double())
        batch = summed_over_ranks(sums, synced=settings.synced).to(dtype)
        self.ema_count.mul_(settings.decay).add_(batch[:, 0], alpha=1 - settings.decay)
        self.ema_sum.mul_(settings.decay).add_(batch[:, 1:], alpha=1 - settings.decay)
        total = self.ema_count.sum()
        smoothed = (
            (self.ema_count + settings.epsilon) / (total + self.codebook_size * settings.epsilon) * total
        )
        smoothed = smoothed[:, None]  # without epsilon, a code that was never hit stays where it is
        torch.where(smoothed > 0, self.ema_sum / smoothed, self.codebook, out=self.codebook)
        mean_count = float(total) / self.codebook_size
        dead = torch.nonzero(self.ema_count < settings.revive_below * mean_count)[:, 0]
        # the vectors of the first batch have codewords already, where these start from them
        if len(dead) and not (settings.data_init and self.updates == 1):
            self._place(dead, gathered_over_ranks(u, synced=settings.synced), mean_count)
