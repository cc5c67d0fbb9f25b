"""Laws on the cube [-1, 1]^d that are hard to quantize, against the bounds of Proposition 2.

``uniform``: what the paper's proof uses below. ``saddle``: independent coordinates, each the law on
[-1, 1] with the largest two-level error, 1 / (2e); at K = 2^d no law is harder for scalar quantizers.
``finite``: random atoms with random probabilities, few enough for exact optima: 10 up to three dimensions,
where all partitions are searched, and two more than codewords above that, where those that matter are few
(`sims._merges`). ``many-atoms``: forty equally likely random atoms a codeword. A bound on the worst law is no
bound on one law: a lower one shows what some law must cost, an upper one what none can exceed.

``sq`` and ``vq`` are optimal codebooks of the law where these are known: scalar ones of the uniform law, in
one dimension its vector quantizers too, and all of random atoms but for vectors to many of them. Elsewhere
``sq`` has levels fitted to a sample, and ``kmeans-vq`` is the best of five k-means codebooks in sample (one
from K = 512 on, and for the saddle law from 128). It is no optimum: at K far above 2^d the saddle law's atoms
hold it where levels do better. On many atoms its error is exact too, a sum over all of them, and no optimum
lies above it: that is what an upper bound can be held against.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.bounds import BOUNDS
from qtheory.optimal import lloyd_max, optimal_scalar, optimal_vector
from qtheory.results import Cell
from qtheory.results.sweep import Row
from qtheory.sources import FiniteSource, Uniform
from sims import _fitted, _scalar
from sims._merges import optimal_with_two_atoms_more
from sims.study import Preset, Study

Array = NDArray[np.float64]

_BOUNDS = (
    "prop2.lower.paper",
    "prop2.lower.sharp",
    "prop2.lower.sphere",
    "prop2.upper.paper",
    "prop2.upper.sharp",
)
ATOMIC = ("finite", "many-atoms")
_ATOMS = 10
_FEW_DIMS = 3  # up to which that is more than 2^d codewords
_ATOMS_A_CODEWORD = 40
_RESTARTS = 5
_MANY = 512  # codewords from which one start ends as well as the next
_MANY_FOR_SADDLE = 128  # from which that law is far from hard, or in eight dimensions starts end alike


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


def _without_error(distortion: float, *, exact: bool = True) -> Row:
    """Return the row of a distortion that is a sum over all atoms; `exact` where none is smaller."""
    return {
        "distortion": distortion,
        "standard_error": 0.0,
        "in_sample_distortion": None,
        **_fitted.sampling(None),
        "expected_distortion": distortion if exact else None,
    }


def _atoms(n: int, dim: int, *, rng: np.random.Generator) -> Array:
    """Draw atoms, most of them near the border of the cube."""
    return 2 * rng.beta(0.4, 0.4, (n, dim)) - 1


def _finite(cell: Cell, dim: int, size: int) -> dict[str, Row]:
    """Return exact optima of a few random atoms."""
    rng, n = cell.rng("atoms", "dim", "codebook_size"), _ATOMS if dim <= _FEW_DIMS else size + 2
    atoms = _atoms(n, dim, rng=rng)
    source = FiniteSource(atoms, rng.dirichlet(np.ones(n)))
    vector = optimal_vector(source, size).distortion if n == _ATOMS else optimal_with_two_atoms_more(source)
    scalar = optimal_scalar(source, size).distortion
    return {"sq": _without_error(scalar), "vq": _without_error(vector)}


def _many_atoms(cell: Cell, dim: int, size: int) -> dict[str, Row]:
    """Return exact optima of many random atoms, and above one dimension a codebook of vectors found."""
    n = _ATOMS_A_CODEWORD * size
    atoms = _atoms(n, dim, rng=cell.rng("many atoms", "dim", "codebook_size"))
    optimum = optimal_scalar(FiniteSource(atoms, np.full(n, 1 / n)), size).distortion
    scalar = _without_error(optimum)
    if dim == 1:
        return {"sq": scalar, "vq": scalar}
    rng = cell.rng("k-means", "law", "dim", "codebook_size")
    fit = _fitted.vector(atoms, size, rng=rng, restarts=_RESTARTS)
    found = _fitted.errors(atoms, fit.reconstruct(atoms))["distortion"]
    return {"sq": scalar, "kmeans-vq": _without_error(found, exact=False)}


def _uniform_scalar(dim: int, size: int) -> _fitted.Fitted:
    """Return the optimal scalar quantizer of the uniform law; nothing is fitted, so its error is exact."""
    sizes, exact = optimal_scalar(Uniform(dim), size)
    optimal = [lloyd_max(Uniform(1), n) for n in sizes]
    levels = [_scalar.Levels(part.thresholds, part.levels) for part in optimal]
    return _fitted.Fitted(lambda x: _scalar.reconstruct(x, levels), sizes, exact)


def _row(fit: _fitted.Fitted, x: Array, *, exact: float | None) -> Row:
    return {
        **_fitted.errors(x, fit.reconstruct(x)),
        "in_sample_distortion": None if fit.points_per_centroid is None else fit.in_sample_distortion,
        **_fitted.sampling(fit.points_per_centroid),
        "expected_distortion": exact,
    }


def _found(cell: Cell, train: Array, x: Array, *, many: int) -> Row:
    """Return the row of the k-means codebook fitted to `train`, from one start for `many` codewords."""
    size = int(cell.parameters["codebook_size"])
    rng = cell.rng("k-means", "law", "dim", "codebook_size")
    fit = _fitted.vector(train, size, rng=rng, restarts=_RESTARTS if size < many else 1)
    return _row(fit, x, exact=None)


def _drawn(cell: Cell, draw: Callable[..., Array], size: int) -> tuple[Array, Array]:
    """Return vectors to measure on and vectors to fit to, enough of these for as many codewords."""
    n, points, least = (int(cell.parameters[key]) for key in ("n", "points_per_codeword", "n_train"))
    x = draw(n, rng=cell.rng("features", "law", "dim"))
    return x, draw(max(least, points * size), rng=cell.rng("training", "law", "dim"))


def _uniform(cell: Cell, dim: int, size: int) -> dict[str, Row]:
    """Measure the optimal scalar quantizer, and above one dimension a codebook of vectors found."""
    x, train = _drawn(cell, Uniform(dim).sample, size)
    optimal = _uniform_scalar(dim, size)
    scalar = _row(optimal, x, exact=optimal.in_sample_distortion)
    if dim == 1:  # where scalars are vectors
        return {"sq": scalar, "vq": scalar}
    return {"sq": scalar, "kmeans-vq": _found(cell, train, x, many=_MANY)}


def _saddle(cell: Cell, dim: int, size: int) -> dict[str, Row]:
    """Measure levels fitted to as many vectors for any size, and above one dimension a codebook found."""
    x, train = _drawn(cell, partial(saddle, dim=dim), size)
    fit = _fitted.scalar(train[: int(cell.parameters["n_train"])], size)
    # with three levels in no coordinate, the best product has two in each
    exact = BOUNDS["prop2.two_levels"](d=dim, K=2**dim) if 2 * size < 3 * 2**dim else None
    scalar = _row(fit, x, exact=exact)
    if dim == 1:
        return {"sq": scalar} if exact is None else {"sq": scalar, "vq": scalar}
    return {"sq": scalar, "kmeans-vq": _found(cell, train, x, many=_MANY_FOR_SADDLE)}


def run(cell: Cell) -> list[Row]:
    """Measure one law at one rate."""
    law = str(cell.parameters["law"])
    dim, size = int(cell.parameters["dim"]), int(cell.parameters["codebook_size"])
    measure = {"uniform": _uniform, "saddle": _saddle, "finite": _finite, "many-atoms": _many_atoms}[law]
    rows = measure(cell, dim, size)
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


def laws(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the constant of each law and method: mean of the trials, its standard error, exact value.

    A trial of random atoms is a law of its own, with a constant without error. ``exact`` is NaN
    where the optimum is not known.
    """
    scale = frame["codebook_size"] ** (2 / frame["dim"]) / frame["dim"]
    own = frame["trial"].where(frame["law"].isin(ATOMIC), 0).rename("atoms")
    keys = [frame[name] for name in ("dim", "codebook_size", "law", "method")]
    groups = frame.assign(exact=frame["expected_distortion"] * scale).groupby([*keys, own])
    found = groups.agg(constant=("constant", "mean"), error=("constant", "sem"), exact=("exact", "first"))
    return found.reset_index().fillna({"error": 0.0})


