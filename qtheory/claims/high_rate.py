"""Theorems of high rate on codewords of given density and on products, and conditions on all optima."""

import math
from itertools import product

import numpy as np

from qtheory import limits
from qtheory.claims import _formula_checks as formulas
from qtheory.claims import _spike_checks as spikes
from qtheory.claims import _tail_checks as tails
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._theorem_checks import scaled_scalar_optimum
from qtheory.claims.hierarchy import sources
from qtheory.expected import matched_codebook_distortion
from qtheory.optimal import FiniteOptimum, optimal_vector
from qtheory.sources import FiniteSource, Gaussian, Laplace


def _optima() -> list[tuple[FiniteSource, FiniteOptimum]]:
    return [(source, optimal_vector(source, K)) for source in sources(dim=2, count=15) for K in (2, 3, 4)]


def _words_are_means() -> Evidence:
    gap = 0.0
    for source, best in _optima():
        for code in np.unique(best.codes):
            cell = best.codes == code
            mean = np.average(source.atoms[cell], axis=0, weights=source.pmf[cell])
            gap = max(gap, float(np.abs(mean - best.codebook[code]).max()))
    return Evidence(
        "numerical", gap, "<=", 1e-12, detail="largest gap of a word to its cell's mean, 45 problems"
    )


def _codes_are_nearest() -> Evidence:
    excess = 0.0
    for source, best in _optima():
        squares = ((source.atoms[:, None] - best.codebook) ** 2).sum(axis=2)
        chosen = squares[np.arange(len(best.codes)), best.codes]
        excess = max(excess, float((chosen - squares.min(axis=1)).max()))
    return Evidence(
        "numerical", excess, "<=", 1e-12, detail="largest squared distance above the nearest word's"
    )


def _energy_splits() -> Evidence:
    gap = 0.0
    for source, best in _optima():
        decoded = best.codebook[best.codes]
        energies = [float(source.pmf @ (points**2).sum(axis=1)) for points in (source.atoms, decoded)]
        gap = max(gap, abs(energies[0] - energies[1] - best.distortion))
    return Evidence("numerical", gap, "<=", 1e-12, detail="largest |E|X|^2 - E|Xhat|^2 - E|X - Xhat|^2|")


def _bennett_is_approached() -> Evidence:
    points, n = Gaussian(1, 3.0), 2000
    levels = points.marginal(0).power_quantile(1.0, (np.arange(n) + 0.5) / n)
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    law = Gaussian(1).marginal(0)
    mass, first, second = (
        part(borders[:-1], borders[1:]) for part in (law.mass, law.first_moment, law.second_moment)
    )
    error = float(np.sum(second - 2 * levels * first + levels**2 * mass))
    return Evidence(
        "numerical", error / limits.bennett(Gaussian(1), points, n), "~=", 1, tolerance=1e-3,
        detail="error of 2000 levels at quantiles of N(0, 3), for N(0, 1), over Bennett's integral",
    )  # fmt: skip


def _bennett_is_least_at_the_optimum() -> Evidence:
    others = [limits.bennett(Gaussian(1), Gaussian(1, v), 1) for v in (2.2, 2.6, 2.9, 3.1, 3.5, 5.0)]
    return Evidence(
        "numerical", min(others), ">", limits.panter_dite(Gaussian(1), 1),
        detail="least integral over six other variances, and Panter-Dite's at variance 3",
    )  # fmt: skip


def _random_words_approach_mismatch() -> Evidence:
    worst = max(
        abs(
            matched_codebook_distortion(8, 2**45, 1.0, v) / limits.random_codebook_limit(8, 2**45, 1.0, v) - 1
        )
        for v in (1.0, 1.25, 2.0)
    )
    return Evidence(
        "numerical",
        worst,
        "<",
        0.01,
        detail="relative gap to the limit at K = 2^45, d = 8, variances 1, 1.25, 2",
    )


def _mismatch_diverges() -> Evidence:
    few, many = (matched_codebook_distortion(8, K, 1.0, 0.2) * K**0.25 for K in (2**10, 2**50))
    return Evidence(
        "numerical", many, ">", 2 * few, detail="K^(2/d) E at K = 2^50 and 2^10, variance 0.2 < 2/d, d = 8"
    )


_BLOCKS = (Gaussian(4), Gaussian(4, 3.0), Gaussian(8, 0.5))


def _block_cost(logs: np.ndarray, K: int) -> float:
    """High-rate error of blocks with real sizes ``exp(logs)``, rescaled so that their product is K."""
    logs = logs + (math.log(K) - logs.sum()) / len(logs)
    parts = [
        limits.zador(block, 1) * math.exp(-2 * x / block.dim) for block, x in zip(_BLOCKS, logs, strict=True)
    ]
    return sum(parts)


def _product_limit_is_least() -> Evidence:
    K = 2**32
    grid = [np.array(point) for point in product(np.linspace(-4, 14, 37), repeat=2)]
    least = min(_block_cost(np.array([*point, 0.0]), K) for point in grid)
    return Evidence(
        "numerical", least / limits.product_limit(_BLOCKS, K), ">=", 1 - 1e-12,
        detail="least error over 1369 allocations to three Gaussian blocks, over the limit's formula",
    )  # fmt: skip


