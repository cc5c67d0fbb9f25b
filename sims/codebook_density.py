"""Distortion of random Gaussian codebooks against their spread: matching the source is not optimal.

Codewords follow N(0, codebook_variance I), the source N(0, I). The exact expectation stands beside each
measurement, with the spread that minimises it: below the source's at low rate, above it at high rate.
Each trial draws its own codebook: the standard error of its row is over vectors, for that codebook, and an
interval for the expectation comes from the scatter of trials.
"""

from functools import cache

import numpy as np
import pandas as pd

from qtheory.expected import Spread, best_codebook_variance, matched_codebook_distortion
from qtheory.limits import optimal_point_density, shannon_lower_bound
from qtheory.results import Cell
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted
from sims.study import Preset, Study


@cache
def _best(dim: int, size: int) -> Spread:
    return best_codebook_variance(dim, size)


def run(cell: Cell) -> Row:
    """Measure one random codebook on fresh vectors."""
    dim, size, n = (int(cell.parameters[key]) for key in ("dim", "codebook_size", "n"))
    spread = float(cell.parameters["codebook_variance"])
    source = Gaussian(dim)
    names = ("dim", "codebook_size", "codebook_variance")
    x = source.sample(n, rng=cell.rng("features", *names))
    words = Gaussian(dim, spread).sample(size, rng=cell.rng("codebook", *names))
    best = _best(dim, size)
    return {
        **_fitted.errors(x, _fitted.lookup(words)(x)),
        "in_sample_distortion": None,
        **_fitted.sampling(None),
        "expected_distortion": matched_codebook_distortion(dim, size, 1.0, spread),
        "matched_distortion": matched_codebook_distortion(dim, size),
        "best_variance": best.codebook_variance,
        "best_distortion": best.distortion,
        "high_rate_variance": optimal_point_density(source).variance,
        "shannon_lower_bound": shannon_lower_bound(source, size),
    }


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what matching the source costs against the best spread."""
    lines = []
    for part in (part for _, part in frame.groupby(["dim", "codebook_size"])):
        first = part.iloc[0]
        ratio = part["distortion"] / part["expected_distortion"]
        error = ratio.std(ddof=1) / np.sqrt(len(ratio))
        extra = 100 * (first["matched_distortion"] / first["best_distortion"] - 1)
        lines.append(
            f"d={int(first['dim'])}, K={int(first['codebook_size'])}: best codebook variance "
            f"{first['best_variance']:.3f} (high-rate limit {first['high_rate_variance']:.3f}); matching the "
            f"source costs {extra:.2f} % more; measured / exact {ratio.mean():.4f} +- {error:.4f}"
        )
    return lines


def _points(sizes: tuple[tuple[int, int], ...], spreads: tuple[float, ...]) -> tuple[Row, ...]:
    return tuple(
        {"dim": dim, "codebook_size": size, "codebook_variance": spread}
        for dim, size in sizes
        for spread in spreads
    )


_SPREADS = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.25, 1.6, 2.0, 2.5, 3.2)
_DIMS = (2, 4, 8, 16)
_SIZES = tuple((dim, size) for dim in _DIMS for size in (16, 256, 4096))

STUDY = Study(
    name="codebook-density",
    summary="distortion of random Gaussian codebooks against their spread, with the exact minimum",
    version=2,
    presets={
        "smoke": Preset(
            trials=12,
            points=_points(((2, 64), (8, 256)), (0.4, 1.0, 2.0)),
            fixed={"n": 3_000},
            cost="1 s",
        ),
        "paper": Preset(trials=5, points=_points(_SIZES, _SPREADS), fixed={"n": 10_000}, cost="10 s, 0.3 GB"),
        "large": Preset(
            trials=10,
            points=_points((*_SIZES, *((dim, 65536) for dim in _DIMS)), _SPREADS),
            fixed={"n": 100_000},
            cost="10 min, 0.5 GB (estimated)",
        ),
    },
    run=run,
    findings=findings,
)