def _words(row: Any) -> str:
    digits = ".4f" if row.constant >= 0.001 else ".1e"
    exact = "" if math.isnan(row.exact) else f"; exact {row.exact:{digits}}"
    where = f"{row.law}, K={row.codebook_size}{exact}"
    return f"{row.method} {row.constant:{digits}} +- {row.error:.4f} ({where})"


def findings(frame: pd.DataFrame) -> list[str]:
    """Say what the hardest law costs each method, against the sharp constants."""
    table = laws(frame)
    table["best"] = table["exact"].fillna(table["constant"])
    lines = []
    for dim, part in table.groupby("dim"):
        worst = part.loc[part.groupby("method")["best"].idxmax()]
        listing = ", ".join(_words(row) for row in worst.itertuples())
        lines.append(
            f"d={dim}: largest E K^(2/d) / d, mean of the trials +- its standard error: {listing}; "
            f"no law above {5 / (2 * math.e):.4f} for SQ, some law above {2 / (math.pi * math.e):.4f} for VQ"
        )
    return lines


def _points(dims: tuple[int, ...], steps: tuple[int, ...], most_bits: int = 12) -> tuple[Row, ...]:
    """Return powers of two from 2^d, and five codewords in the plane, where the sharp constant is reached.

    A coordinate gets at most 2^12 levels, with which a sample can be fitted.
    """
    sizes = [
        (dim, 2 ** (dim + step)) for dim in dims for step in steps if dim + step <= min(most_bits, 12 * dim)
    ]
    points = [
        {"law": law, "dim": dim, "codebook_size": size}
        for dim, size in (*sizes, (2, 5))
        for law in ("uniform", "saddle")
    ]
    return (*points, *({"law": law, "dim": dim, "codebook_size": 2**dim} for law in ATOMIC for dim in dims))


STUDY = Study(
    name="worst-case-rates",
    summary="hard laws on the cube against the bounds of Proposition 2",
    version=6,
    presets={
        "smoke": Preset(
            trials=3,
            points=_points((1, 2, 3), (0, 2)),
            fixed={"n": 4_000, "n_train": 8_000, "points_per_codeword": 32},
            cost="3 s",
        ),
        "paper": Preset(
            trials=5,
            points=_points((1, 2, 3, 4, 8), (0, 1, 2, 4, 6, 8)),
            fixed={"n": 50_000, "n_train": 65_536, "points_per_codeword": 40},
            cost="95 s, 0.4 GB",
        ),
        "large": Preset(
            trials=5,
            points=_points((1, 2, 3, 4, 8), (0, 1, 2, 4, 6, 8, 10, 12, 14), most_bits=16),
            fixed={"n": 200_000, "n_train": 65_536, "points_per_codeword": 40},
            cost="170 min, 1 GB (estimated; 160 min of it k-means with 32768 codewords and more)",
        ),
    },
    run=run,
    findings=findings,
)
