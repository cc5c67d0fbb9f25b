"""Hypothesis strategies: premises of the theorems, built rather than filtered."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)
"""Coordinates between -2 and 2 on a grid, so that ties and repeated values do happen."""


@st.composite
def pmfs(draw, min_size=1, max_size=8, positive=False):
    """Probability vectors; with `positive`, of full support."""
    size = draw(st.integers(min_size, max_size))
    weights = np.array(draw(st.lists(st.integers(int(positive), 20), min_size=size, max_size=size)), float)
    weights[draw(st.integers(0, size - 1))] += 1
    return weights / weights.sum()


@st.composite
def point_sets(draw, dim=None, min_points=1, max_points=7, coordinates=EIGHTHS):
    """Arrays ``(n, d)`` of points; some may coincide."""
    d = draw(st.integers(1, 3)) if dim is None else dim
    n = draw(st.integers(min_points, max_points))
    return draw(arrays(np.float64, (n, d), elements=coordinates))


@st.composite
def laws(draw, dim=None, min_points=1, max_points=7, coordinates=EIGHTHS):
    """Pairs of atoms ``(n, d)`` and probabilities ``(n,)``."""
    atoms = draw(point_sets(dim, min_points, max_points, coordinates))
    return atoms, draw(pmfs(len(atoms), len(atoms)))


def cube_laws(dim=None, max_points=7):
    """Laws on the cube ``[-1, 1]^d``, as pairs of atoms and probabilities."""
    return laws(dim, max_points=max_points, coordinates=st.integers(-8, 8).map(lambda k: k / 8))


def partitions(size, max_cells=None):
    """Cell numbers of `size` items, from 0."""
    cells = size if max_cells is None else min(size, max_cells)
    return arrays(np.int64, size, elements=st.integers(0, cells - 1))


@st.composite
def compositions(draw, total):
    """Tuples of positive integers that sum to `total`: the dimensions of consecutive blocks."""
    cuts = draw(st.sets(st.integers(1, total - 1))) if total > 1 else set()
    edges = [0, *sorted(cuts), total]
    return tuple(b - a for a, b in pairwise(edges))


@st.composite
def codebooks(draw, dim=None, max_size=6):
    """Arrays ``(K, d)`` of codewords."""
    return draw(point_sets(dim, 1, max_size))
