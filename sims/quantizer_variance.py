"""VQ, PQ and fixed scalar codebooks against the source's variance (Figure 5), and all at equal rate.

Panels (a) to (d) follow Appendix K: the same N(0, variance I) vectors for all methods, random matched
codebooks for VQ and PQ, and for FSQ, LFQ and BSQ the error in the space where each rounds. These mix
three codebook sizes and three spaces. The panel ``equal-rate`` compares at one rate and in the source's
space; there the fixed rules keep their cells and get the best decoder, the centroids. Matched and k-means
codebooks are new in each trial; the standard error of a row is over vectors, for the codebook at hand.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory import expected
from qtheory.limits import shannon_lower_bound, zador
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.quantizers import BSQ, FSQ, LFQ, Quantizer
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted, _fsq_decoder, _scalar, assign
from sims.study import Preset, Study
from sims.variance_scaling import VARIANCES

Array = NDArray[np.float64]

DIM = 8
RULES: dict[str, FSQ | LFQ | BSQ] = {
    "fsq-paper": FSQ([4] * DIM, form="paper"),
    "fsq-official": FSQ([4] * DIM),
    "lfq": LFQ(DIM),
    "bsq": BSQ(DIM),
}
SPACES = {"fsq-paper": "bounded", "fsq-official": "bounded", "lfq": "source", "bsq": "sphere"}

_matched_distortion = cache(expected.matched_product_distortion)


def _rule_distortion(method: str, variance: float) -> float:
    """Return the closed form of a fixed rule in the space where it rounds."""
    if method == "lfq":
        return expected.lfq_distortion(DIM, variance)
    if method == "bsq":
        return expected.bsq_distortion(DIM)
    return expected.fsq_distortion(DIM, 4, variance, form=method.removeprefix("fsq-"))


def _matched(
    source: Gaussian, x: Array, sizes: tuple[int, ...], rng: np.random.Generator
) -> dict[str, float]:
    """Draw codewords from the law of the source, in blocks of equal dimension; return the errors."""
    dim = DIM // len(sizes)
    columns = [slice(first, first + dim) for first in range(0, DIM, dim)]
    codebooks = [Gaussian(dim, source.variance).sample(size, rng=rng) for size in sizes]
    blocks = list(zip(columns, codebooks, strict=True))
    codes = [assign.nearest(x[:, block], codebook) for block, codebook in blocks]

    def pairs(part: slice) -> tuple[Array, Array]:
        x_hat = [codebook.take(found[part], axis=0) for codebook, found in zip(codebooks, codes, strict=True)]
        return x[part], np.hstack(x_hat) if len(x_hat) > 1 else x_hat[0]

    return _fitted.rounding_errors(pairs, *x.shape)


def _rounded(rule: FSQ | LFQ | BSQ, x: Array) -> dict[str, float]:
    """Return the errors of a rule in the space where it rounds."""

    def pairs(part: slice) -> tuple[Array, Array]:
        projected = rule.project(x[part])
        return projected, rule.round(projected)

    return _fitted.rounding_errors(pairs, *x.shape)


def _row(
    method: str,
    source: Gaussian,
    codebook_size: int,
    errors: dict[str, float],
    *,
    exact: float | None,
    space: str = "source",
    fit: _fitted.Fitted | None = None,
) -> Row:
    """Return a row; limits are those of the source's space and apply there only."""
    here = space == "source"
    return {
        "method": method,
        "space": space,
        "codebook_size": codebook_size,
        **errors,
        "in_sample_distortion": None if fit is None else fit.in_sample_distortion,
        **_fitted.sampling(None if fit is None else fit.points_per_centroid),
        "expected_distortion": exact,
        "shannon_lower_bound": shannon_lower_bound(source, codebook_size) if here else None,
        "zador": zador(source, codebook_size) if here else None,
    }


