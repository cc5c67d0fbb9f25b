"""Proposition 3: laws on subspaces and on the diagonal of the cube."""

from qtheory.claims import _covering_checks as covering
from qtheory.claims import _prop3_checks as on
from qtheory.claims._claim import Check, Claim

CLAIMS = (
    Claim(
        id="prop3.vq.upper",
        title="on a subspace, E*_VQ <= 8 d d_eff K^(-2/d_eff)",
        statement=(
            "If P on [-1, 1]^d is supported on a subspace of dimension d_eff < d and K >= 2^d_eff, then "
            "E*_VQ(P, K) <= 8 d d_eff K^(-2/d_eff)."
        ),
        source="Proposition 3, first display",
        verdict="holds",
        sharp=(
            "For every K >= 1, E*_VQ <= min(9, (9/4) d_eff) d K^(-2/d_eff): the factor d_eff is superfluous. "
            "The order d K^(-2/d_eff) is right: if d_eff divides "
            "d, some law on a subspace has E*_VQ > (2 / (pi e)) d K^(-2/d_eff)."
        ),
        proof=(
            "Let x = K^(1/d_eff). If x <= 3, the word 0 has error at most d <= 9 d / x^2. Else the ball of "
            "radius sqrt d in the subspace is covered by at most (1 + 2 sqrt(d) / r)^d_eff balls of radius "
            "r; r = 2 sqrt(d) / (x - 1) needs at most K, and r^2 <= 9 d / x^2. For K >= 2^d_eff the midpoint "
            "grid of [-sqrt d, sqrt d]^d_eff has (9/4) d_eff in place of 9; for fewer words, that is more "
            "than d: (9/16) d_eff d if d_eff >= 2, and (9/4) d if d_eff = 1.\n"
            "Below: repeat each coordinate of a law on [-1, 1]^d_eff d / d_eff times; errors grow by that "
            "factor, and the sharp bound of prop2.lower applies."
        ),
        checks=(
            Check("the sharp bound holds on finite laws", on.vector_upper_on_finite_laws),
            Check("below 2^d_eff words it exceeds d", on.vector_upper_exceeds_one_word),
            Check("and for the worst two-level law on the diagonal", on.vector_upper_on_the_worst_law),
            Check("the sharp bound is below the printed one", on.vector_sharp_below_printed),
            Check("upper and lower bound have the same order", on.order_needs_no_factor),
            Check("the lower bound comes from the cube", on.replicated_coordinates),
            Check("the lower bound is below the error on the diagonal", on.vector_lower_on_the_diagonal),
        ),
        group="prop3",
    ),
    Claim(
        id="prop3.vq.proof",
        title="the printed proof of the upper bound on subspaces",
        statement=(
            "The scheme of Proposition 2 on [-sqrt d, sqrt d]^d_eff has error at most 8 d d_eff K^(-2/d_eff)."
        ),
        source="Appendix C, first half",
        verdict="refuted",
        sharp="With midpoints in place of endpoints the scheme has error at most (9/4) d d_eff K^(-2/d_eff).",
        proof=(
            "It inherits both false steps of prop2.upper.proof. With d_eff = 3 and K = 26, the grid is "
            "{-sqrt d, sqrt d}^3, whose error at 0 is 3 d, more than the target 24 d / 26^(2/3)."
        ),
        checks=(Check("the grid misses the target", on.endpoint_grid_misses),),
        group="prop3",
    ),
    Claim(
        id="prop3.pq.lower",
        title="on the diagonal, E*_PQ >= (M/4) K^(-2/M)",
        statement=(
            "For the uniform law on the diagonal of [-1, 1]^d and K >= 2^d, E*_PQ(P, K, M) >= (M/4) "
            "K^(-2/M) for every M."
        ),
        source="Proposition 3, second display",
        verdict="holds",
        sharp=(
            "For every K, E*_PQ is the minimum of sum_m d_m / (3 n_m^2) over integers with prod n_m <= K, "
            "which is at least (M/3) (prod d_m)^(1/M) K^(-2/M), with equality where n_m is proportional to "
            "sqrt(d_m). For equal blocks and K = n^M it is (d/3) K^(-2/M), 4 d / (3 M) times the printed "
            "bound. E*_VQ is d / (3 K^2)."
        ),
        proof=(
            "Block m sees the uniform law on a segment of length 2 sqrt(d_m), whose n-point optimum is d_m "
            "/ (3 n^2); errors of blocks add. The bound is the means inequality."
        ),
        checks=(
            Check("the printed bound is below the exact error", on.printed_below_exact),
            Check("the sharp bound is below the exact error", on.sharp_below_exact),
            Check("equal blocks attain the sharp bound", on.equal_blocks_attain),
            Check("the printed bound loses 4 d / (3 M)", on.printed_loses),
            Check("the exact error by enumeration", on.allocation_by_enumeration),
            Check("VQ on the diagonal has d / (3 K^2)", on.vector_on_the_diagonal),
        ),
        group="prop3",
    ),
    Claim(
        id="prop3.sq.lower",
        title="on the diagonal, E*_SQ >= (d/4) K^(-2/d)",
        statement=(
            "For the uniform law on the diagonal of [-1, 1]^d and K >= 2^d, E*_SQ(P, K) >= (d/4) K^(-2/d)."
        ),
        source="Proposition 3, second display",
        verdict="holds",
        sharp=(
            "For every K, E*_SQ is the minimum of sum_i 1 / (3 n_i^2), at least (d/3) K^(-2/d), with "
            "equality at K = n^d."
        ),
        proof="prop3.pq.lower with blocks of one coordinate.",
        checks=(
            Check("printed and sharp bound are below the exact error", on.scalar_bounds),
            Check("the sharp bound is attained at K = n^d", on.scalar_sharp_attained),
            Check("the printed bound loses 4/3", on.scalar_printed_loses),
            Check("the exact error by Lloyd-Max", on.scalar_against_lloyd_max),
        ),
        group="prop3",
    ),
    Claim(
        id="prop3.pq.proof",
        title="the printed one-dimensional step",
        statement=(
            "By the argument of Proposition 2, a block with n_m words has error at least d_m / (4 n_m^2)."
        ),
        source="Appendix C, second half",
        verdict="holds-amended",
        sharp=(
            "The error of the block is exactly d_m / (3 n_m^2); the invoked argument gives d_m / (8 n_m^2) "
            "only."
        ),
        proof=(
            "In one dimension r = 1 / (2 n) on [-1, 1], and r^2 / 2 = 1 / (8 n^2). The optimum is Lloyd's: "
            "n equal cells."
        ),
        checks=(
            Check("the invoked argument gives half", on.one_dimensional_step),
            Check("the exact error by Lloyd-Max", on.scalar_against_lloyd_max),
        ),
        group="prop3",
    ),
    Claim(
        id="prop3.blocks",
        title="the error of PQ depends on the number of blocks M",
        statement="The error of PQ interpolates between SQ and VQ, and its performance depends on M.",
        source="Section 4.4, after Proposition 3",
        verdict="holds-amended",
        sharp=(
            "It depends on the partition: on the diagonal with d = 8 and K = 16, blocks of 1 and 7 have "
            "error 23/192, blocks of 4 and 4 have 1/6. For equal blocks on the diagonal it is (d/3) "
            "K^(-2/M)."
        ),
        proof="prop3.pq.lower: 1 / (3 * 2^2) + 7 / (3 * 8^2) = 23/192, and 2 * 4 / (3 * 4^2) = 1/6.",
        checks=(Check("two partitions into two blocks differ", on.same_number_of_blocks),),
        group="prop3",
    ),
    Claim(
        id="prop3.interpretation",
        title="low-dimensional laws show VQ's advantage over SQ",
        statement=(
            "When the data have low intrinsic dimension, VQ can reach K^(-2/d_eff) while SQ suffers from "
            "the worst-case rate K^(-2/d)."
        ),
        source="Section 4.4, before and after Proposition 3",
        verdict="holds-amended",
        sharp=(
            "It holds for SQ along the given axes only. After a rotation, SQ reaches the same bound: on "
            "the diagonal with n = (K, 1, ..., 1) it has exactly VQ's d / (3 K^2). For linear subspaces "
            "the gap is an artefact of the basis, which a learned linear map before the quantizer removes."
        ),
        proof=(
            "The proof of the VQ bound is a product grid in an orthonormal basis of the subspace: a scalar "
            "quantizer after a rotation, with one level in the other directions."
        ),
        checks=(
            Check("after a rotation SQ equals VQ", on.rotated_scalar),
            Check("without it SQ is worse", on.unrotated_scalar),
        ),
        group="prop3",
    ),
    Claim(
        id="prop3.manifolds",
        title="the results extend to nonlinear manifolds by covering numbers",
        statement=(
            "Though stated for linear subspaces, the results can be easily extended to nonlinear manifolds."
        ),
        source="Section 4.4, after Proposition 3",
        verdict="holds-amended",
        sharp=(
            "If K balls of radius C K^(-1/k) cover the support, for every K, then E*_VQ <= C^2 K^(-2/k). "
            "For the unit circle k = 1 and C = pi. C depends on volume and curvature; without a covering "
            "bound nothing follows."
        ),
        proof=(
            "The centres of the balls are a codebook, and within C K^(-1/k) of the support. Two points at "
            "distance 2 C attain the bound at K = 1. The circle consists of K arcs, each in a ball of radius "
            "sin(pi / K) for K >= 2, and of radius 1 <= pi for K = 1."
        ),
        checks=(
            Check("the unit circle: K balls of radius pi / K cover it", covering.circle_is_covered),
            Check("and no smaller C would do", covering.circle_needs_pi),
            Check("the unit circle: arcs obey the bound", covering.circle_obeys_the_bound),
            Check("two points attain the bound at K = 1", covering.two_points_attain_the_bound),
        ),
        group="prop3",
    ),
)
