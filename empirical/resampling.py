"""Resamples of the comparison over photographs and seeds, the same for all methods and phases."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qtheory import _check
from qtheory.errors import SchemaError
from qtheory.results import stream

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Key = tuple[str, str, str]  # phase, method, head

RESAMPLES = 4000
# means of crops; the others are stored as pseudo-values of the jackknife
_MEANS = ("psnr", "ssim", "latent_distortion_per_dim", "quantizer_distortion")


def _by_key(frame: "pd.DataFrame", keys: list[str]) -> "dict[Key, pd.DataFrame]":
    groups = frame.groupby(keys, sort=False)
    return {(str(phase), str(method), str(head)): part for (phase, method, head), part in groups}


def trial_weights(seed: int, trials: Iterable[int], resamples: int) -> Floats:
    """Return the weight of each trial in each resample; equal trials have equal weights, whoever asks.

    Trials of the same number share their batches, whatever the method, and a later phase goes on from the
    trial before it. So they are drawn together: what they have in common then cancels in differences, and
    stays in averages over methods.

    Of n trials n - 1 are drawn, with replacement: n of them would give a mean the variance over n where it
    must be over n - 1, and three trials a third too little (Rao and Wu 1988).

    Parameters
    ----------
    seed : int
        Seed of the resamples.
    trials : iterable of int
        Numbers of the trials.
    resamples : int
        How many.

    Returns
    -------
    (n, B) array
        Each column sums to 1.
    """
    numbers = [int(trial) for trial in trials]
    n = len(numbers)
    drawn = max(1, n - 1)
    rng = stream(seed, "resampling", "trials", *map(str, numbers))
    return rng.multinomial(drawn, np.full(n, 1 / n), size=resamples).T / drawn


@dataclass(frozen=True)
class Sample:
    """A number of the comparison.

    Attributes
    ----------
    value : float
        Average over trials.
    resampled : (B,) array
        The same of each resample.
    """

    value: float
    resampled: Floats


class Resampling:
    """Every number of the comparison, and what it is on resampled photographs and seeds.

    One draw of photographs serves all methods, heads and phases, and so does one of trials
    (`trial_weights`): differences are paired in both. Utilization, perplexity and KID are linear in
    their pseudo-values, as the jackknife has them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of the comparison, all phases.
    photographs : pandas.DataFrame
        Rows of its photographs.
    seed : int
        Seed of the resamples.
    resamples : int
        How many.

    Raises
    ------
    SchemaError
        If the photographs are not those of the comparison.
    """

    def __init__(
        self,
        frame: "pd.DataFrame",
        photographs: "pd.DataFrame",
        *,
        seed: int,
        resamples: int = RESAMPLES,
    ) -> None:
        keys = ["phase", "method", "head"]
        self.seed, self.resamples = seed, _check.integer("resamples", resamples)
        self.rows, self.photographs = (_by_key(part, keys) for part in (frame, photographs))
        if set(self.rows) != set(self.photographs):
            odd = sorted(set(self.rows) ^ set(self.photographs))
            raise SchemaError(f"photographs must be those of the comparison, got other cells: {odd[:3]}")
        names = photographs["photograph"].unique()
        n = _check.integer("number of photographs", len(names), minimum=2)
        self.names = list(names)
        rng = stream(seed, "resampling", "photographs")
        self.weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
        self._found: dict[tuple[Key, str], Sample] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether there is such a cell."""
        return key in self.rows

    def sample(self, key: Key, column: str) -> Sample:
        """Return a number of the comparison with its resamples.

        Parameters
        ----------
        key : tuple of str
            Phase, method and head.
        column : str
            A column that the photographs have; or ``latent_nmse``, at the variance of the latents as
            it was measured.
        """
        if (key, column) not in self._found:
            self._found[key, column] = self._sample(key, column)
        return self._found[key, column]

    def _sample(self, key: Key, column: str) -> Sample:
        rows = self.rows[key].sort_values("trial")
        if column == "latent_nmse":
            error = self._trials(key, "latent_distortion_per_dim")
            trials = error / rows["latent_variance"].to_numpy()[:, None]
        else:
            trials = self._trials(key, column)
        weights = trial_weights(self.seed, rows["trial"], self.resamples)
        return Sample(float(rows[column].mean()), (weights * trials).sum(axis=0))

    def _trials(self, key: Key, column: str) -> Floats:
        """Return a column on each resample of photographs, (trials, B)."""
        own = self.photographs[key].pivot(index="trial", columns="photograph", values=column)[self.names]
        parts = own.to_numpy()
        if column in _MEANS:
            crops = self.photographs[key].drop_duplicates("photograph").set_index("photograph")["crops"]
            sizes = crops[self.names].to_numpy()
            return (parts * sizes) @ self.weights.T / (self.weights @ sizes)
        values = self.rows[key].sort_values("trial")[column].to_numpy()
        centred = parts - parts.mean(axis=1, keepdims=True)
        return values[:, None] + centred @ self.weights.T / len(self.names)
