"""Vector, product, residual and scalar quantizers at equal rate, and how far they are from the best.

All are fitted to vectors and measured on others. Five sources have a density that is known: distances
are in dB from Shannon's bound. Latents and patches of photographs have none, and no such limit. They,
and vectors of one's own, are compared with the distortion-rate function of a Gaussian source of the
same covariance: above the distortion-rate function of any law of that covariance, so a quantizer may go
below it. They are measured on photographs that none was fitted to, and intervals resample photographs.

VQ ends where vectors cannot fill its codebook, blocks of more than two dimensions below 6 bits a dimension
(see `sims._rate_methods.methods`); Zador's limit stands for VQ there. Entropy-coded scalar quantization has
cells without limit, and its rate is the length of an ideal code for the training codes on the other vectors,
where the others spend the logarithm of the number of codewords.
"""

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory import limits
from qtheory.errors import DomainError
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from sims import _cases, _rate_methods, _samples
from sims._cases import DIM, exact
from sims._fitted import Fitted, sampling
from sims._grouped import Grouped, Mask, decibel, jackknife
from sims._samples import Sample
from sims.study import Preset, Study

Array = NDArray[np.float64]

RATES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_SMOKE_RATES = (1.0, 2.0)


@dataclass(frozen=True, eq=False)
class _Vectors:
    """What one cell fits to and measures on; `covariance` is None where only samples tell it."""

    train: Array
    longer: Array
    held_out: Grouped
    covariance: Array | None

    def gaussian(self, rate: float, kept: Mask) -> float:
        """Return the Gaussian distortion-rate function at the covariance of the kept groups."""
        covariance = self.held_out.covariance(kept) if self.covariance is None else self.covariance
        return limits.gaussian_distortion_rate(covariance, rate)

    def gaussian_in_sample(self, train: Array, rate: float) -> float:
        """Return the same at the covariance of the training vectors."""
        covariance = np.cov(train, rowvar=False, ddof=0) if self.covariance is None else self.covariance
        return limits.gaussian_distortion_rate(covariance.reshape(train.shape[1], -1), rate)


def _of_law(cell: Cell, case: _cases.Case) -> _Vectors:
    n, train, train_vq = (int(cell.parameters[key]) for key in ("n", "n_train", "n_train_vq"))
    x = case.source.sample(n, rng=cell.rng("features", "source"))
    # many codewords, or scalar quantizers with few vectors in the cells of the tails, need a longer one
    longer = case.source.sample(train_vq, rng=cell.rng("training", "source"))
    return _Vectors(longer[:train], longer, Grouped(x, _samples.dealt(n)), case.source.covariance)


