"""What a codebook fitted to a sample says about the optimum: less than it seems, on a known side."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from math import prod

from qtheory.claims._claim import Check, Claim, Evidence

_LAW = {0: Fraction(1, 2), 1: Fraction(1, 4), 3: Fraction(1, 8), 7: Fraction(1, 8)}
_SIZE = 2
_SAMPLES = range(1, 6)

Weights = dict[int, Fraction]


def _cells(points: Sequence[int]) -> Iterator[list[Sequence[int]]]:
    """Cut sorted points into at most `_SIZE` runs, which an optimum on the line has as cells."""
    for cuts in range(min(_SIZE, len(points))):
        for at in combinations(range(1, len(points)), cuts):
            yield [points[a:b] for a, b in pairwise((0, *at, len(points)))]


def _means(weights: Weights, cells: list[Sequence[int]]) -> list[Fraction]:
    masses = [sum((weights[x] for x in cell), Fraction(0)) for cell in cells]
    return [
        sum((weights[x] * x for x in cell), Fraction(0)) / m for cell, m in zip(cells, masses, strict=True)
    ]


def _error(weights: Weights, words: list[Fraction]) -> Fraction:
    return sum((p * min((x - word) ** 2 for word in words) for x, p in weights.items()), Fraction(0))


def _optimum(weights: Weights) -> list[Fraction]:
    found = [_means(weights, cells) for cells in _cells(sorted(weights))]
    return min(found, key=lambda words: _error(weights, words))


@cache
def _expected(n: int) -> tuple[Fraction, Fraction]:
    """Mean error, over all samples of n, of the best codebook on its sample and on the law."""
    inside = outside = Fraction(0)
    for sample in product(_LAW, repeat=n):
        chance = prod((_LAW[x] for x in sample), start=Fraction(1))
        shares = {x: Fraction(count, n) for x, count in Counter(sample).items()}
        words = _optimum(shares)
        inside += chance * _error(shares, words)
        outside += chance * _error(_LAW, words)
    return inside, outside


def _sample_is_optimistic() -> Evidence:
    optimum = _error(_LAW, _optimum(_LAW))
    return Evidence(
        "exact", max(_expected(n)[0] for n in _SAMPLES), "<", optimum,
        detail="largest mean in-sample error of best codebooks of 2 words, samples of 1 to 5, four points",
    )  # fmt: skip


def _held_out_is_pessimistic() -> Evidence:
    optimum = _error(_LAW, _optimum(_LAW))
    return Evidence(
        "exact", min(_expected(n)[1] for n in _SAMPLES), ">", optimum,
        detail="least mean error of the same codebooks on the law itself",
    )  # fmt: skip


def _more_samples_are_less_optimistic() -> Evidence:
    falls = sum(_expected(n)[0] > _expected(n + 1)[0] for n in _SAMPLES[:-1])
    return Evidence("exact", falls, "==", 0, detail="sample sizes at which the mean in-sample error falls")


CLAIMS = (
    Claim(
        id="theorem.finite-sample",
        title="in-sample error is below the optimum in the mean, held-out error above it always",
        statement=(
            "Let a codebook of K words be best for n independent vectors. Its mean error on them is at most "
            "E* and does not fall with n; its error on the law is at least E*."
        ),
        source="after Pollard 1982; not in the paper",
        verdict="holds",
        sharp=(
            "So in-sample errors of fitted codebooks prove nothing about E*, and comparisons between classes "
            "with different numbers of parameters, K d for VQ and sum n_m d_m for PQ, need held-out vectors. "
            "The same holds within every class of codebooks."
        ),
        proof=(
            "On the sample the best codebook beats the optimal one of the law, whose mean error there is E*. "
            "The sample error of n + 1 vectors is the mean over the n + 1 samples that leave one out, of the "
            "error of one codebook; on each of those its own best is better. The law's error of any codebook "
            "is at least E* by definition."
        ),
        checks=(
            Check("four points: the sample is optimistic", _sample_is_optimistic),
            Check("the law is not", _held_out_is_pessimistic),
            Check("less so with more vectors", _more_samples_are_less_optimistic),
        ),
        group="theorems",
    ),
)
