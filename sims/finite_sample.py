"""In-sample and held-out distortion against points per codeword: what a training error does not tell.

VQ, PQ and SQ at equal rate, fitted to the same vectors. In-sample distortion falls below what the
quantizer costs, and for VQ far below what any quantizer can reach; the gap follows the number of fitted
values a training vector.
"""

import pandas as pd

from qtheory.limits import shannon_lower_bound
from qtheory.optimal import optimal_scalar
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted
from sims.study import Preset, Study

DIM = 4
_BLOCKS = 2


def run(cell: Cell) -> list[Row]:
    """Fit three quantizers to one sample and measure them on one other."""
    size, points, n = (int(cell.parameters[key]) for key in ("codebook_size", "points_per_codeword", "n"))
    source = Gaussian(DIM)
    x = source.sample(n, rng=cell.rng("features"))
    train = source.sample(points * size, rng=cell.rng("training", "points_per_codeword"))
    rng = cell.rng("fits", "points_per_codeword")
    half = round(size ** (1 / _BLOCKS))
    fits = {
        "vq": _fitted.vector(train, size, rng=rng, iterations=50),
        "pq-2": _fitted.product(
            train, (DIM // _BLOCKS,) * _BLOCKS, (half,) * _BLOCKS, rng=rng, iterations=50
        ),
        "sq": _fitted.scalar(train, size),
    }
    bound, exact = shannon_lower_bound(source, size), optimal_scalar(source, size).distortion
    return [
        {
            "method": method,
            "n_train": len(train),
            # values that the fit chose: each block holds n_m vectors of d / M coordinates
            "fitted_values": sum(fit.block_sizes) * (DIM // len(fit.block_sizes)),
            **_fitted.errors(x, fit.reconstruct(x)),
            "in_sample_distortion": fit.in_sample_distortion,
            "expected_distortion": exact if method == "sq" else None,
            "shannon_lower_bound": bound,
        }
        for method, fit in fits.items()
    ]


def findings(frame: pd.DataFrame) -> list[str]:
    """Say how large the gap is where there are few points, and where many."""
    lines = []
    gaps = frame.assign(gap=frame["distortion"] / frame["in_sample_distortion"] - 1)
    for method in ("vq", "pq-2", "sq"):
        part = gaps[gaps["method"] == method].groupby("points_per_codeword")["gap"].mean()
        listing = ", ".join(f"{100 * gap:.1f} % at {points}" for points, gap in part.items())
        lines.append(f"{method}: held-out above in-sample distortion by points a VQ codeword: {listing}")
    return lines


STUDY = Study(
    name="finite-sample",
    summary="in-sample and held-out distortion against points per codeword, for VQ, PQ and SQ",
    version=1,
    presets={
        "smoke": Preset(
            trials=3,
            points=grid(points_per_codeword=(4, 64)),
            fixed={"codebook_size": 64, "n": 10_000},
            cost="1 s",
        ),
        "paper": Preset(
            trials=5,
            points=grid(points_per_codeword=(2, 4, 8, 16, 32, 64, 128, 256, 512)),
            fixed={"codebook_size": 256, "n": 100_000},
            cost="45 s, 0.3 GB",
        ),
    },
    run=run,
    findings=findings,
)
