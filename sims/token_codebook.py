"""More tokens or more codewords at equal bits (Finding 1): equal information, unequal distortion.

A map of Gaussian vectors gets the same number of bits in four ways: one token a position with K^2
codewords (``vq``); two tokens with K each, for the halves of the vector (``split``) or as a residual
(``rq``); and tokens of growing resolution, as many in all (``multiscale``, as in VAR, with a codebook a
scale).

No code of whole maps costs less than ``map_distortion_rate``, where all dependence within a map counts. The
first three code each vector for itself, so they cost no less than ``vector_distortion_rate`` either. Coarse
tokens tell of many vectors at once: that limit is not theirs, and empty in their rows.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.limits import gaussian_distortion_rate, product_limit, zador
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted, _maps
from sims._fitted import Fitted
from sims.study import Preset, Study

Array = NDArray[np.float64]

DIM, SIDE = 8, 8
SCALES = (2, 2, 2, 4, 6, 8)
"""Sides of the maps of tokens: 128 tokens in all, two for each of the 64 positions."""


def _fits(maps: Array, size: int, rng: np.random.Generator) -> dict[str, tuple[Fitted, int]]:
    """Return the fitted quantizers, and how many tokens each spends on a map."""
    x = maps.reshape(-1, DIM)
    positions = SIDE * SIDE
    return {
        "vq": (_fitted.vector(x, size**2, rng=rng), positions),
        "split": (_fitted.product(x, (DIM // 2,) * 2, (size,) * 2, rng=rng), 2 * positions),
        "rq": (_fitted.residual(x, (size,) * 2, rng=rng), 2 * positions),
        "multiscale": (_maps.multiscale(maps, SCALES, size, rng=rng), sum(s * s for s in SCALES)),
    }


def run(cell: Cell) -> list[Row]:
    """Fit all four to the same maps and measure them on the same others."""
    size, n, train = (int(cell.parameters[key]) for key in ("size", "n_maps", "n_train_maps"))
    correlation = float(cell.parameters["correlation"])
    fresh, maps = (
        _maps.gaussian_maps(count, SIDE, DIM, correlation, rng=cell.rng(name, "correlation"))
        for name, count in (("features", n), ("training", train))
    )
    bits = SIDE * SIDE * 2 * np.log2(size)
    limit = gaussian_distortion_rate(np.diag(_maps.spectrum(SIDE, DIM, correlation)), float(bits))
    vector_limit = gaussian_distortion_rate(np.eye(DIM), float(2 * np.log2(size)))
    high_rate = product_limit([Gaussian(DIM // 2)] * 2, size**2) / zador(Gaussian(DIM), size**2)
    rows = []
    for method, (fit, tokens) in _fits(maps, size, cell.rng("fits", "correlation", "size")).items():
        given = fresh if method == "multiscale" else fresh.reshape(-1, DIM)
        # vectors of a map depend on each other: the standard error is that of means of maps
        squared = np.square(given - fit.reconstruct(given)).reshape(n, -1).sum(axis=1) / SIDE**2
        codewords = size**2 if method == "vq" else size
        rows.append(
            {
                "method": method,
                "tokens": tokens,
                "codebook_size": codewords,
                "bits": float(tokens * np.log2(codewords)),
                "distortion": float(squared.mean()),
                "standard_error": float(squared.std(ddof=1) / np.sqrt(n)),
                "in_sample_distortion": fit.in_sample_distortion,
                **_fitted.sampling(fit.points_per_centroid),
                "map_distortion_rate": limit / SIDE**2,
                "vector_distortion_rate": None if method == "multiscale" else vector_limit,
                "high_rate_split_ratio": high_rate,
            }
        )
    return rows


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what equal bits cost in each way."""
    lines = []
    for size in sorted(set(frame["size"])):
        for correlation in sorted(set(frame["correlation"])):
            part = frame[(frame["size"] == size) & (frame["correlation"] == correlation)]
            means = part.groupby("method")["distortion"].mean()
            listing = ", ".join(f"{method} {value:.4f}" for method, value in means.sort_values().items())
            lines.append(
                f"{int(part['bits'].iloc[0])} bits a map, correlation {correlation}: {listing}; "
                f"splitting / squaring {means['split'] / means['vq']:.3f}; "
                f"limit {part['map_distortion_rate'].max():.4f}"
            )
    return lines


STUDY = Study(
    name="token-codebook",
    summary="split tokens, squared codebooks, residual and multi-scale tokens at equal bits (Finding 1)",
    version=2,
    presets={
        "smoke": Preset(
            trials=1,
            points=grid(size=(16,), correlation=(0.0, 0.95)),
            fixed={"n_maps": 100, "n_train_maps": 200},
            cost="1 s",
        ),
        "paper": Preset(
            trials=2,
            points=grid(size=(16, 64), correlation=(0.0, 0.5, 0.8, 0.95)),
            fixed={"n_maps": 500, "n_train_maps": 2_048},
            cost="30 s, 0.2 GB",
        ),
        "large": Preset(
            trials=2,
            points=grid(size=(16, 64, 256), correlation=(0.0, 0.5, 0.8, 0.95)),
            fixed={"n_maps": 2_000, "n_train_maps": 32_768},
            cost="90 min, 2 GB (estimated; 50 min of it k-means with 65536 codewords)",
        ),
    },
    run=run,
    findings=findings,
)