def _matched_rows(cell: Cell, source: Gaussian, x: Array, sizes: dict[str, tuple[int, ...]]) -> list[Row]:
    rows = []
    for method, blocks in sizes.items():
        rng = cell.rng(f"codebook {method}", "rate", "variance")
        errors = _matched(source, x, blocks, rng)
        exact = source.variance * _matched_distortion((DIM // len(blocks),) * len(blocks), blocks)
        rows.append(_row(method, source, int(np.prod(blocks)), errors, exact=exact))
    return rows


def _figure_5(cell: Cell, source: Gaussian, x: Array) -> list[Row]:
    rate = int(cell.parameters["rate"])
    sizes = {"matched-vq": (2**rate,), "matched-pq": (2 ** (rate // 2),) * 2}
    rows = _matched_rows(cell, source, x, sizes)
    for method, rule in RULES.items():
        errors = _rounded(rule, x)
        exact = _rule_distortion(method, source.variance)
        rows.append(_row(method, source, rule.codebook_size, errors, exact=exact, space=SPACES[method]))
    return rows


def _scalar_rows(source: Gaussian, x: Array, codebook_size: int) -> list[Row]:
    """Return optimal levels, and FSQ with the best decoder at two scales, all exact without training."""
    sizes, exact = optimal_scalar(source, codebook_size)
    optimal = [lloyd_max(Gaussian(1, source.variance), n) for n in sizes]
    levels = [_scalar.Levels(part.thresholds, part.levels) for part in optimal]
    rows = [
        _row(
            "sq", source, int(np.prod(sizes)), _fitted.errors(x, _scalar.reconstruct(x, levels)), exact=exact
        )
    ]
    for method, inner in (
        ("fsq", source.variance),
        ("fsq-scaled", _fsq_decoder.best_input_variance(DIM, codebook_size)),
    ):
        sizes, relative = _fsq_decoder.best_levels(DIM, codebook_size, inner)
        scale = (inner / source.variance) ** 0.5
        levels = [_fsq_decoder.centroid_decoder(n, inner)[0] for n in sizes]
        errors = _fitted.errors(x, _scalar.reconstruct(scale * x, levels) / scale)
        rows.append(_row(method, source, int(np.prod(sizes)), errors, exact=relative / scale**2))
    return rows


def _equal_rate(cell: Cell, source: Gaussian, x: Array) -> list[Row]:
    rate = int(cell.parameters["rate"])
    half = (2 ** (rate // 2),) * 2
    rows = _matched_rows(cell, source, x, {"matched-vq": (2**rate,), "matched-pq": half})
    train = source.sample(int(cell.parameters["n_train"]), rng=cell.rng("training", "rate"))
    rng = cell.rng("k-means", "rate")
    for method, fit in (
        ("kmeans-vq", _fitted.vector(train, 2**rate, rng=rng)),
        ("kmeans-pq", _fitted.product(train, (DIM // 2,) * 2, half, rng=rng)),
    ):
        errors = _fitted.errors(x, fit.reconstruct(x))
        rows.append(_row(method, source, 2**rate, errors, exact=None, fit=fit))
    rows += _scalar_rows(source, x, 2**rate)
    if rate == DIM:  # sign codes have one bit a dimension, no more and no less
        centroid = (2 * source.variance / np.pi) ** 0.5
        exact = DIM * lloyd_max(Gaussian(1, source.variance), 2).distortion
        signs: dict[str, Quantizer] = {"lfq": LFQ(DIM, centroid), "bsq": BSQ(DIM)}
        for method, rule in signs.items():
            # BSQ's cells are LFQ's, since a sphere keeps signs: one decoder is best for both
            x_hat = signs["lfq"].decode(rule.encode(x))
            rows.append(_row(method, source, rule.codebook_size, _fitted.errors(x, x_hat), exact=exact))
    return rows


def run(cell: Cell) -> list[Row]:
    """Measure all methods of one panel on the same vectors."""
    source = Gaussian(DIM, float(cell.parameters["variance"]))
    x = source.sample(int(cell.parameters["n"]), rng=cell.rng("features", "n", "variance"))
    panels = {"figure-5": _figure_5, "equal-rate": _equal_rate}
    return panels[str(cell.parameters["panel"])](cell, source, x)


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what each method costs at equal rate, and how far measured values are from closed forms."""
    known = frame.dropna(subset="expected_distortion")
    known = known[~known["method"].str.startswith("matched")]
    z = (known["distortion"] - known["expected_distortion"]) / known["standard_error"]
    lines = [
        f"{len(z)} measurements of rules with a closed form: at most {z.abs().max():.1f} standard errors away"
    ]
    for rate, part in frame[frame["panel"] == "equal-rate"].groupby("rate"):
        means = part.groupby("method")["distortion"].mean().sort_values()
        listing = ", ".join(f"{method} {value:.4f}" for method, value in means.items())
        limit = part["shannon_lower_bound"].min()
        lines.append(f"d={DIM}, {rate} bits: {listing}; no quantizer below {limit:.4f}")
    return lines


def _points(variances: tuple[float, ...], rates: tuple[int, ...] = (8, 12)) -> tuple[dict[str, Any], ...]:
    return grid(panel=("figure-5",), rate=(12,), variance=variances) + grid(
        panel=("equal-rate",), rate=rates, variance=(1.0,)
    )


STUDY = Study(
    name="quantizer-variance",
    summary="VQ, PQ, FSQ, LFQ and BSQ against the source's variance (Figure 5), and at equal rate",
    version=1,
    presets={
        "smoke": Preset(
            trials=2,
            points=_points((0.01, 0.6, 2.0)),
            fixed={"n": 5_000, "n_train": 20_000},
            cost="2 s",
        ),
        "paper": Preset(
            trials=5,
            points=_points(VARIANCES),
            fixed={"n": 100_000, "n_train": 262_144},
            cost="35 s, 0.6 GB",
        ),
        "large": Preset(
            trials=5,
            points=_points(VARIANCES, (8, 12, 16)),
            fixed={"n": 1_000_000, "n_train": 2_097_152},
            cost="50 min, 2 GB (estimated; 30 min of it k-means with 65536 codewords)",
        ),
    },
    run=run,
    findings=findings,
)
