"""Proposition 2, lower bound: false from dimension 65 on, true up to 46, with the sharp constant."""

from fractions import Fraction
from functools import partial

from qtheory.bounds import BOUNDS
from qtheory.claims import _balls
from qtheory.claims import _random_codebook_checks as codebooks
from qtheory.claims._claim import Check, Claim, Evidence
from qtheory.claims._random_codebook import CERTIFIED, random_codebook_constant

QUARTER = Fraction(1, 4)
LAST_CHECKED = 100
"""Stirling's formula covers all dimensions from here on."""


def _sphere_through_46() -> Evidence:
    least = min(_balls.lower(_balls.sphere_constant(d)) for d in range(1, 47))
    return Evidence("certified", least, ">=", QUARTER, detail="least sphere constant over d = 1, ..., 46")


def _sphere_from_47() -> Evidence:
    most = max(_balls.upper(_balls.sphere_constant(d)) for d in range(47, LAST_CHECKED + 1))
    return Evidence("certified", most, "<", QUARTER, detail="largest sphere constant over d = 47, ..., 100")


def _zador_from_65() -> Evidence:
    most = max(_balls.upper(_balls.zador_constant(d)) for d in range(65, LAST_CHECKED + 1))
    return Evidence("certified", most, "<", QUARTER, detail="largest Zador constant over d = 65, ..., 100")


def _tail() -> Evidence:
    most = _balls.upper(_balls.stirling_constant(LAST_CHECKED))
    return Evidence(
        "certified", most, "<", QUARTER,
        detail="Stirling bound at d = 100, decreasing in d, on the sphere and Zador constants",
    )  # fmt: skip


def _finite_codebooks(d: int) -> Evidence:
    log2_K, margin, surplus = CERTIFIED[d]
    return Evidence(
        "certified", _balls.upper(random_codebook_constant(d, log2_K, margin, surplus)), "<", QUARTER,
        detail=(
            f"constant of random codebooks, d = {d} and every K >= 2^{log2_K}, {log2_K / d:.2f} bits a "
            "dimension"
        ),
    )  # fmt: skip


def _printed_exceeds_the_limit() -> Evidence:
    bound = BOUNDS["prop2.lower.paper"](d=65, K=2**130) * 2**4
    limit = _balls.upper(65 * _balls.zador_constant(65))
    return Evidence(
        "certified", bound, ">", limit, detail="K^(2/d) times the printed bound, and Zador's limit, d = 65"
    )


def _printed_below_sphere() -> Evidence:
    slack = min(
        _balls.lower(_balls.sphere_constant(d)) * d - Fraction(BOUNDS["prop2.lower.paper"](d=d, K=2**d)) * 4
        for d in range(1, 47)
    )
    return Evidence(
        "certified", slack, ">=", 0, detail="least slack of the printed bound below the sphere bound, d <= 46"
    )


def _sharp_below_the_limit() -> Evidence:
    return Evidence(
        "numerical", BOUNDS["prop2.lower.sharp"](d=10**6, K=1), "<", BOUNDS["prop2.limit.zador"](d=10**6),
        detail="K^(2/d) times the sharp bound, and what random codebooks reach, d = 10^6",
    )  # fmt: skip


def _sharp_is_approached() -> Evidence:
    ratio = BOUNDS["prop2.limit.zador"](d=10**6) / BOUNDS["prop2.lower.sharp"](d=10**6, K=1)
    return Evidence("numerical", ratio, "<", 1 + Fraction(1, 10**4), detail="the same two, as a ratio")


def _zador_in_floats() -> Evidence:
    gap = max(
        abs(Fraction(BOUNDS["prop2.limit.zador"](d=d)) / _balls.lower(d * _balls.zador_constant(d)) - 1)
        for d in (1, 2, 3, 8, 64, 65, 1000)
    )
    return Evidence("certified", gap, "<", 1e-12, detail="relative gap of float64 and ball arithmetic")


def _sharp_below_sphere() -> Evidence:
    ratio = max(
        Fraction(BOUNDS["prop2.lower.sharp"](d=d, K=1)) / _balls.lower(d * _balls.sphere_constant(d))
        for d in (*range(1, 101), 1000, 10**4)
    )
    return Evidence("certified", ratio, "<", 1, detail="largest ratio of sharp to sphere bound, d to 10^4")


def _sphere_on_the_interval() -> Evidence:
    from qtheory.optimal import lloyd_max
    from qtheory.sources import Uniform

    worst = max(
        abs(BOUNDS["prop2.lower.sphere"](d=1, K=K) / lloyd_max(Uniform(1), K).distortion - 1)
        for K in range(1, 17)
    )
    return Evidence(
        "numerical",
        worst,
        "<",
        1e-9,
        detail="relative gap of sphere bound and Lloyd-Max optimum, d = 1, K <= 16",
    )


