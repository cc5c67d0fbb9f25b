"""In-sample and held-out distortion against points per codeword: what a training error does not tell.

VQ, PQ and SQ at equal rate, fitted to the same vectors. In-sample distortion falls below what the
quantizer costs, and for VQ far below what any quantizer can reach; the gap follows the number of fitted
values a training vector. Latents of photographs are measured twice: on other vectors of the photographs
that were fitted to, as after a random split, and on other photographs.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.limits import shannon_lower_bound
from qtheory.optimal import optimal_scalar
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted, _samples
from sims._fitted import Fitted
from sims._grouped import Grouped, jackknife
from sims.study import Preset, Study

Array = NDArray[np.float64]

DIM = 4
_BLOCKS = 2
_LATENTS = 65_536  # to fit to at most; the rest of the training photographs' vectors are measured on


def _fits(train: Array, size: int, rng: np.random.Generator) -> dict[str, Fitted]:
    half = round(size ** (1 / _BLOCKS))
    blocks = (DIM // _BLOCKS,) * _BLOCKS, (half,) * _BLOCKS
    return {
        "vq": _fitted.vector(train, size, rng=rng, iterations=50),
        "pq-2": _fitted.product(train, *blocks, rng=rng, iterations=50),
        "sq": _fitted.scalar(train, size),
    }


def _row(method: str, fit: Fitted, train: Array, measured: Row) -> Row:
    return {
        "method": method,
        "n_train": len(train),
        # values that the fit chose: each block holds n_m vectors of d / M coordinates
        "fitted_values": sum(fit.block_sizes) * (DIM // len(fit.block_sizes)),
        "in_sample_distortion": fit.in_sample_distortion,
        **_fitted.sampling(fit.points_per_centroid),
        **measured,
    }


def _gaussian(cell: Cell, size: int, points: int) -> list[Row]:
    source = Gaussian(DIM)
    x = source.sample(int(cell.parameters["n"]), rng=cell.rng("features"))
    train = source.sample(points * size, rng=cell.rng("training", "points_per_codeword"))
    bound, exact = shannon_lower_bound(source, size), optimal_scalar(source, size).distortion
    rows = []
    for method, fit in _fits(train, size, cell.rng("fits", "points_per_codeword")).items():
        measured = {
            "n_measured": len(x),
            **_fitted.errors(x, fit.reconstruct(x)),
            "same_photographs_distortion": None,
            "expected_distortion": exact if method == "sq" else None,
            "shannon_lower_bound": bound,
        }
        rows.append(_row(method, fit, train, measured))
    return rows


def _latents(cell: Cell, size: int, points: int) -> list[Row]:
    sample = _samples.shipped("latents")
    order = cell.rng("training", "source").permutation(len(sample.train))
    train, same = (sample.train[part, :DIM] for part in (order[: points * size], order[_LATENTS:]))
    others = Grouped(sample.held_out[:, :DIM], sample.groups)
    rows = []
    for method, fit in _fits(train, size, cell.rng("fits", "source", "points_per_codeword")).items():
        squared = np.square(others.x - fit.reconstruct(others.x)).sum(axis=1)
        distortion, error = jackknife(others.means(squared), len(others.counts))
        measured = {
            "n_measured": len(others.x),
            "distortion": distortion,
            "standard_error": error,
            "same_photographs_distortion": _fitted.errors(same, fit.reconstruct(same))["distortion"],
            "expected_distortion": None,
            "shannon_lower_bound": None,
        }
        rows.append(_row(method, fit, train, measured))
    return rows


def run(cell: Cell) -> list[Row]:
    """Fit three quantizers to one sample and measure them on others."""
    size, points = (int(cell.parameters[key]) for key in ("codebook_size", "points_per_codeword"))
    return (_gaussian if cell.parameters["source"] == "gaussian" else _latents)(cell, size, points)


def findings(frame: pd.DataFrame) -> list[str]:
    """Say how large the gap is where there are few points, and where many."""
    lines = []
    gaps = frame.assign(
        gap=frame["distortion"] / frame["in_sample_distortion"] - 1,
        same=frame["same_photographs_distortion"] / frame["in_sample_distortion"] - 1,
    )
    for (source, method), part in gaps.groupby(["source", "method"], sort=False):
        means = part.groupby("points_per_codeword")[["gap", "same"]].mean()
        listing = ", ".join(f"{100 * gap:.1f} % at {points}" for points, gap in means["gap"].items())
        lines.append(f"{source}, {method}: held-out above in-sample by points a VQ codeword: {listing}")
        if source != "gaussian":
            listing = ", ".join(f"{100 * gap:.1f} % at {points}" for points, gap in means["same"].items())
            lines.append(
                f"{source}, {method}: the same on other vectors of the fitted photographs: {listing}"
            )
    return lines


def _points(gaussian: tuple[int, ...], latents: tuple[int, ...]) -> tuple[Row, ...]:
    return (
        *grid(source=("gaussian",), points_per_codeword=gaussian),
        *grid(source=("latents",), points_per_codeword=latents),
    )


STUDY = Study(
    name="finite-sample",
    summary="in-sample and held-out distortion against points per codeword, for VQ, PQ and SQ, on Gaussian "
    "vectors and latents of photographs",
    version=3,
    presets={
        "smoke": Preset(
            trials=3,
            points=_points((4, 64), (4, 64)),
            fixed={"codebook_size": 64, "n": 10_000},
            cost="1 s",
        ),
        "paper": Preset(
            trials=5,
            points=_points((2, 4, 8, 16, 32, 64, 128, 256, 512), (2, 4, 8, 16, 32, 64, 128, 256)),
            fixed={"codebook_size": 256, "n": 100_000},
            cost="20 s, 0.3 GB",
        ),
        "large": Preset(
            trials=5,
            points=_points((2, 4, 8, 16, 32, 64, 128, 256, 512), (2, 4, 8, 16)),
            fixed={"codebook_size": 4096, "n": 500_000},
            cost="10 min, 1 GB (estimated)",
        ),
    },
    run=run,
    findings=findings,
)
