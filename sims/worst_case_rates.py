"""Laws on the cube [-1, 1]^d that are hard to quantize, against the bounds of Proposition 2.

``uniform``: what the paper's proof uses below. ``saddle``: independent coordinates, each the law on
[-1, 1] with the largest two-level error, 1 / (2e); at K = 2^d no law is harder for scalar quantizers.
``finite``: random atoms, whose optima are exact. A bound on the worst law is no bound on one law: a lower
one shows what some law must cost, an upper one what none can exceed.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.bounds import BOUNDS
from qtheory.optimal import optimal_scalar, optimal_vector
from qtheory.results import Cell
from qtheory.results.sweep import Row
from qtheory.sources import FiniteSource, Uniform
from sims import _fitted
from sims.study import Preset, Study

Array = NDArray[np.float64]

_BOUNDS = (
    "prop2.lower.paper",
    "prop2.lower.sharp",
    "prop2.lower.sphere",
    "prop2.upper.paper",
    "prop2.upper.sharp",
)
_FINITE_DIMS = (1, 2, 3)  # where 10 atoms are more than 2^d codewords
_ATOMS = 10
_MOST_BITS = 12


def saddle(n: int, dim: int, *, rng: np.random.Generator) -> Array:
    """Draw vectors with independent coordinates from the hardest law on [-1, 1] for two levels.

    It has atoms of mass ``(1 - tanh(1/2)) / 2`` at -1 and 1, and between -a and a, where
    ``a = (1 - 1/e) / 2``, the density ``k (1 + 4 k^2 x^2)^(-3/2)`` with ``k = sqrt(e) / 2``.
    """
    k, inside = math.exp(0.5) / 2, math.tanh(0.5) / 2  # inside: mass between 0 and a
    u = rng.uniform(-0.5, 0.5, (n, dim))
    middle = np.clip(u, -inside, inside)
    return np.where(np.abs(u) < inside, middle / (k * np.sqrt(1 - 4 * middle**2)), np.sign(u))


def _bounds(dim: int, size: int) -> Row:
    """Return the bounds on the worst law; all points have K >= 2^d, as most of them ask."""
    return {name: BOUNDS[name](d=dim, K=size) for name in _BOUNDS}


def _finite(cell: Cell, dim: int, size: int) -> dict[str, Row]:
    """Return exact optima of random atoms, most of them near the border of the cube."""
    rng = cell.rng("atoms", "dim", "codebook_size")
    atoms = 2 * rng.beta(0.4, 0.4, (_ATOMS, dim)) - 1
    source = FiniteSource(atoms, rng.dirichlet(np.ones(_ATOMS)))
    optima = {"sq": optimal_scalar(source, size).distortion, "vq": optimal_vector(source, size).distortion}
    return {
        method: {
            "distortion": value,
            "standard_error": 0.0,
            "in_sample_distortion": None,
            "expected_distortion": value,
        }
        for method, value in optima.items()
    }


def _exact_scalar(law: str, dim: int, size: int) -> float | None:
    """Return the optimum of scalar quantizers where it is known."""
    if law == "uniform":
        return optimal_scalar(Uniform(dim), size).distortion
    # with three levels in no coordinate, the best product has two in each
    return BOUNDS["prop2.two_levels"](d=dim, K=2**dim) if 2 * size < 3 * 2**dim else None


def _sampled(cell: Cell, law: str, dim: int, size: int) -> dict[str, Row]:
    draw: dict[str, Callable[[int, np.random.Generator], Array]] = {
        "uniform": lambda n, rng: Uniform(dim).sample(n, rng=rng),
        "saddle": lambda n, rng: saddle(n, dim, rng=rng),
    }
    n, train = int(cell.parameters["n"]), int(cell.parameters["n_train"])
    x = draw[law](n, cell.rng("features", "law", "dim"))
    training = draw[law](train, cell.rng("training", "law", "dim"))
    fits = {"sq": _fitted.scalar(training, size)}
    if law == "uniform":  # the atoms of the other repeat themselves; a sample may hold too few vectors
        fits["vq"] = _fitted.vector(training, size, rng=cell.rng("k-means", "law", "dim", "codebook_size"))
    rows = {method: _fitted.measure(fit, x) for method, fit in fits.items()}
    for method, row in rows.items():
        del row["codebook_size"]
        row["expected_distortion"] = _exact_scalar(law, dim, size) if method == "sq" else None
    return rows


def run(cell: Cell) -> list[Row]:
    """Measure one law at one rate."""
    law = str(cell.parameters["law"])
    dim, size = int(cell.parameters["dim"]), int(cell.parameters["codebook_size"])
    rows = _finite(cell, dim, size) if law == "finite" else _sampled(cell, law, dim, size)
    return [
        {
            "method": method,
            **row,
            # the number that the bounds' constants bound
            "constant": row["distortion"] * size ** (2 / dim) / dim,
            **_bounds(dim, size),
        }
        for method, row in rows.items()
    ]


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what the hardest law costs each class, against the sharp constants."""
    lines = []
    for dim in sorted(set(frame["dim"])):
        part = frame[frame["dim"] == dim]
        worst = part.loc[part.groupby("method")["constant"].idxmax()]
        listing = ", ".join(
            f"{row.method} {row.constant:.4f} ({row.law}, K={row.codebook_size})"
            for row in worst.itertuples()
        )
        lines.append(
            f"d={dim}: largest E K^(2/d) / d: {listing}; no law above {5 / (2 * math.e):.4f} for SQ, "
            f"some law above {2 / (math.pi * math.e):.4f} for VQ"
        )
    return lines


def _points(dims: tuple[int, ...], steps: tuple[int, ...]) -> tuple[Row, ...]:
    """Return powers of two from 2^d, and five codewords in the plane, where the sharp constant is reached."""
    sizes = [(dim, 2 ** (dim + step)) for dim in dims for step in steps if dim + step <= _MOST_BITS]
    points = [
        {"law": law, "dim": dim, "codebook_size": size}
        for dim, size in (*sizes, (2, 5))
        for law in ("uniform", "saddle")
    ]
    finite = [{"law": "finite", "dim": dim, "codebook_size": 2**dim} for dim in dims if dim in _FINITE_DIMS]
    return (*points, *finite)


STUDY = Study(
    name="worst-case-rates",
    summary="hard laws on the cube against the bounds of Proposition 2",
    version=2,
    presets={
        "smoke": Preset(
            trials=3, points=_points((1, 2, 3), (0, 2)), fixed={"n": 4_000, "n_train": 8_000}, cost="2 s"
        ),
        "paper": Preset(
            trials=3,
            points=_points((1, 2, 3, 4, 8), (0, 1, 2, 4, 6, 8)),
            fixed={"n": 50_000, "n_train": 65_536},
            cost="60 s, 0.4 GB",
        ),
    },
    run=run,
    findings=findings,
)
