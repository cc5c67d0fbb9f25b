"""How often codes occur over a data set: of a whole quantizer and of each of its sub-codebooks."""

from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from empirical.processes import summed_over_ranks
from empirical.quantizers.base import Quantizer
from qtheory.entropy import perplexity, utilization
from qtheory.errors import DomainError


class Use(NamedTuple):
    """Use of one codebook.

    Attributes
    ----------
    counts : (K,) tensor of int64
        How often each codeword occurred.
    utilization : float
        Share of the codewords that occurred.
    perplexity : float
        2^entropy of their frequencies.
    """

    counts: Tensor
    utilization: float
    perplexity: float


class Usage:
    """Exact counts of codes, added up over batches and processes.

    Parameters
    ----------
    quantizer : Quantizer
        Whose codes they are. A composite codebook has one count for each of its K codewords: where there
        is no room for them, add up `Quantizer.part_usage` alone.

    Raises
    ------
    DomainError
        If there are too many codewords for a count of each.

    Examples
    --------
    >>> from empirical.quantizers import build
    >>> usage = Usage(build("lfq", 2, 4))
    >>> usage.update(torch.tensor([0, 1, 1, 0]))
    >>> whole, parts = usage.merged()
    >>> whole.utilization, whole.perplexity, [part.utilization for part in parts]
    (0.5, 2.0, [1.0, 0.5])
    """

    def __init__(self, quantizer: Quantizer) -> None:
        quantizer._require_countable()
        self.quantizer = quantizer
        self._sizes = [quantizer.codebook_size, *quantizer.part_sizes]
        device = next(chain(quantizer.parameters(), quantizer.buffers())).device
        # composite, then the parts; a process may have no batch and yet takes part in the sum
        self._counts = torch.zeros(sum(self._sizes), dtype=torch.int64, device=device)

    def update(self, codes: Tensor) -> None:
        """Add codes (...) of a batch.

        Raises
        ------
        DomainError
            If a code lies outside [0, codebook_size) or is no integer.
        """
        self._counts += torch.cat(self.quantizer.all_usage(codes))

    def merged(self) -> tuple[Use, tuple[Use, ...]]:
        """Return the use of the composite codebook and of each sub-codebook, over all processes.

        Raises
        ------
        DomainError
            If there were no codes.
        """
        counts = summed_over_ranks(self._counts.clone())
        if not counts.any():
            raise DomainError("usage needs at least 1 code, got none; update it with those of a batch")
        whole, *parts = (_use(part) for part in counts.split(self._sizes))
        return whole, tuple(parts)


def _use(counts: Tensor) -> Use:
    known = counts.cpu().numpy()
    return Use(counts, utilization(known), perplexity(known / known.sum()))