def _ball_share_is_underestimated() -> Evidence:
    least = min(
        _balls.lower(_balls.unit_ball_volume(d) * _balls.ball(Fraction(d, 4)) ** _balls.ball(Fraction(d, 2)))
        for d in range(2, LAST_CHECKED + 1)
    )
    return Evidence(
        "certified", least, ">", 1,
        detail="least ratio of pi^(d/2) r^d / (2^d Gamma(d/2 + 1)) to (r / sqrt d)^d over d = 2, ..., 100",
    )  # fmt: skip


def _ball_share_tail() -> Evidence:
    z = _balls.ball(Fraction(LAST_CHECKED, 2))
    log_ratio = z * (_balls.pi() * _balls.e() / 2).log() - (2 * _balls.pi() * z).log() / 2 - 1 / (12 * z)
    return Evidence(
        "certified", _balls.lower(log_ratio), ">", 0,
        detail="Stirling bound on the logarithm of that ratio at d = 100, increasing in d",
    )  # fmt: skip


def _last_step_in_one_dimension() -> Evidence:
    K = 7
    radius = Fraction(1, 2 * K)  # sqrt(d) (2K)^(-1/d) for d = 1
    return Evidence(
        "exact", radius**2 / 2, "<", Fraction(1, 4 * K**2), detail="r^2 / 2 and d / (4 K^(2/d)), d = 1, K = 7"
    )


def _no_refutation_at_64() -> Evidence:
    least = min(_balls.lower(_balls.zador_constant(d)) for d in range(47, 65))
    return Evidence(
        "certified", least, ">", QUARTER, detail="least Zador constant over d = 47, ..., 64: no refutation"
    )


def _no_proof_at_47() -> Evidence:
    most = max(_balls.upper(_balls.sphere_constant(d)) for d in range(47, 65))
    return Evidence(
        "certified", most, "<", QUARTER, detail="largest sphere constant over d = 47, ..., 64: no proof"
    )