def _of_sample(cell: Cell, sample: Sample) -> _Vectors:
    n, train, train_vq = (int(cell.parameters[key]) for key in ("n", "n_train", "n_train_vq"))
    chosen = cell.rng("features", "source").permutation(len(sample.held_out))[:n]
    groups = np.unique(sample.groups[chosen], return_inverse=True)[1]
    longer = sample.train[cell.rng("training", "source").permutation(len(sample.train))[:train_vq]]
    return _Vectors(longer[:train], longer, Grouped(sample.held_out[chosen], groups), None)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A fitted quantizer on the held-out vectors: means of errors and bits over groups that are kept."""

    fitted: Fitted
    squared: Array
    distortion: Callable[[Mask], float]
    rate: Callable[[Mask], float]


def _measure(fitted: Fitted, bits: int, held_out: Grouped) -> _Measured:
    squared = np.square(held_out.x - fitted.reconstruct(held_out.x)).sum(axis=1)
    if fitted.code_lengths is None:
        return _Measured(fitted, squared, held_out.means(squared), lambda kept: float(bits))
    lengths = fitted.code_lengths(held_out.x)
    return _Measured(fitted, squared, held_out.means(squared), held_out.means(lengths))


def _row(found: _Measured, vq: _Measured | None, bits: int, train: Array, vectors: _Vectors) -> Row:
    """Return what is measured of one method in the same way for all sources."""
    count = len(vectors.held_out.counts)
    every = np.ones(count, dtype=bool)

    def above_gaussian(kept: Mask) -> float:
        return decibel(found.distortion(kept) / vectors.gaussian(found.rate(kept), kept))

    above, above_error = jackknife(above_gaussian, count)
    distortion, error = jackknife(found.distortion, count)
    if vectors.covariance is not None:  # independent vectors: no need of groups
        error = float(found.squared.std(ddof=1) / np.sqrt(len(found.squared)))
    above_vq: tuple[float | None, float | None] = (None, None)
    if vq is not None and found.fitted.code_lengths is None:  # else at another rate
        above_vq = jackknife(lambda kept: decibel(found.distortion(kept) / vq.distortion(kept)), count)
    in_sample, rate = found.fitted.in_sample_distortion, found.rate(every)
    size = found.fitted.codebook_size
    return {
        "n_fitted": len(train),
        "n_measured": len(vectors.held_out.x),
        "codebook_size": None if size is None else float(size),
        "rate_per_dim": rate / train.shape[1],
        "distortion": distortion,
        "standard_error": error,
        "in_sample_distortion": in_sample,
        **sampling(found.fitted.points_per_centroid),
        "gaussian_distortion_rate": vectors.gaussian(rate, every),
        "above_gaussian_db": above,
        "above_gaussian_error_db": above_error,
        "in_sample_above_gaussian_db": decibel(in_sample / vectors.gaussian_in_sample(train, bits)),
        "above_vq_db": above_vq[0],
        "above_vq_error_db": above_vq[1],
    }


_UNKNOWN = dict.fromkeys(
    [
        *("expected_distortion", "shannon_bound", "gap_db", "expected_gap_db", "zador_db"),
        *(f"gain_{part}_db" for part in ("space_filling", "shape", "memory", "longer_blocks")),
    ]
)


def _of_density(name: str, method: str, bits: int, row: Row) -> Row:
    """Return distances from the limits of a law with a density, and exact values."""
    case = _cases.case(name)
    bound, nominal = case.shannon(row["rate_per_dim"] * DIM), case.shannon(bits)
    expected = exact(name, method, bits)
    return {
        "expected_distortion": expected,
        "shannon_bound": bound,
        "gap_db": decibel(row["distortion"] / bound),
        "expected_gap_db": None if expected is None else decibel(expected / nominal),
        # the limit of as many codewords, and cells of entropy codes have no number
        "zador_db": decibel(limits.zador(case.axes_law, 2**bits) / nominal) if row["codebook_size"] else None,
        **{f"gain_{key}_db": decibel(value) for key, value in case.gains().items()},
    }


def _rows(
    cell: Cell, vectors: _Vectors, details: Callable[[str, int, Row], Row], groups: int | None
) -> list[Row]:
    """Fit and measure all methods at one rate, on the same vectors."""
    bits = int(cell.parameters["bits"])
    rng = cell.rng("fits", "source", "bits")
    methods = _rate_methods.methods(vectors.train, vectors.longer, bits, rng=rng)
    trains = {name: vectors.longer if method.longer else vectors.train for name, method in methods.items()}
    fits = {name: method.fit(trains[name]) for name, method in methods.items()}
    found = {name: _measure(fitted, bits, vectors.held_out) for name, fitted in fits.items()}
    rows = []
    for method, measured in found.items():
        row = _row(measured, found.get("vq"), bits, trains[method], vectors)
        rows.append({"method": method, "groups": groups, **row, **details(method, bits, row)})
    return rows


def _sample_rows(cell: Cell, sample: Sample) -> list[Row]:
    vectors = _of_sample(cell, sample)
    return _rows(cell, vectors, lambda *_: dict(_UNKNOWN), len(vectors.held_out.counts))


def run(cell: Cell) -> list[Row]:
    """Fit and measure all methods on one source at one rate."""
    name = str(cell.parameters["source"])
    if name in _samples.NAMES:
        return _sample_rows(cell, _samples.shipped(name))
    return _rows(cell, _of_law(cell, _cases.case(name)), partial(_of_density, name), None)


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run_file(data: Path, groups: Path | None, cell: Cell) -> list[Row]:
    """Fit and measure all methods on vectors of one's own, parted anew in each trial."""
    for path, key in ((data, "data_sha256"), (groups, "groups_sha256")):
        if path is not None and _checksum(path) != cell.parameters[key]:
            raise DomainError(f"{path} has changed since this run began; start the command again")
    return _sample_rows(cell, _samples.own(data, groups, rng=cell.rng("split")))


