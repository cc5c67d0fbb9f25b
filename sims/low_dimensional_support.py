"""VQ, PQ and SQ where the source fills few dimensions, straight or curved (Proposition 3).

On the diagonal of the cube, the paper's example, the optimal codebooks are known, so none is fitted:
each row evaluates one on fresh vectors. In random subspaces and on surfaces all are fitted. VQ is fitted
in the span of the data, which changes nothing: squared distances are those of the whole space.

Each codeword has 40 training vectors: 65536 have 2.6 million. On lines, where codebooks are levels, in planes
and on surfaces of three dimensions, where a tree searches, a fit is quick. With spans of four and eight
dimensions a search takes time in proportion to K, a fit 256 times as long as with 4096: these end at 4096 in
preset ``paper``, and the torus, which spans four. So do planes in R^16 and R^32, since VQ in the span does
not see the space around it. Preset ``large`` has the rest in R^8.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory.bounds import BOUNDS
from qtheory.limits import zador
from qtheory.optimal import allocate
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Subspace
from sims import _fitted, _scalar, _supports
from sims._fitted import Fitted
from sims.study import Preset, Study

Array = NDArray[np.float64]

BLOCKS = (2, 4, 8)
_ROWS = 16_384
_RATES = ["shape", "dim", "support_dim", "method", "smallest_size", "largest_size", "measurements"]
_RATES += ["slope", "standard_error", "vq_limit"]


class _Segment:
    """Optimal distortion of the uniform law on the diagonal of a block of `dim` coordinates."""

    limit = 1 << 20

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __call__(self, n: int) -> float:
        return self.dim / (3 * n**2)


def _midpoints(n: int) -> Array:
    return -1 + (2 * np.arange(n) + 1) / n


def _segment(dim: int, n: int) -> Callable[[Array], Array]:
    """Return the nearest-codeword map of the optimal `n` points on the diagonal of R^dim."""
    return _fitted.lookup(np.repeat(_midpoints(n)[:, None], dim, axis=1))


def _on_diagonal(dim: int, blocks: int, codebook_size: int) -> Fitted:
    """Return the optimal product quantizer of the diagonal; its in-sample distortion is the exact one."""
    width = dim // blocks
    sizes, exact = allocate([_Segment(width) for _ in range(blocks)], codebook_size)
    maps = [_segment(width, n) for n in sizes]

    def reconstruct(x: Array) -> Array:
        return np.hstack([m(part) for m, part in zip(maps, np.split(x, blocks, axis=1), strict=True)])

    return Fitted(reconstruct, sizes, exact)


def _turned_scalar(dim: int, codebook_size: int) -> Fitted:
    """Return the scalar quantizer that spends all levels along the diagonal, after a rotation."""
    values = _midpoints(codebook_size) * dim**0.5
    levels = _scalar.Levels((values[:-1] + values[1:]) / 2, values)
    axis = np.full((dim, 1), dim**-0.5)
    return Fitted(
        lambda x: _scalar.reconstruct(x @ axis, [levels]) @ axis.T,
        (codebook_size,),
        dim / (3 * codebook_size**2),
    )


def _bounds(method: str, *, dim: int, codebook_size: int, support_dim: int, diagonal: bool) -> Row:
    """Return what Proposition 3 says of the optimal quantizer: of PQ and SQ on the diagonal only."""
    blocks = {"vq": 1, "sq": dim, **{f"pq-{m}": m for m in BLOCKS}}.get(method)
    row: Row = dict.fromkeys(("lower_bound", "lower_bound_paper", "upper_bound", "upper_bound_paper"))
    if diagonal and blocks:
        block_dims = (dim // blocks,) * blocks
        row["lower_bound"] = BOUNDS["prop3.pq.lower.sharp"](K=codebook_size, block_dims=block_dims)
        if codebook_size >= 2**dim:
            row["lower_bound_paper"] = BOUNDS["prop3.pq.lower.paper"](K=codebook_size, block_dims=block_dims)
    if method == "vq" and support_dim:
        sharp, paper = BOUNDS["prop3.vq.upper.sharp"], BOUNDS["prop3.vq.upper.paper"]
        row["upper_bound"] = sharp(d=dim, K=codebook_size, support_dim=support_dim)
        if support_dim < dim and codebook_size >= 2**support_dim:
            row["upper_bound_paper"] = paper(d=dim, K=codebook_size, support_dim=support_dim)
    return row


def _diagonal(cell: Cell, dim: int, size: int, n: int) -> list[Row]:
    x = Subspace.diagonal(dim).sample(n, rng=cell.rng("features", "shape", "dim"))
    quantizers = {"vq": _on_diagonal(dim, 1, size), "sq-pca": _turned_scalar(dim, size)}
    quantizers |= {f"pq-{m}": _on_diagonal(dim, m, size) for m in BLOCKS if m < dim}
    quantizers["sq"] = _on_diagonal(dim, dim, size)
    rows = []
    for method, quantizer in quantizers.items():
        row = _fitted.measure(quantizer, x)
        exact = row["in_sample_distortion"]
        known = {"in_sample_distortion": None, "expected_distortion": exact, "zador": dim / (3 * size**2)}
        bounds = _bounds(method, dim=dim, codebook_size=size, support_dim=1, diagonal=True)
        rows.append({"method": method, **row, **known, **bounds})
    return rows


def _block_sizes(bits: int, blocks: int) -> tuple[int, ...]:
    """Return powers of two with ``bits`` bits in all, as equal as can be."""
    return tuple(2 ** (bits // blocks + (m < bits % blocks)) for m in range(blocks))


def _fit_all(x: Array, bits: int, span: int, *, rng: np.random.Generator) -> dict[str, Fitted]:
    """Fit all methods to vectors whose linear span has `span` dimensions.

    Only VQ, and scalar quantizers that may spend all levels on one axis, need all rows.
    """
    dim = x.shape[1]
    axes = _fitted.principal_axes(x)[:, :span]
    fits = {
        "vq": _fitted.rotated(lambda y: _fitted.vector(y, 2**bits, rng=rng), x, axes),
        "sq-pca": _fitted.rotated(lambda y: _fitted.scalar(y, 2**bits), x, axes),
    }
    x = x[:_ROWS]
    for m in BLOCKS:
        if m < dim:
            fits[f"pq-{m}"] = _fitted.product(x, (dim // m,) * m, _block_sizes(bits, m), rng=rng)
    fits["opq-4"] = _fitted.optimized_product(x, (dim // 4,) * 4, _block_sizes(bits, 4), rng=rng)
    fits["sq"] = _fitted.scalar(x, 2**bits)
    return fits


def _fitted_rows(cell: Cell, shape: str, dim: int, size: int, n: int) -> list[Row]:
    k = int(cell.parameters["support_dim"])
    depends = ("shape", "dim", "support_dim")
    train = max(int(cell.parameters["n_train"]), int(cell.parameters["points_per_codeword"]) * size)
    if shape == "subspace":
        source = _supports.random_subspace(dim, k, rng=cell.rng("axes", *depends))
        draws = [
            source.sample(m, rng=cell.rng(name, *depends))
            for name, m in (("features", n), ("training", train))
        ]
        span, high_rate = k, zador(_supports.box(k), size)
    else:
        span, high_rate = _supports.SURFACE_SPAN[shape], None
        axes = _supports.random_axes(dim, span, rng=cell.rng("axes", *depends))
        draws = [
            _supports.surface(shape, m, rng=cell.rng(name, *depends)) @ axes.T
            for name, m in (("features", n), ("training", train))
        ]
    x, training = draws
    fits = _fit_all(training, size.bit_length() - 1, span, rng=cell.rng("fits", *depends, "nominal_size"))
    support = k if shape == "subspace" else 0
    return [
        {
            "method": method,
            **_fitted.measure(fit, x),
            "expected_distortion": None,
            "zador": high_rate,
            **_bounds(method, dim=dim, codebook_size=size, support_dim=support, diagonal=False),
        }
        for method, fit in fits.items()
    ]


def run(cell: Cell) -> list[Row]:
    """Measure all methods on one support at one rate, on the same fresh vectors."""
    shape = str(cell.parameters["shape"])
    dim, size, n = (int(cell.parameters[key]) for key in ("dim", "nominal_size", "n"))
    if shape == "diagonal":
        return _diagonal(cell, dim, size, n)
    return _fitted_rows(cell, shape, dim, size, n)


def rates(frame: pd.DataFrame, smallest: int = 16) -> pd.DataFrame:
    """Return slopes of log distortion against log K with standard errors, over K >= `smallest`.

    The error comes from the scatter of all trials about the line; curvature of the curve counts as scatter.
    Beside it stands the slope of optimal vector quantizers, -2 / support dimension.
    """
    rows = []
    window = frame[frame["nominal_size"] >= smallest]
    for (shape, dim, k, method), part in window.groupby(["shape", "dim", "support_dim", "method"]):
        x, y = np.log(part["nominal_size"]), np.log(part["distortion"])
        if x.nunique() < 3:
            continue
        slope, level = np.polyfit(x, y, 1)
        left = y - slope * x - level
        error = float(np.sqrt(np.square(left).sum() / (len(x) - 2) / np.square(x - x.mean()).sum()))
        sizes = part["nominal_size"]
        span = (int(sizes.min()), int(sizes.max()), len(part))
        limit = -2 / int(part["support_dim"].iloc[0])
        rows.append((shape, dim, k, method, *span, float(slope), error, limit))
    return pd.DataFrame(rows, columns=_RATES)


def findings(frame: pd.DataFrame) -> list[str]:
    """Say at which rate each method falls, on each kind of support."""
    lines = []
    for (shape, dim), part in rates(frame).groupby(["shape", "dim"]):
        for k in sorted(set(part["support_dim"])):
            listing = ", ".join(
                f"{row.method} {row.slope:.3f} +- {row.standard_error:.3f}"
                for row in part[part["support_dim"] == k].itertuples()
            )
            lines.append(f"{shape}, d={dim}: slope of ln E in ln K, VQ limit {-2 / k:.3f}: {listing}")
    return lines


def _points(sizes: tuple[int, ...], dims: tuple[int, ...]) -> tuple[dict[str, Any], ...]:
    """Return all sizes in the smallest space, those up to 4096 in larger ones.

    On lines, where codebooks are levels, sizes go up to 65536.
    """
    points: list[dict[str, Any]] = []
    line = sizes if 65536 in sizes else (*sizes, 65536)
    for dim in dims:
        some = sizes if dim == dims[0] else tuple(size for size in sizes if size <= 4096)
        points += grid(shape=("diagonal", "subspace"), dim=(dim,), support_dim=(1,), nominal_size=line)
        points += grid(shape=("subspace",), dim=(dim,), support_dim=(2, 4, 8), nominal_size=some)
    points += grid(shape=tuple(_supports.SURFACE_SPAN), dim=dims[:1], support_dim=(2,), nominal_size=sizes)
    return tuple(points)


# codewords that only a tree finds in time, which is quick where the span has at most three dimensions
_MANY = grid(
    shape=("subspace", "sphere", "swiss-roll"), dim=(8,), support_dim=(2,), nominal_size=(16384, 65536)
)

STUDY = Study(
    name="low-dimensional-support",
    summary="VQ, PQ, OPQ and SQ on lines, subspaces and surfaces in 8 to 32 dimensions (Proposition 3)",
    version=6,
    presets={
        "smoke": Preset(
            trials=1,
            points=_points((16, 64, 256), (8,)),
            fixed={"n": 4_000, "n_train": 4_000, "points_per_codeword": 16},
            cost="8 s",
        ),
        "paper": Preset(
            trials=2,
            points=(*_points((16, 64, 256, 1024, 4096), (8, 16, 32)), *_MANY),
            fixed={"n": 20_000, "n_train": 16_384, "points_per_codeword": 40},
            cost="190 s, 1.5 GB",
        ),
        "large": Preset(
            trials=2,
            points=_points((16, 64, 256, 1024, 4096, 16384, 65536), (8, 16, 32)),
            fixed={"n": 50_000, "n_train": 16_384, "points_per_codeword": 40},
            cost="50 min, 2 GB (estimated; 35 min of it k-means with 65536 codewords)",
        ),
    },
    run=run,
    findings=findings,
    derived={"rates": rates},
)
