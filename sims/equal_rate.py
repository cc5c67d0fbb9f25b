"""Vector, product, residual and scalar quantizers at equal rate, in dB from Shannon's bound.

All are fitted to samples and measured on others. VQ stops where the sample cannot fill its codebook; at
higher rates its limit, Zador's, stands for it. Entropy-coded scalar quantization spends its rate as
entropy, the others as the logarithm of the number of codewords.
"""

import math
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qtheory import limits, optimal
from qtheory.results import Cell, grid
from qtheory.results.sweep import Row
from qtheory.sources import Diagonal, Source
from sims import _cases, _fitted, _scalar
from sims._cases import DIM
from sims._fitted import Fitted
from sims.study import Preset, Study

Array = NDArray[np.float64]

_STAGE = 8  # bits of a stage of residual quantization
# bits up to which a method's codebooks, per block, are filled by the sample
_LIMITS = {"vq": 12, "pq-2": 16, "pq-4": 32, "opq-4": 32}


def _stages(bits: int) -> tuple[int, ...]:
    """Return stages of 8 bits, and one for the rest."""
    rest = (2 ** (bits % _STAGE),) if bits % _STAGE else ()
    return (2**_STAGE,) * (bits // _STAGE) + rest


def _entropy_coded(x: Array, bits: int) -> Fitted:
    coded = _scalar.entropy_coded(x, bits)
    sizes = tuple(len(levels.values) for levels in coded.coordinates)
    return Fitted(lambda v: _scalar.reconstruct(v, coded.coordinates), sizes, coded.in_sample_distortion)


def _methods(bits: int, rng: np.random.Generator) -> dict[str, Callable[[Array], Fitted]]:
    """Return how each method that can work at this rate is fitted."""

    def after_rotation(fit: Callable[[Array], Fitted]) -> Callable[[Array], Fitted]:
        return lambda x: _fitted.rotated(fit, x, _fitted.principal_axes(x))

    def blocks(m: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (DIM // m,) * m, (2 ** (bits // m),) * m

    def scalar(x: Array) -> Fitted:
        return _fitted.scalar(x, 2**bits)

    def entropy_coded(x: Array) -> Fitted:
        return _entropy_coded(x, bits)

    methods: dict[str, Callable[[Array], Fitted]] = {
        "vq": lambda x: _fitted.vector(x, 2**bits, rng=rng),
        "pq-2": lambda x: _fitted.product(x, *blocks(2), rng=rng),
        "pq-4": lambda x: _fitted.product(x, *blocks(4), rng=rng),
        "opq-4": lambda x: _fitted.optimized_product(x, *blocks(4), rng=rng),
        "rq": lambda x: _fitted.residual(x, _stages(bits), rng=rng),
        "sq": scalar,
        "sq-pca": after_rotation(scalar),
        "ecsq": entropy_coded,
        "ecsq-pca": after_rotation(entropy_coded),
    }
    return {name: fit for name, fit in methods.items() if bits <= _LIMITS.get(name, bits)}


@cache
def exact_entropy_coded(coordinates: tuple[Source, ...], bits: int) -> float:
    """Return the distortion of uniform scalar quantizers of one step, `bits` bits of entropy a vector."""
    from scipy.optimize import brentq

    laws = Counter(coordinates)  # equal coordinates are one object

    def coded(log_step: float) -> list[tuple[int, limits.EntropyCoded]]:
        return [(many, limits.entropy_coded_uniform(law, math.exp(log_step))) for law, many in laws.items()]

    def excess(log_step: float) -> float:
        return sum(many * part.rate for many, part in coded(log_step)) - bits

    deviations = np.log([law.variance**0.5 for law in coordinates])
    # at high rate the step is sqrt(2 pi e) times the mean deviation, a factor of 2 finer each bit
    finest = float(deviations.mean()) - math.log(2) * bits / len(coordinates) - 1
    step = brentq(excess, finest, float(deviations.max()) + 4, xtol=1e-12)
    return sum(many * part.distortion for many, part in coded(step))


@cache
def _exact(name: str, method: str, bits: int) -> float | None:
    """Return the exact distortion of a scalar method where it is known.

    After a rotation it is known where the principal axes are those of independence; for a law with
    equal variances they are arbitrary, except that every axis of an isotropic Gaussian is as good.
    """
    case = _cases.case(name)
    turned = method.endswith("-pca")
    if turned and not case.axes_found:
        return None
    coordinates = case.axes if turned else case.marginals
    if method.startswith("ecsq"):
        return exact_entropy_coded(coordinates, bits)
    if not method.startswith("sq") or not all(law.marginal(0).log_concave for law in coordinates):
        return None
    return optimal.optimal_scalar(Diagonal(coordinates), 2**bits).distortion


def decibel(ratio: float) -> float:
    """Return a ratio of distortions in dB."""
    return 10 * math.log10(ratio)


def run(cell: Cell) -> list[Row]:
    """Fit and measure all methods on one source at one rate, on the same vectors."""
    name, bits = str(cell.parameters["source"]), int(cell.parameters["bits"])
    case = _cases.case(name)
    x = case.source.sample(int(cell.parameters["n"]), rng=cell.rng("features", "source"))
    # only VQ has so many codewords that it needs the longer sample
    longer = case.source.sample(int(cell.parameters["n_train_vq"]), rng=cell.rng("training", "source"))
    shorter = longer[: int(cell.parameters["n_train"])]
    bound = case.shannon(bits)
    common = {
        "shannon_bound": bound,
        "zador_db": decibel(limits.zador(case.axes_law, 2**bits) / bound),
        **{f"gain_{key}_db": decibel(value) for key, value in case.gains().items()},
    }
    rows = []
    for method, fit in _methods(bits, cell.rng("fits", "source", "bits")).items():
        measured = _fitted.measure(fit(longer if method == "vq" else shorter), x)
        exact = _exact(name, method, bits)
        rows.append(
            {
                "method": method,
                "rate_per_dim": bits / DIM,
                **measured,
                "codebook_size": float(measured["codebook_size"]),
                "expected_distortion": exact,
                "gap_db": decibel(measured["distortion"] / bound),
                "expected_gap_db": None if exact is None else decibel(exact / bound),
                **common,
            }
        )
    return rows


def findings(frame: pd.DataFrame) -> list[str]:
    """Say which method comes nearest at each source, at one and at the highest rate."""
    lines = []
    gaps = frame.groupby(["source", "bits", "method"])["gap_db"].mean()
    for name in _cases.NAMES:
        for bits in sorted({8, int(frame["bits"].max())} & set(frame["bits"])):
            listing = ", ".join(f"{m} {gap:.2f}" for m, gap in gaps[name, bits].sort_values().items())
            lines.append(f"{name}, {bits / DIM:g} bits a dimension, dB above Shannon: {listing}")
    return lines


def _points(bits: tuple[int, ...]) -> tuple[Row, ...]:
    return grid(source=_cases.NAMES, bits=bits)


STUDY = Study(
    name="equal-rate",
    summary="VQ, PQ, OPQ, RQ, SQ and entropy-coded SQ on five sources, in dB from Shannon's bound",
    version=2,
    presets={
        "smoke": Preset(
            trials=1,
            points=_points((4, 8, 16)),
            fixed={"n": 4_000, "n_train": 4_000, "n_train_vq": 4_000},
            cost="10 s",
        ),
        "paper": Preset(
            trials=2,
            points=_points((4, 8, 12, 16, 24, 32, 48)),
            fixed={"n": 32_768, "n_train": 32_768, "n_train_vq": 131_072},
            cost="370 s, 0.6 GB",
        ),
    },
    run=run,
    findings=findings,
)