def _product_limit_is_reached() -> Evidence:
    K = 2**32
    d = sum(block.dim for block in _BLOCKS)
    target = limits.product_limit(_BLOCKS, K) / d
    logs = np.array(
        [block.dim / 2 * math.log(limits.zador(block, 1) / block.dim / target) for block in _BLOCKS]
    )
    return Evidence(
        "numerical", _block_cost(logs, K) / (d * target), "~=", 1, tolerance=1e-12,
        detail="error with equal distortion a dimension in all blocks, over the limit's formula",
    )  # fmt: skip


def _product_of_scalars() -> Evidence:
    limit = limits.product_limit((Gaussian(1, 4.0), Laplace(1, 0.5)), 1)
    return Evidence(
        "numerical", scaled_scalar_optimum() / limit, "~=", 1, tolerance=0.005,
        detail="optimum of a product of two blocks over the limit, extrapolated from K = 5000 and 20000",
    )  # fmt: skip


CLAIMS = (
    Claim(
        id="theorem.necessary",
        title="optimal codebooks are means of nearest-neighbour cells, and lose energy",
        statement=(
            "If E|X|^2 is finite, a codebook of least error exists for every K. Its words are the means of "
            "their cells, its codes are nearest neighbours, E Xhat = E X and E|Xhat|^2 = E|X|^2 - E, and it "
            "has K cells of positive mass if and only if the support has at least K points."
        ),
        source="Lloyd 1957, Pollard 1982, Graf and Luschgy 2000; not in the paper",
        verdict="holds",
        sharp="These conditions are necessary, not sufficient (see theorem.lloyd-max).",
        proof=(
            "Existence: Pollard 1982. For fixed cells the mean is the best word, for fixed words the nearest "
            "the best code; so an optimum satisfies both. Then E[(X - Xhat) | code] = 0, hence E Xhat = E X "
            "and E<X - Xhat, Xhat> = 0, which splits the energy. The number of cells: prop4."
        ),
        checks=(
            Check("words are means", _words_are_means),
            Check("codes are nearest neighbours", _codes_are_nearest),
            Check("the energy splits", _energy_splits),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.bennett",
        title="levels of density g cost int f g^-2 / (12 n^2)",
        statement=(
            "If X has a density f on the line, n levels at the quantiles (i - 1/2) / n of a density g have "
            "n^2 E tending to int f g^-2 / 12, if n^2 (X - Xhat)^2 is uniformly integrable. So it is if g is "
            "bounded below on an interval that holds the support of X, or if g is unimodal and the integral "
            "finite."
        ),
        source="Bennett 1948; not in the paper",
        verdict="holds",
        sharp=(
            "The integral is least, ||f||_{1/3}, for g proportional to f^(1/3), where it is Panter-Dite's. "
            "That it is finite is not enough, even on a bounded support: levels may miss rare spikes."
        ),
        proof=(
            "A cell at almost every x has width w = 1 / (n g(x)) to first order and error w^2 / 12; sum with "
            "weight f, which uniform integrability allows. Where g >= c on an interval, a level is within 1 "
            "/ (c n) of its points. Between x and the next level towards the mode g is at least g(x) and has "
            "mass 1/n at most, so n |X - Xhat| <= 1 / g(X), but for the two cells at the mode, where it is "
            "bounded. Spikes on [1/k, 1/k + 8^-k] of mass 2^-k under f and 2^-k / 2 under g, k >= 1, have "
            "int f g^-2 = 4/31, but those beyond log2 n + 1 have no level and cost more than n^-1 / "
            "log2(n)^4 up to a constant. Hoelder: int f^(1/3) <= (int f g^-2)^(1/3) (int g)^(2/3)."
        ),
        checks=(
            Check("2000 levels at quantiles of a wider law", _bennett_is_approached),
            Check("no other variance on a list is as good", _bennett_is_least_at_the_optimum),
            Check("closed form for Gaussian levels", formulas.bennett_of_gaussian_levels),
            Check(
                "a unimodal density keeps n |X - Xhat| below 1 / g", tails.distances_below_one_over_density
            ),
            Check("spikes do not overlap", spikes.spikes_do_not_overlap),
            Check("and have a finite integral", spikes.integral_of_spikes),
            Check("spikes without a level lose the rate", spikes.quantiles_of_spikes_lose_the_rate),
            Check("and more whenever n doubles", spikes.quantiles_of_spikes_get_worse),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.mismatch",
        title="codewords of density g cost int f g^(-2/d) at high rate",
        statement=(
            "If X has a density f, K independent words of density g have K^(2/d) E tending to Gamma(1 + 2/d) "
            "V_d^(-2/d) int f g^(-2/d), if K^(2/d) |X - Xhat|^2 is uniformly integrable for large K. So it "
            "is if g has a moment of some positive order and is bounded below on a ball that holds the "
            "support of X, or decreases radially with a finite integral. The best codebooks of that point "
            "density have d G_d in place of the first factors, if E|X|^(2+e) is finite for some e > 0."
        ),
        source="Zador 1982, Bucklew 1984, Na and Neuhoff 1995, Cohort 2004; not in the paper",
        verdict="holds",
        sharp=(
            "For N(0, s^2 I) and words N(0, t^2 I) the integral is 2 pi t^2 (1 - 2 s^2 / (d t^2))^(-d/2), "
            "finite only for t^2 > 2 s^2 / d and least at t^2 = s^2 (d + 2) / d. That an integral is finite "
            "is not enough, even on a bounded support: the spikes of theorem.bennett lose the rate here too. "
            "Nor is a bound on g from below: for X uniform on [0, 1], g = 1/2 there and 1 / (2 x ln(x)^2) "
            "for x >= e, E is infinite for every K. A singular part of X, free for optimal codebooks, costs "
            "random words: for continuous g the integral is over the law of X."
        ),
        proof=(
            "Given x, K V_d r^d g(x) is the mean number of words within r for small r, so K^(2/d) times the "
            "least squared distance D^2 tends in law to (T / (V_d g(x)))^(2/d), T exponential of mean 1, "
            "whose mean has the factor Gamma(1 + 2/d); uniform integrability gives the mean over x.\n"
            "Conditions. Let a ball of radius r about x have mass m r^d or more under g for r <= R. Then "
            "K^(2/d) min(D, R)^2 is at most (T / m)^(2/d) in law. If D > R, then so is the distance of each "
            "half of the words, and these are independent; so the mean of D^2 where D > R is at most (1 - m "
            "R^d)^(K/2 - 1) times the mean square of the distance of the second half, which is at most 2 "
            "|x|^2 + 2 M: with a moment of g of order p, the shortest of k words has a second moment for k > "
            "2 / p, and M is that for some k. If g >= c on a ball that holds the support, m is a constant "
            "times c, with R the diameter, and all is uniform in x. Let g decrease radially, and be g(r) at "
            "radius r. For |x| < d0, some d0 with g(2 d0) > 0, take R = d0 and m = V_d g(2 d0). For |x| >= "
            "d0 take R = |x|: the ball holds one of half its radius in which g >= g(x), so m = V_d 2^-d "
            "g(x), and (T / m)^(2/d) has a finite mean over T and X. Beyond R, 2 |x|^2 + 2 M <= C |x|^2, and "
            "with u = K g(x) |x|^d, K^(2/d) times the bound is at most C g(x)^(-2/d) u^(2/d) exp(-c u): "
            "below a constant times g(X)^(-2/d), which is integrable, and tending to 0.\n"
            "The best codebooks: Zador's theorem on small cubes, with o(K) words for the tails. For "
            "Gaussians, complete the square. Words beyond e^m: 1 / (2 m) of g, so E >= (e^m - 1)^2 (2 "
            "m)^(-K) for every m."
        ),
        checks=(
            Check("too narrow words lose the rate", _mismatch_diverges),
            Check("the integral by quadrature", formulas.mismatch_by_quadrature),
            Check("random words of three variances approach it", _random_words_approach_mismatch),
            Check("so do words of a Cauchy law", tails.words_of_a_cauchy_law_reach_the_limit),
            Check("words without any moment have no finite error", tails.words_without_a_moment_cost_all),
            Check("spikes without a word lose the rate", spikes.random_words_on_spikes_lose_the_rate),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.product-limit",
        title="E*_PQ at high rate: blocks share one distortion a dimension",
        statement=(
            "If every block has a density f_m and E|X|^(2+e) is finite for some e > 0, K^(2/d) E*_PQ tends "
            "to d prod_m (G_{d_m} ||f_m||_{d_m/(d_m+2)})^(d_m/d), reached by block sizes that give every "
            "block the same distortion a dimension."
        ),
        source="Zador 1982 with reverse water-filling of Huang and Schultheiss 1963; not in the paper",
        verdict="holds",
        sharp=(
            "It depends on the marginals of the blocks only. The formula is for K to infinity; at a few bits "
            "a dimension integers matter and sizes must be allocated exactly, as at d = 8, K = 4096: levels "
            "2, 2, 3, 3, 3, 3, 3, 4."
        ),
        proof=(
            "By Zador's theorem block m with n_m words has error c_m n_m^(-2/d_m), c_m = d_m G ||f_m||. With "
            "weights d_m / d, sum_m (d_m / d) (c_m / d_m) n_m^(-2/d_m) is at least the weighted geometric "
            "mean, in which prod n_m = K appears to the power -2/d, with equality if all terms agree. "
            "Rounding n_m to integers costs nothing in the limit."
        ),
        checks=(
            Check("no allocation on a grid is better", _product_limit_is_least),
            Check("equal distortion a dimension attains it", _product_limit_is_reached),
            Check("exact optima of scalar blocks approach it", _product_of_scalars, slow=True),
        ),
        group="theorems",
    ),
)