def on_file(data: Path, groups: Path | None = None) -> Study:
    """Return the study of vectors of one's own.

    Parameters
    ----------
    data : pathlib.Path
        An npy file of shape (N, d), d at most 128. A quarter is held out, by group.
    groups : pathlib.Path or None
        An npy file with N labels of what the vectors come from: images, or speakers. None where they
        are independent of each other.

    Returns
    -------
    Study
        Called ``equal-rate-<stem of data>``, with the presets of `STUDY`.

    Raises
    ------
    DomainError
        If a file is missing, damaged, not finite, constant in a column, of too few vectors or groups,
        or of too many dimensions.
    ShapeError
        If an array has the wrong shape.
    """
    # each cell parts the vectors anew: here they are only checked
    dim = _samples.own(data, groups, rng=np.random.default_rng(0)).train.shape[1]
    fixed: dict[str, Any] = {
        "source": data.stem,
        "dim": dim,
        "data_sha256": _checksum(data),
        "groups_sha256": None if groups is None else _checksum(groups),
    }
    presets = {}
    for name, preset in STUDY.presets.items():
        rates = _SMOKE_RATES if name == "smoke" else RATES
        bits = sorted({max(1, round(rate * dim)) for rate in rates})
        presets[name] = Preset(
            preset.trials, grid(bits=bits), "20 s for each 8 dimensions, or more", {**fixed, **preset.fixed}
        )
    given = ["equal-rate", "--data", str(data)] + ([] if groups is None else ["--groups", str(groups)])
    return replace(
        STUDY,
        name=f"equal-rate-{data.stem}",
        command=shlex.join(given),
        presets=presets,
        run=partial(_run_file, data, groups),
    )


def _listed(frame: pd.DataFrame, column: str) -> str:
    return ", ".join(
        f"{method} {value:.2f}"
        for method, value in frame.groupby("method")[column].mean().sort_values().items()
    )


def findings(frame: pd.DataFrame) -> list[str]:
    """Say which method comes nearest at each source, at one and at the highest rate."""
    lines = []
    for name in frame["source"].unique():
        part = frame[frame["source"] == name]
        known = name in _cases.NAMES
        column, reference = ("gap_db", "Shannon") if known else ("above_gaussian_db", "the Gaussian curve")
        dim = round(float((part["bits"] / part["rate_per_dim"]).median()))
        for bits in sorted({dim, int(part["bits"].max())} & set(part["bits"])):
            listing = _listed(part[part["bits"] == bits], column)
            lines.append(f"{name}, {bits / dim:g} bits a dimension, dB above {reference}: {listing}")
    return lines


def _points(rates: tuple[float, ...]) -> tuple[Row, ...]:
    return grid(source=(*_cases.NAMES, *_samples.NAMES), bits=tuple(round(DIM * rate) for rate in rates))


STUDY = Study(
    name="equal-rate",
    summary="VQ, PQ, OPQ, RQ, SQ and entropy-coded SQ on five laws and on latents and patches of "
    "photographs, in dB; or on vectors of one's own (--data)",
    version=7,
    presets={
        "smoke": Preset(
            trials=1,
            points=_points(_SMOKE_RATES),
            fixed={"n": 4_096, "n_train": 4_096, "n_train_vq": 4_096},
            cost="11 s",
        ),
        "paper": Preset(
            trials=2,
            points=_points(RATES),
            fixed={"n": 32_768, "n_train": 32_768, "n_train_vq": 163_840},
            cost="200 s, 0.6 GB",
        ),
        "large": Preset(
            trials=5,
            points=_points(RATES),
            fixed={"n": 131_072, "n_train": 131_072, "n_train_vq": 524_288},
            cost="50 min, 2 GB (estimated)",
        ),
    },
    run=run,
    findings=findings,
)