CLAIMS = (
    Claim(
        id="prop2.lower",
        title="sup over P of E*_VQ >= d / (4 K^(2/d)) for K >= 2^d",
        statement=(
            "For every d and every K >= 2^d, some law on [-1, 1]^d has an optimal error of vector "
            "quantization of at least d / (4 K^(2/d))."
        ),
        source="Proposition 2, first inequality",
        verdict="refuted",
        sharp=(
            "For all d and K, sup over P of E*_VQ > (2 / (pi e)) d K^(-2/d), and 2 / (pi e) = 0.2342 cannot "
            "be improved. The constant 1/4 holds for all K in dimension d if and only if G_d >= 1/16, where "
            "G_d is Zador's constant per dimension: it does for d <= 46 and fails for every d >= 65. Up to "
            "K = 2^(4.04 d) it holds in every dimension, and from 4.055 bits a dimension on it fails in all "
            "large ones (see prop2.lower.game); from which K on it fails, prop2.lower.finite says."
        ),
        proof=(
            "Lower bound. Let P be uniform and s > 0. By Jensen and a union bound, E min_k |X - e_k|^2 >= "
            "-(1/s) ln sum_k E exp(-s |X - e_k|^2) > -(1/s) ln(K (sqrt(pi / s) / 2)^d). At "
            "s = (pi e / 4) K^(2/d) the right side is d / (2 s) = (2 / (pi e)) d K^(-2/d).\n"
            "Criterion. Scaling and tiling m^d copies of a codebook of the unit cube shows that "
            "K^(2/d) E*_VQ(U) is never below its limit, which is 4 d G_d on [-1, 1]^d (Zador 1982; Graf and "
            "Luschgy 2000). Conversely, extend an optimal K_0-word codebook of a cube of side 2/m "
            "periodically, and shift it at random: at every x the mean squared distance is the error of "
            "the tile, so sup over P of E*_VQ(P, K_0 (m + 1)^d) <= 4 m^-2 E*_VQ(U[0, 1]^d, K_0); let m and "
            "then K_0 grow. So K^(2/d) sup E*_VQ has infimum at least, and limit exactly, 4 d G_d, and 1/4 "
            "holds for all K if and only if 4 G_d >= 1/4.\n"
            "Dimensions. 4 d G_d >= 4 d / (d + 2) V_d^(-2/d), since no cell has less second moment than the "
            "ball of its volume; this is d/4 or more up to d = 46. 4 d G_d <= 4 Gamma(1 + 2/d) V_d^(-2/d) "
            "(Zador's random codebooks), which is below d/4 from d = 65 on: checked to 100, and by "
            "Stirling's formula beyond. Both tend to 2 d / (pi e)."
        ),
        checks=(
            Check("sphere bound gives 1/4 up to d = 46", _sphere_through_46),
            Check("sphere bound is below 1/4 for 47 <= d <= 100", _sphere_from_47),
            Check("random codebooks refute 1/4 for 65 <= d <= 100", _zador_from_65),
            Check("both stay below 1/4 for all d > 100", _tail),
            Check("the printed bound exceeds the limit at d = 65", _printed_exceeds_the_limit),
            Check("the printed bound is below the sphere bound for d <= 46", _printed_below_sphere),
            Check("the sharp bound is below what random codebooks reach", _sharp_below_the_limit),
            Check("no larger constant than 2 / (pi e) holds", _sharp_is_approached),
            Check("Zador's constant in float64 and ball arithmetic", _zador_in_floats),
            Check("the sharp bound is below the sphere bound", _sharp_below_sphere),
            Check("the sphere bound is the optimum on the interval", _sphere_on_the_interval),
        ),
        group="prop2",
    ),
    Claim(
        id="prop2.lower.finite",
        title="the lower bound with 1/4 in dimensions 65 to 10^4, at sizes that can be named",
        statement="For d >= 65 and every K >= 2^d, sup over P of E*_VQ >= d / (4 K^(2/d)).",
        source="Proposition 2, first inequality",
        verdict="refuted",
        sharp=(
            "It fails at every K >= 2^876 for d = 65, 2^778 for d = 66, 2^691 for d = 70, 2^676 for d = 80, "
            "2^747 for d = 100, 2^885 for d = 128, 2^1274 for d = 200, 2^2961 for d = 500, 2^5811 for d = "
            "1000 and 2^58518 for d = 10^4: from 13.48, 11.79, 9.87, 8.45, 7.47, 6.91, 6.37, 5.92, 5.81 and "
            "5.85 bits a dimension on. No practical tokenizer has that many words."
        ),
        proof=(
            "Draw K words uniformly from [-1 - h, 1 + h]^d. For every law the mean error is at most the "
            "largest mean distance over x in [-1, 1]^d, which a corner attains: there each coordinate of a "
            "word is least likely to be near. The faces cut d caps off a ball around the corner; what is "
            "left of its share of the cube bounds the probability that no word is near by exp(-K share). "
            "With h in a fixed ratio to the largest radius that matters, K^(2/d) times this bound decreases "
            "in K, so one K settles all larger ones. At the stated K it is below d/4, in ball arithmetic. "
            "To first order the loss over Zador's constant is twice the sum of h and the mass of a cap, so "
            "that this argument cannot come down much further in dimensions near 65."
        ),
        checks=(
            *(
                Check(f"d = {d}: refuted at every K >= 2^{log2_K}", partial(_finite_codebooks, d))
                for d, (log2_K, *_) in CERTIFIED.items()
            ),
            Check("the share of a ball that the cube keeps", codebooks.share_is_sampled),
            Check("the certificate is above its integral", codebooks.above_the_quadrature),
            Check("and not by much", codebooks.close_to_the_quadrature),
            Check("the same at d = 65", codebooks.quadrature_at_the_size_of_the_claim),
        ),
        group="prop2",
    ),
    Claim(
        id="prop2.lower.proof",
        title="the printed proof of the lower bound",
        statement=(
            "Balls of radius r = sqrt(d) (2K)^(-1/d) cover at most half of the cube, whence "
            "E >= r^2 / 2 >= d / (4 K^(2/d))."
        ),
        source="Appendix B, second half",
        verdict="refuted",
        sharp=(
            "The halving argument gives E >= r^2 / 2 with r^d = 2^d / (2 K V_d). Its constant, r^2 / 2 over "
            "d K^(-2/d), is 1/8 at d = 1, at most 0.163 and tends to 1 / (pi e) = 0.117."
        ),
        proof=(
            "In dimension d >= 2 the step pi^(d/2) r^d / (2^d Gamma(d/2 + 1)) <= (r / sqrt d)^d fails: the "
            "ratio of its sides is pi/2 at d = 2 and grows. In dimension 1, where it is an equality, the "
            "last step fails: r^2 / 2 = 1 / (8 K^2). So the proof is valid in no dimension. The corrected "
            "radius makes the K balls fill exactly half of the cube's volume."
        ),
        checks=(
            Check("the ball's share is underestimated for 2 <= d <= 100", _ball_share_is_underestimated),
            Check("and for all d > 100", _ball_share_tail),
            Check("the last step fails in one dimension", _last_step_in_one_dimension),
        ),
        group="prop2",
    ),
    Claim(
        id="prop2.lower.47-64",
        title="the lower bound with 1/4 in dimensions 47 to 64",
        statement="For 47 <= d <= 64 and all K >= 2^d, sup over P of E*_VQ >= d / (4 K^(2/d)).",
        source="Proposition 2, first inequality",
        verdict="open",
        sharp=(
            "It holds up to K = 2^(4.04 d). For all K it is equivalent to G_d >= 1/16, which no bound known "
            "to us decides in these dimensions."
        ),
        proof="The criterion of prop2.lower; the sphere bound is below 1/4 and Zador's is above.",
        checks=(
            Check("the sphere bound does not prove it", _no_proof_at_47),
            Check("random codebooks do not refute it", _no_refutation_at_64),
        ),
        group="prop2",
    ),
)
