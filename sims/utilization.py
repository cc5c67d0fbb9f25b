"""Distortion against utilization and perplexity: what using all codewords buys, and what it does not.

Three kinds of codes for N(0, I): ``collapsed`` uses a share of its K codewords as well as k-means can, up
to all of them; ``matched`` draws codewords from a Gaussian of some variance; ``interleaved`` gives each
codeword several far cells, decoded by their common mean. Codewords that no vector chooses are left out.
Each trial has its own codebook; the standard error of its row is over vectors, for that codebook.
Shannon's bound with U K codewords, or with the perplexity, holds for all; none holds from above.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory import entropy, limits
from qtheory.expected import matched_codebook_distortion
from qtheory.results import Cell
from qtheory.results.sweep import Row
from qtheory.sources import Gaussian
from sims import _fitted, assign, kmeans
from sims.study import Preset, Study

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def _interleaved(x: Array, cells: int, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the codewords of ``cells * size`` cells, and for each the mean of the cells merged with it."""
    fine = kmeans.fit(x, cells * size, rng=rng).codebook
    owner = rng.permutation(len(fine)) % size
    codes = owner[assign.nearest(x, fine)]
    sums = np.column_stack([np.bincount(codes, weights=column, minlength=size) for column in x.T])
    means = sums / np.bincount(codes, minlength=size)[:, None]
    return fine, means[owner]


def _quantize(cell: Cell, train: Array, x: Array) -> tuple[Array, Array]:
    """Return the reconstructions of training and fresh vectors."""
    size, parameter = int(cell.parameters["codebook_size"]), float(cell.parameters["parameter"])
    kind = cell.parameters["kind"]
    rng = cell.rng("codebook", "kind", "parameter", "dim", "codebook_size")
    if kind == "interleaved":
        fine, values = _interleaved(train, round(parameter), size, rng)
    elif kind == "matched":
        fine = values = Gaussian(train.shape[1], parameter).sample(size, rng=rng)
    else:
        fine = values = kmeans.fit(train, round(parameter * size), rng=rng).codebook
    return values[assign.nearest(train, fine)], values[assign.nearest(x, fine)]


def _points_per_centroid(cell: Cell) -> float | None:
    """Return the training vectors for each codeword that k-means fitted, if it fitted any."""
    kind, parameter = cell.parameters["kind"], float(cell.parameters["parameter"])
    if kind == "matched":
        return None
    return int(cell.parameters["n_train"]) / (parameter * int(cell.parameters["codebook_size"]))


def run(cell: Cell) -> Row:
    """Measure one code on fresh vectors."""
    dim, size, n = (int(cell.parameters[key]) for key in ("dim", "codebook_size", "n"))
    source = Gaussian(dim)
    x = source.sample(n, rng=cell.rng("features", "dim"))
    train = source.sample(int(cell.parameters["n_train"]), rng=cell.rng("training", "dim"))
    trained, x_hat = _quantize(cell, train, x)
    _, counts = np.unique(x_hat, axis=0, return_counts=True)
    perplexity = entropy.perplexity(counts / n)
    matched = cell.parameters["kind"] == "matched"
    return {
        **_fitted.errors(x, x_hat),
        **_fitted.sampling(_points_per_centroid(cell)),
        "in_sample_distortion": None if matched else float(np.square(train - trained).sum(axis=1).mean()),
        "expected_distortion": matched_codebook_distortion(
            dim, size, 1.0, float(cell.parameters["parameter"])
        )
        if matched
        else None,
        "utilization": len(counts) / size,
        "perplexity": perplexity,
        "bound_size": limits.shannon_lower_bound(source, size),
        "bound_utilization": limits.shannon_lower_bound(source, len(counts)),
        "bound_perplexity": limits.shannon_lower_bound(source, perplexity),
        "optimal_perplexity_ratio": limits.optimal_perplexity_ratio(source),
    }


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what collapse costs, how evenly the best codebook is used, and what full use guarantees."""
    lines = []
    for dim in sorted(set(frame["dim"])):
        part = frame[frame["dim"] == dim]
        size = int(part["codebook_size"].iloc[0])
        means = part.groupby(["kind", "parameter"])[["distortion", "perplexity", "utilization"]].mean()
        best = means.loc[("collapsed", 1.0)]
        share = float(part[part["kind"] == "collapsed"]["parameter"].min())
        cost = means.loc[("collapsed", share), "distortion"] / best["distortion"]
        mixed = means.loc["interleaved"].iloc[-1]
        lines.append(
            f"d={dim}, K={size}: k-means {best['distortion']:.4f} at perplexity "
            f"{best['perplexity'] / size:.3f} K; using {share:.3g} of the codewords costs a factor "
            f"{cost:.2f} (U^(-2/d) = {share ** (-2 / dim):.2f}); interleaved cells: "
            f"{mixed['distortion']:.4f} at "
            f"utilization {mixed['utilization']:.3f}, perplexity {mixed['perplexity'] / size:.3f} K"
        )
    return lines


def _points(
    dims: tuple[int, ...], shares: tuple[float, ...], spreads: tuple[float, ...], cells: tuple[int, ...]
) -> tuple[Row, ...]:
    kinds = [("collapsed", share) for share in shares]
    kinds += [("matched", spread) for spread in spreads] + [("interleaved", float(m)) for m in cells]
    return tuple({"dim": dim, "kind": kind, "parameter": value} for dim in dims for kind, value in kinds)


STUDY = Study(
    name="utilization",
    summary="distortion against utilization and perplexity: collapsed, optimal, matched, interleaved codes",
    version=3,
    presets={
        "smoke": Preset(
            trials=1,
            points=_points((2, 8), (1 / 16, 1.0), (1.0,), (4,)),
            fixed={"codebook_size": 64, "n": 5_000, "n_train": 10_000},
            cost="1 s",
        ),
        "paper": Preset(
            trials=3,
            points=_points(
                (2, 8), (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0), (0.1, 0.3, 1.0, 3.0, 10.0), (2, 4, 8)
            ),
            fixed={"codebook_size": 256, "n": 50_000, "n_train": 65_536},
            cost="10 s, 0.4 GB",
        ),
        "large": Preset(
            trials=3,
            points=_points(
                (2, 8), (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0), (0.1, 0.3, 1.0, 3.0, 10.0), (2, 4, 8)
            ),
            fixed={"codebook_size": 4096, "n": 500_000, "n_train": 1_048_576},
            cost="20 min, 1 GB (estimated)",
        ),
    },
    run=run,
    findings=findings,
)
