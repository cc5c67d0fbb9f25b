"""Distortion of a matched random codebook against the variance of the source (Figure 2).

As in Appendix D of the paper: features and codewords are drawn from the same N(0, variance I), each
trial afresh. By the scaling law the expected distortion is exactly linear in the variance; its slope
is a quadrature and stands beside each measurement. The standard error of a row is over vectors, for the
codebook of that trial; the slope's comes from the scatter of trials.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.entropy import utilization
from qtheory.expected import matched_codebook_distortion
from qtheory.limits import shannon_lower_bound
from qtheory.results import Cell, grid
from qtheory.results.slope import slope_of_variance
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted, assign
from sims.study import Preset, Study

VARIANCES = (0.01, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)


@cache
def _slope(dim: int, codebook_size: int) -> float:
    return matched_codebook_distortion(dim, codebook_size)


def _drawn_and_searched(
    source: Gaussian, n: int, codebook: NDArray[np.float64], *, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return squared errors and codes of n vectors; while the first are searched for, the others are drawn.

    A draw is one thread's work, a tenth of the search's. In parts it gives the numbers that it gives at once.
    """
    first = max(1, n // 4)
    with ThreadPoolExecutor(max_workers=1) as pool:  # one, so that the parts are drawn in turn
        draws = [pool.submit(source.sample, part, rng=rng) for part in (first, n - first) if part]
        found = []
        for draw in draws:
            features = draw.result()
            codes = assign.nearest(features, codebook)
            found.append((assign.distortion(features, codebook, codes), codes))
    distortion, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return distortion, codes


def _measure(cell: Cell, variance: float) -> Row:
    """Draw vectors and codewords, search, and measure."""
    dim, codebook_size, n = (int(cell.parameters[key]) for key in ("dim", "codebook_size", "n"))
    source = Gaussian(dim, variance)
    codebook = source.sample(codebook_size, rng=cell.rng("codebook", "dim", "codebook_size", "variance"))
    rng = cell.rng("features", "dim", "n", "variance")
    distortion, codes = _drawn_and_searched(source, n, codebook, rng=rng)
    return {
        "distortion": float(distortion.mean()),
        "standard_error": float(distortion.std(ddof=1) / math.sqrt(n)),
        "in_sample_distortion": None,
        **_fitted.sampling(None),
        "expected_distortion": variance * _slope(dim, codebook_size),
        "shannon_lower_bound": shannon_lower_bound(source, codebook_size),
        "utilization": utilization(np.bincount(codes, minlength=codebook_size)),
    }


def run(cell: Cell) -> Row | list[Row]:
    """Measure one trial at one variance; in equivariant mode scale that to all variances.

    Scaling vectors and codewords by c keeps all codes and multiplies each squared error by c^2, so one
    search serves all variances; their rows are then one measurement, not eleven.
    """
    variance = float(cell.parameters["variance"])
    row = _measure(cell, variance)
    if cell.parameters["mode"] == "direct":
        return row
    scaled = ("distortion", "standard_error", "expected_distortion", "shannon_lower_bound")
    return [
        {**row, "variance": other, **{key: row[key] * other / variance for key in scaled}}
        for other in VARIANCES
    ]


def findings(frame: pd.DataFrame) -> list[str]:
    """Say how the measured slope compares with the exact one."""
    lines = []
    for (dim, codebook_size), part in frame.groupby(["dim", "codebook_size"]):
        slope = slope_of_variance(part)
        lines.append(
            f"d={dim}, K={codebook_size}: measured slope {slope.value:.5f} +- {slope.error:.5f} "
            f"({slope.measurements} independent trials), exact {slope.exact:.5f}, "
            f"{(slope.value - slope.exact) / slope.error:+.1f} standard errors apart"
        )
    return lines


STUDY = Study(
    name="variance-scaling",
    summary="distortion of a matched random codebook against the source's variance (Figure 2)",
    version=3,
    presets={
        "smoke": Preset(
            trials=2,
            points=grid(variance=(0.01, 1.0, 2.0)),
            fixed={"mode": "direct", "dim": 8, "codebook_size": 512, "n": 5_000},
            cost="0.2 s",
        ),
        "paper": Preset(
            trials=5,
            points=grid(variance=VARIANCES),
            fixed={"mode": "direct", "dim": 8, "codebook_size": 8192, "n": 100_000},
            cost="5 s, 0.3 GB",
        ),
        "large": Preset(
            trials=5,
            points=grid(variance=VARIANCES),
            fixed={"mode": "direct", "dim": 8, "codebook_size": 65536, "n": 1_000_000},
            cost="7 min, 1 GB (estimated)",
        ),
        "equivariant": Preset(
            trials=5,
            points=grid(variance=(1.0,)),
            fixed={"mode": "equivariant", "dim": 8, "codebook_size": 8192, "n": 100_000},
            cost="0.7 s, 0.3 GB: one search a trial, scaled to all variances",
        ),
    },
    run=run,
    findings=findings,
)
