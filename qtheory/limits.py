"""Limits: what no quantizer can beat, and what optimal ones approach at high rate.

Bounds of information theory (`shannon_lower_bound`, `gaussian_distortion_rate`) hold at every size.
High-rate values (`zador`, `panter_dite`, `product_limit`, ...) are limits divided by a power of K: they
are no bounds at finite K. Distortions are summed over coordinates; entropies are in nats, rates in bits.
"""

from qtheory._entropy_coded import EntropyCoded, entropy_coded_at_rate, entropy_coded_uniform
from qtheory._game import WorstCase, WorstCaseGame, worst_case_distortion, worst_case_game
from qtheory._high_rate import Gains, gains, panter_dite, product_limit, scalar_limit, zador
from qtheory._point_density import (
    bennett,
    gaussian_point_density,
    optimal_perplexity_ratio,
    optimal_point_density,
    random_codebook_limit,
)
from qtheory._shannon import (
    WaterFilling,
    gaussian_distortion_rate,
    perplexity_lower_bound,
    reverse_water_filling,
    shannon_lower_bound,
)
from qtheory._space_filling import ZadorConstant, zador_constant

__all__ = [
    "EntropyCoded",
    "Gains",
    "WaterFilling",
    "WorstCase",
    "WorstCaseGame",
    "ZadorConstant",
    "bennett",
    "entropy_coded_at_rate",
    "entropy_coded_uniform",
    "gains",
    "gaussian_distortion_rate",
    "gaussian_point_density",
    "optimal_perplexity_ratio",
    "optimal_point_density",
    "panter_dite",
    "perplexity_lower_bound",
    "product_limit",
    "random_codebook_limit",
    "reverse_water_filling",
    "scalar_limit",
    "shannon_lower_bound",
    "worst_case_distortion",
    "worst_case_game",
    "zador",
    "zador_constant",
]
