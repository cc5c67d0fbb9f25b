"""Curves of optimal distortions of atoms, which are found as far as they are asked for."""

import numpy as np

from qtheory._dynamic import DistortionCurve, merge_atoms, optimal_quantizer_1d
from qtheory.optimal import optimal_scalar
from qtheory.sources import FiniteSource

RNG = np.random.default_rng(0)
ATOMS, PMF = merge_atoms(RNG.standard_normal(40), RNG.dirichlet(np.ones(40)))


def test_each_size_is_optimal_in_whatever_order_sizes_are_asked_for():
    curve = DistortionCurve(ATOMS, PMF, 12)
    for n in (5, 12, 1, 7, 12, 2):
        assert curve(n) == optimal_quantizer_1d(ATOMS, PMF, n).distortion


def test_beyond_the_limit_or_the_number_of_atoms_nothing_is_gained():
    assert DistortionCurve(ATOMS, PMF, 5)(9) == DistortionCurve(ATOMS, PMF, 5)(5)
    whole = DistortionCurve(ATOMS, PMF, 1000)
    assert (whole.limit, whole(1000)) == (40, 0.0)


def test_equal_laws_share_a_curve_and_get_their_levels_in_ascending_order():
    shifted, other = DistortionCurve(np.arange(4.0) + 7, np.full(4, 0.25), 4), DistortionCurve(ATOMS, PMF, 4)
    same = DistortionCurve(np.arange(4.0), np.full(4, 0.25), 4)
    assert same == shifted
    assert hash(same) == hash(shifted)
    assert same != other
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0) + 7), axis=-1).reshape(-1, 2)
    for turned in (grid, grid[:, ::-1]):
        assert optimal_scalar(FiniteSource(turned, np.full(16, 1 / 16)), 6).levels == (2, 3)
