"""Propositions 4 and 5 and Remark 2: squared error and utilization."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from qtheory.claims import _mixing as on
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._pieces import Piece, cell_means, mean_squared_error, pieces
from qtheory.claims.hierarchy import sources
from qtheory.optimal import optimal_vector
from qtheory.results import stream
from qtheory.sources import FiniteSource


def _fewer_words_cost() -> Evidence:
    drops = []
    for source in sources(dim=2, count=15, atoms=5):
        support = len(np.unique(source.atoms, axis=0))
        errors = [optimal_vector(source, K).distortion for K in range(1, support + 1)]
        drops += list(-np.diff(errors))
    return Evidence(
        "numerical",
        min(drops),
        ">",
        1e-9,
        detail="least E*(K - 1) - E*(K) for K up to the size of the support",
    )


def _more_words_than_points() -> Evidence:
    pair = FiniteSource([[0.0], [1.0]], [0.5, 0.5])
    used = len(np.unique(optimal_vector(pair, 4).codes))
    return Evidence(
        "exact", used, "==", 2, detail="cells of positive mass for 2 points and K = 4: no f has more"
    )


def _equal_means() -> Evidence:
    edges = [Fraction(k, 2) for k in (-2, -1, 1, 2)]
    split, whole = (mean_squared_error(pieces(edges, codes)) for codes in ([1, 0, 1], [0, 0, 0]))
    return Evidence(
        "exact", split, "==", whole, detail="error with [-1, 1] split at |x| = 1/2, and not split"
    )


def _split_at_the_mean() -> Evidence:
    edges = [Fraction(k, 3) for k in (-3, 1, 3)]
    split, whole = (mean_squared_error(pieces(edges, codes)) for codes in ([0, 1], [0, 0]))
    return Evidence("exact", split, "<", whole, detail="error with [-1, 1] split at 1/3, and not split")


def _uneven_cut() -> Evidence:
    quarter, half = (mean_squared_error(pieces([0, Fraction(1, k), 1], [0, 1])) for k in (4, 2))
    return Evidence(
        "exact",
        quarter - half,
        "==",
        Fraction(3, 192),
        detail="error of cutting [0, 1] at 1/4 less the minimum",
    )


def _shifted_signs() -> Evidence:
    # S + U with S = -1 or 1 and U uniform on [-1/2, 1/2]; the code is the sign of U
    half = Fraction(1, 2)
    edges = [
        (s + shift, s + shift + half, code) for s in (-1, 1) for shift, code in ((-half, 0), (Fraction(0), 1))
    ]
    mixed = [Piece(Fraction(1, 4), a, b, code) for a, b, code in edges]
    separated = [Piece(p.mass, p.start, p.stop, int(p.mean > 0)) for p in mixed]
    return Evidence(
        "exact", mean_squared_error(mixed), ">", mean_squared_error(separated),
        detail="errors of the code sign(U) and of the code sign(S) for S + U; both use both words",
    )  # fmt: skip


def _parts_of_an_optimal_cell_differ() -> Evidence:
    quarters = [Fraction(k, 4) for k in range(5)]
    parts = list(cell_means(pieces(quarters, [0, 1, 2, 3])).values())
    return Evidence("exact", parts[0], "<", parts[1], detail="means of the two halves of [0, 1/2]")


def _the_cell_is_optimal() -> Evidence:
    quarters = [Fraction(k, 4) for k in range(5)]
    error = mean_squared_error(pieces(quarters, [0, 0, 1, 1]))
    return Evidence(
        "exact", error, "==", Fraction(1, 48), detail="error of merging them; 1 / (12 K^2) is the minimum"
    )


def _partitions(count: int) -> Iterator[tuple[FiniteSource, np.ndarray]]:
    rng = stream(0, "ledger", "partitions")
    for source in sources(dim=2, count=count, atoms=6):
        yield source, rng.permutation(np.arange(6) % 3)


def _violations_bound_the_excess() -> Evidence:
    slack = []
    for source, codes in _partitions(15):
        words = np.array(
            [np.average(source.atoms[codes == k], axis=0, weights=source.pmf[codes == k]) for k in range(3)]
        )
        gaps = ((source.atoms[:, None] - words) ** 2).sum(axis=2)
        error = source.pmf @ gaps[np.arange(6), codes]
        excess = error - optimal_vector(source, 3).distortion
        slack.append(excess - (error - source.pmf @ gaps.min(axis=1)))
    return Evidence(
        "numerical",
        min(slack),
        ">=",
        -1e-12,
        detail="least slack of the bound below, over 15 random partitions",
    )


def _every_size() -> Evidence:
    excess = []
    for K in range(2, 9):
        edges = [Fraction(0), Fraction(1, 2 * K), *(Fraction(k, K) for k in range(2, K + 1))]
        excess.append(mean_squared_error(pieces(edges, range(K))) - Fraction(1, 12 * K * K))
    return Evidence(
        "exact", min(excess), ">", 0, detail="least excess of uneven cells of [0, 1], K = 2, ..., 8"
    )


CLAIMS = (
    Claim(
        id="prop4",
        title="a minimiser of the squared error uses every codeword",
        statement=(
            "Let X be non-atomic and (f*, x*) minimise E|X - x(f(X))|^2 over maps into K values. "
            "Then U(f*) = 1."
        ),
        source="Proposition 4, Appendix A",
        verdict="holds-amended",
        sharp=(
            "Let E|X|^2 be finite. A minimiser exists, and every minimiser has utilization 1 if and only "
            "if the support of X has at least K points. Non-atomicity is not needed; a finite second "
            "moment is: for a Cauchy law every f has infinite error."
        ),
        proof=(
            "Existence: Pollard (1982); Graf and Luschgy (2000). If fewer than K cells have mass and the "
            "support has K points, some cell A is no point. Take a coordinate j that varies on A and its "
            "mean m there: {x_j <= m} and {x_j > m} have mass and different means, and using the unused "
            "word for one of them lowers the error by P(A) w_1 w_2 |m_1 - m_2|^2 > 0. With fewer than K "
            "points no f has K cells of mass.\n"
            "The printed proof takes any partition of the cell. Its parts may have equal means, and then "
            "nothing is gained: [-1, 1] split at |x| = 1/2. It also leaves the objective out of the "
            "display and assumes a minimiser."
        ),
        checks=(
            Check("every further word lowers the least error", _fewer_words_cost),
            Check("but not beyond the support", _more_words_than_points),
            Check("a split with equal means gains nothing", _equal_means),
            Check("a split with different means gains", _split_at_the_mean),
        ),
        group="prop4",
    ),
    Claim(
        id="prop5",
        title="full utilization does not imply the least squared error",
        statement="Some f with U(f) = 1 has more than the minimal error, even with optimal reconstruction.",
        source="Proposition 5, Appendix A",
        verdict="holds",
        sharp=(
            "X uniform on [0, 1], K = 2, cut at 1/4: error 7/192 against 4/192. Not even PPL = K bounds "
            "the error away from the variance (see prop1.a)."
        ),
        proof="Direct computation.",
        checks=(
            Check("an uneven cut of [0, 1]", _uneven_cut),
            Check("two clusters coded by the wrong sign", _shifted_signs),
        ),
        group="prop5",
    ),
    Claim(
        id="prop5.proof",
        title="mixing two well-separated clusters raises the error",
        statement=(
            "For two separated clusters and K = 2 the separating quantizer is optimal, and splitting each "
            "cluster in equal halves and joining halves across clusters is worse."
        ),
        source="Appendix A, proof of Proposition 5",
        verdict="holds-amended",
        sharp=(
            "With masses p_i, means m_i and diameters w_i, mixing is worse if 2 sqrt(p_1 p_2) |m_1 - m_2| > "
            "p_1 w_1 + p_2 w_2, and for atoms at the ends of the clusters only then. It may be better: mass "
            "1/100 on [-0.51, -0.49] and 99/100 on [0, 1] have error 0.0825003 when separated and 0.0311193 "
            "when mixed."
        ),
        proof=(
            "Errors differ by between-cell variances. The separating one is p_1 p_2 |m_1 - m_2|^2. The "
            "mixing one is a quarter of the squared distance of its two means, at most (p_1 w_1 + p_2 w_2)^2 "
            "/ 4, since the means of the halves of cluster i are at most w_i apart: exactly w_i, if its "
            "halves are atoms at its ends."
        ),
        checks=(
            Check("mixing separated clusters may be better", on.mixing_may_win),
            Check("mixing is worse under the condition", on.separation_suffices),
            Check("and elsewhere no worse, for atoms at the ends", on.separation_is_sharp),
        ),
        group="prop5",
    ),
    Claim(
        id="prop5.remark2",
        title="merging parts with different means is strictly suboptimal",
        statement=(
            "The construction extends to any K >= 2, and the suboptimality is strict whenever the merged "
            "parts have different conditional means."
        ),
        source="Remark 2",
        verdict="refuted",
        sharp=(
            "The extension to K >= 2 is right. But every cell of an optimal quantizer that is no point is "
            "a union of two parts with different means. Right is: E(f) - min E >= E[|X - x_f(f(X))|^2 - "
            "min_k |X - x_f(k)|^2], so f is strictly suboptimal if its own words violate the "
            "nearest-neighbour rule."
        ),
        proof=(
            "[0, 1/2] is a cell of the optimal two-level quantizer of the uniform law and the union of [0, "
            "1/4] and [1/4, 1/2]. The inequality: rounding to the nearest of the words x_f has at least "
            "the minimal error."
        ),
        checks=(
            Check("the halves of a cell have different means", _parts_of_an_optimal_cell_differ),
            Check("and the cell is optimal", _the_cell_is_optimal),
            Check("violations of the nearest-neighbour rule bound the excess", _violations_bound_the_excess),
            Check("uneven cells are suboptimal for every K", _every_size),
        ),
        group="prop5",
    ),
)
