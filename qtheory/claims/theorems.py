"""Theorems of quantization that the comparison of VQ, PQ and SQ rests on."""

from qtheory.claims import _formula_checks as formulas
from qtheory.claims import _lattices as lattices
from qtheory.claims import _lloyd_max_checks as lloyd
from qtheory.claims import _spike_checks as spikes
from qtheory.claims import _tail_checks as tails
from qtheory.claims import _theorem_checks as on
from qtheory.claims._claim import Check, Claim

CLAIMS = (
    Claim(
        id="theorem.lloyd-max",
        title="a log-concave density has one Lloyd-Max quantizer",
        statement=(
            "If the density of X on the line is log-concave, levels that are means of their cells, with "
            "borders half way between levels, are unique for every n, and optimal."
        ),
        source="Lloyd 1957, Max 1960, Fleischer 1964, Trushkin 1982, Kieffer 1983; not in the paper",
        verdict="holds",
        sharp=(
            "Log-concavity need not be strict, though where the density is exponential on every cell, as for "
            "a Laplace law and even n, Lloyd's map has a derivative with eigenvalue 1 at the optimum. "
            "Without log-concavity it fails: three narrow modes have a symmetric stationary quantizer of two "
            "levels that is not optimal."
        ),
        proof=(
            "Let q and q' be stationary, with borders b and b', b_0 and b_n the ends of the support of the "
            "density f, and t = max_j (q'_j - q_j) > 0 (else exchange them), attained at i. Then b'_j <= "
            "b_j + t for the inner borders. The mean m(a, b) of a cell grows with its borders, and m(a + t, "
            "b + t) <= m(a, b) + t, since f(x + t) / f(x) does not increase in x. So q'_i = m(b'_(i-1), "
            "b'_i) <= m(b_(i-1) + t, b_i + t) <= q_i + t, also where i is 1 or n. All is equality. In the "
            "first step, the means are strict in inner borders, so b' = b + t at both, and q'_(i-1) = "
            "q_(i-1) + t and q'_(i+1) = q_(i+1) + t: by induction q' = q + t throughout.\n"
            "Strictness comes from the two end cells, rows 1 and n of the derivative of Lloyd's map. At a "
            "finite end of the support the border does not move along, so the mean of that cell moves by "
            "less than t: a contradiction. If both ends are infinite, equality in the second step makes f(x "
            "+ t) / f(x) constant on every cell, so ln f is affine on (b_(j-1), b_j + t) for each j; these "
            "intervals overlap, so that f is exponential on the whole line, which no density is. Inner rows "
            "alone do not do: for the uniform law they sum to 1. Nor need any row be below 1, as the "
            "Laplace law shows; then the overlap decides. Existence: an optimal quantizer exists and is "
            "stationary, so the only stationary one is optimal."
        ),
        checks=(
            Check(
                "Lloyd's iteration ends at Newton's levels from distant starts",
                lloyd.one_stationary_quantizer,
            ),
            Check("ball arithmetic encloses the optima that float64 finds", lloyd.newton_is_enclosed),
            Check("at many sizes up to 256", lloyd.newton_is_enclosed_at_many_sizes, slow=True),
            Check("and their levels", lloyd.newton_levels_are_enclosed),
            Check("so it does for densities given by their logarithm", lloyd.given_densities_are_enclosed),
            Check(
                "inner rows of the derivative may sum to 1, end rows of bounded laws to less",
                lloyd.rows_of_the_uniform_law,
            ),
            Check("all rows sum to 1 for the Laplace law and even n", lloyd.rows_of_the_laplace_law),
            Check("n equal cells are stationary for the uniform law", lloyd.equal_cells_of_the_uniform_law),
            Check("dynamic programming on a grid finds nothing better", lloyd.not_above_the_discrete_optimum),
            Check("three modes have a worse one", lloyd.three_modes_have_a_worse_stationary_quantizer),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.panter-dite",
        title="n^2 e_n tends to ||f||_{1/3} / 12",
        statement=(
            "On the line, if E|X|^(2+e) is finite for some e > 0 and f is the density of the absolutely "
            "continuous part of X, n^2 times the optimal error of n levels tends to (int f^(1/3))^3 / 12."
        ),
        source="Panter and Dite 1951, Bennett 1948; not in the paper",
        verdict="holds",
        sharp=(
            "For N(0, s^2) the limit is sqrt(3) pi s^2 / 2, for a Laplace law 9/2 of the variance. A finite "
            "variance is not enough: rare spikes lose the rate though (int f^(1/3))^3 and h(X) are finite."
        ),
        proof=(
            "Zador's theorem with d = 1 and G_1 = 1/12. Spikes: let half of the mass be uniform on [0, 1], "
            "and let the interval from 2^k of length 2^-k have mass C 4^-k / k^2, k >= 1, half in all. A "
            "word is nearer than 2^k / 4 to one of them at most, so n^2 e_n >= n^2 sum_(k > n) C / (16 k^2) "
            ">= C n^2 / (16 (n + 1)), which is unbounded."
        ),
        checks=(
            Check("256 levels are within 1 %", on.panter_dite_is_approached),
            Check("the gap halves when n doubles", on.panter_dite_gap_halves),
            Check("its constants for three laws", formulas.panter_dite_constants),
            Check("rare spikes lose the rate", spikes.far_spikes_lose_the_rate),
            Check("no word is near to two of them", spikes.far_spikes_share_no_word),
            Check("their optimal error is above the bound", spikes.far_spikes_by_dynamic_programming),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.zador",
        title="K^(2/d) E*_VQ tends to d G_d ||f||_{d/(d+2)}",
        statement=(
            "If E|X|^(2+e) is finite for some e > 0 and f is the density of the absolutely continuous part "
            "of X, then K^(2/d) E*_VQ(X, K) tends to d G_d ||f||_{d/(d+2)}, with G_d depending on d alone."
        ),
        source="Zador 1963 and 1982, Bucklew and Wise 1982, Graf and Luschgy 2000; not in the paper",
        verdict="holds",
        sharp=(
            "1 / ((d+2) V_d^(2/d)) <= G_d <= Gamma(1 + 2/d) / (d V_d^(2/d)), with G_1 = 1/12 and G_2 = 5 / "
            "(36 sqrt 3). Singular laws have limit 0. The value is no bound at finite K."
        ),
        proof=(
            "Lower bound on G_d: a cell of given volume has at least the second moment of a ball. Upper "
            "bound: independent random codewords of density proportional to f^(d/(d+2))."
        ),
        checks=(
            Check("the bracket of G_d is not empty", on.sphere_below_random),
            Check("random codebooks of the best density stay above it", on.random_codebooks_stay_above_zador),
            Check("and come within 13 % in dimension 8", on.random_codebooks_near_zador),
            Check("the constants of lattices, balls and random words", formulas.space_filling_constants),
            Check("sampled cells of lattices have the second moments listed", lattices.tabulated_moments),
            Check("so have those of the Leech lattice", lattices.leech_moment, slow=True),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.point-density",
        title="optimal codewords have density proportional to f^(d/(d+2))",
        statement=(
            "If X has a density f and E|X|^(2+e) is finite for some e > 0, the words of optimal codebooks "
            "have in the limit the density proportional to f^(d/(d+2)), for N(0, s^2 I) that of N(0, (d+2)/d "
            "s^2 I). Codebooks whose words have density g cost at least d G_d int f g^(-2/d) K^(-2/d) in the "
            "limit, which is least for that one."
        ),
        source=(
            "Bucklew 1984, Na and Neuhoff 1995, Graf and Luschgy 2000 (Theorem 7.5); contrary to Appendices "
            "D and K"
        ),
        verdict="holds",
        sharp="What other densities cost is theorem.mismatch.",
        proof=(
            "On a small cube f and g are nearly constant, and Zador's theorem for K g words on it gives the "
            "cost. The least: Hoelder's inequality, as in appendixD.matched, with equality for that density "
            "only, so words of optimal codebooks, whose cost tends to the least, cannot have another."
        ),
        checks=(
            Check("256 optimal levels of N(0, 1) follow N(0, 3)", tails.best_levels_follow_the_best_density),
            Check("and not N(0, 1)", tails.best_levels_do_not_follow_the_source),
            Check("no other variance on a grid is as good, d = 8", on.best_density),
            Check("the density of a Gaussian to the power d/(d+2)", formulas.point_density_of_gaussians),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.perplexity",
        title="optimal codebooks do not use their codewords equally",
        statement=(
            "If X has a density f and E|X|^(2+e) is finite for some e > 0, perplexity over K of optimal "
            "codebooks has a limit superior of at most exp(-KL(f || f*)), with f* proportional to "
            "f^(d/(d+2)): below 1 unless f is constant on its support. On the line that is the limit, for f "
            "bounded and continuous but at finitely many points."
        ),
        source=(
            "point density of Panter and Dite 1951 and Bucklew 1984; contrary to the use of full utilization "
            "in Section 4.2"
        ),
        verdict="holds",
        sharp=(
            "For N(0, I_d) the bound is 0.806, 0.866, 0.912 and 0.948 for d = 1, 4, 8 and 16. That it is the "
            "limit for d >= 2 too follows from Gersho's heuristic of 1979, which is not proved."
        ),
        proof=(
            "Bound. Let P_K be the law of Xhat and U_K the uniform law on the K words, which are all used "
            "(theorem.necessary), so that log K - H(Z) = KL(P_K || U_K). P_K tends to the law of X, since "
            "the error tends to 0, and U_K to f* (theorem.point-density). KL is lower semicontinuous in both "
            "(Posner 1975), so the limit inferior is at least KL(f || f*), which is 0 only for f = f*.\n"
            "The line. Let S = int f^(1/3), l the length of the cell of x, p its mass, and J a finite union "
            "of compact intervals in which f is continuous and positive, S_J its part of S. Cells that meet "
            "J shrink and f is nearly constant on each. Drop those that an end of J cuts, boundedly many: "
            "that changes neither int_J f^(1/3) nor the share of words in J in the limit. Summed over the "
            "others, n^2 times the error on J is at least int_J f (n l)^2 / 12 in the limit. As int_J 1 / (n "
            "l) tends to S_J / S (theorem.point-density), that is by Hoelder's inequality at least S_J S^2 / "
            "12. Off J so it is for S - S_J, by Zador's theorem for the words there, and the sum tends to "
            "S^3 / 12. So both are equalities, that of Hoelder too: 1 / (n l) tends to f* and n p to f / f*, "
            "in measure on every J. A cell of mass p has an error of at least p^3 / (12 sup(f)^2), so E (n "
            "p)^2 <= 12 sup(f)^2 n^2 e_n is bounded, and log n - H(Z) = E log(n p) has a limit superior of "
            "at most KL(f || f*)."
        ),
        checks=(
            Check("256 levels of N(0, 1) are near the limit", on.perplexity_of_gaussian_levels),
            Check("so are those of a Laplace law", on.perplexity_of_laplace_levels),
            Check("fitted words in the plane are near the bound", on.perplexity_in_the_plane),
            Check("perplexity is below n from 3 levels on", on.perplexity_is_below_full),
            Check("the limit for Gaussians in closed form", formulas.perplexity_of_gaussians),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.shannon",
        title="Shannon's lower bound holds for every quantizer at every size",
        statement="E >= d / (2 pi e) exp(2 h(X) / d) K^(-2/d) for every quantizer with K codewords.",
        source="Shannon 1959; not in the paper",
        verdict="holds",
        sharp=(
            "K may be replaced by the perplexity of the codes, so by utilization times K: a collapsed "
            "codebook must cost more."
        ),
        proof=(
            "log PPL(Z) = H(Z) >= I(X; Xhat) >= h(X) - h(X - Xhat), and of all laws with E|X - Xhat|^2 = E "
            "the Gaussian N(0, (E/d) I) has the largest entropy, (d/2) log(2 pi e E / d)."
        ),
        checks=(
            Check("no optimal quantizer on the line is below it", on.shannon_below_optimal_levels),
            Check("nor below it at its perplexity", on.shannon_at_the_perplexity),
            Check("its value for three laws", formulas.shannon_of_three_laws),
            Check("for N(0, I) it is the distortion-rate function", formulas.shannon_is_reached_by_gaussians),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.water-filling",
        title="reverse water-filling bounds every quantizer of a Gaussian",
        statement=(
            "For N(0, S) with eigenvalues l_i, D(R) = sum_i min(t, l_i) with R = sum_i max(0, log2(l_i / "
            "t) / 2), and E*_VQ(K) >= D(log2 K) for every K."
        ),
        source="Kolmogorov 1956; not in the paper",
        verdict="holds",
        sharp=(
            "Equality needs blocks of many vectors; at 1 bit a dimension optimal scalar levels have 1.454 "
            "times D."
        ),
        proof=(
            "The rate-distortion function of a Gaussian vector is a convex program; the water level is its "
            "multiplier."
        ),
        checks=(
            Check("the test channel spends the rate", on.water_filling_spends_the_rate),
            Check("primal and dual agree", on.water_filling_meets_its_dual),
            Check("optimal scalar quantizers are above it", on.water_filling_below_scalar),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.entropy-coding",
        title="uniform scalar quantization with entropy coding is a quarter bit from the limit",
        statement=(
            "At high rate, a uniform scalar quantizer with ideal entropy coding needs log2(pi e / 6) / 2 = "
            "0.2546 bit more than Shannon's lower bound, that is 1.533 dB; with dither, at any rate and for "
            "any law of finite variance, at most log2(pi e / 3) / 2 = 0.7546 bit more than R(D)."
        ),
        source=(
            "Gish and Pierce 1968; Ziv 1985; Zamir and Feder 1992; Appendix J says that maximal bits do not "
            "affect conclusions"
        ),
        verdict="holds",
        sharp=(
            "'Equal rate' must say log2 K or entropy: the shape gain of vector quantization vanishes at "
            "equal entropy."
        ),
        proof=(
            "Cells of width w have distortion w^2 / 12 and entropy h(X) - log2 w in the limit. With dither "
            "the error U is uniform, of variance D = w^2 / 12 and independent of X, and the rate is "
            "I(X; X + U). Let Y attain R(D), independent of U given X. Then "
            "I(X; X + U) <= I(X; Y) + I(X; X + U | Y), and the last term is at most "
            "I(X - Y; X - Y + U) = h(X - Y + U) - log2 w. The sum has variance at most 2 D, so "
            "this is at most log2(4 pi e D) / 2 - log2(12 D) / 2."
        ),
        checks=(
            Check("the gap at 6 bits", on.entropy_coded_gap),
            Check("no rate is below Shannon's bound", on.entropy_coded_above_shannon),
            Check("with dither the gap is below 0.7546 bit at every step", on.dithered_below_ziv),
        ),
        group="theorems",
    ),
    Claim(
        id="theorem.gains",
        title="scalar over vector error is space-filling times shape times memory at high rate",
        statement=(
            "If X has a density f with marginals f_j and E|X|^(2+e) is finite for some e > 0, E*_SQ / E*_VQ "
            "tends to (G_1 / G_d) (prod_j ||f_j||_{1/3}^(1/d) / ||prod_j f_j||_{d/(d+2)}) "
            "(||prod_j f_j||_{d/(d+2)} / ||f||_{d/(d+2)})."
        ),
        source="Lookabaugh and Gray 1989; not in the paper",
        verdict="holds",
        sharp=(
            "For N(0, S) the memory gain is (prod_i S_ii / det S)^(1/d), which a rotation to principal "
            "axes removes; the shape gain is 1.14, 1.87, 2.31, 2.55 dB for d = 2, 4, 8, 16, at most 2.81; "
            "the space-filling gain at most 1.533 dB. At 1 bit a dimension the gains are much smaller."
        ),
        proof=(
            "Zador's theorem for every coordinate, with the best allocation of levels, over Zador's "
            "theorem for the vector."
        ),
        checks=(
            Check("the gains multiply to the ratio of the limits", on.gains_multiply),
            Check("the memory gain of a Gaussian is Hadamard's ratio", on.memory_gain_is_hadamard),
            Check("principal axes gain it for scalars", on.rotation_takes_the_memory_gain),
            Check("the limit for scalars in closed form", formulas.scalar_limit_of_three_laws),
            Check("exact allocation approaches the scalar limit", on.scalar_limit_is_approached, slow=True),
            Check("at one bit a dimension less than the high-rate gain is left", on.gap_at_one_bit_is_small),
        ),
        group="theorems",
    ),
)
