"""Work on rows that do not depend on each other: a few at a time, which stay in the cache."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONG_ROW = 256  # numbers
# numbers; arrays of 512 KiB and more are also new pages each time, and no thread makes up for that
_CACHED = 32_768


def parts(n: int, dim: int) -> Iterator[slice]:
    """Yield slices of n rows of `dim` numbers.

    Examples
    --------
    >>> list(parts(3, 20_000))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    rows = max(1, _CACHED // dim)
    for first in range(0, n, rows):
        yield slice(first, min(first + rows, n))


def column_extremes(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the largest value of each column of (n, d), faster than numpy.

    Several rows side by side make one long one: numpy has little to do in a short one.

    Examples
    --------
    >>> column_extremes(np.arange(6.0).reshape(3, 2))
    (array([0., 1.]), array([4., 5.]))
    """
    n, d = x.shape
    together = max(1, min(n, _LONG_ROW // d))
    whole = n - n % together
    found = []
    for extreme in (np.minimum, np.maximum):
        long = extreme.reduce(x[:whole].reshape(-1, together * d), axis=0).reshape(together, d)
        found.append(extreme.reduce(np.concatenate([long, x[whole:]]), axis=0))
    return found[0], found[1]


def row_sums(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each row of (n, d), as ``x.sum(axis=1)`` does, to the bit, but faster.

    numpy goes row by row, with little to do in each. Whole columns are added here in its order: eight
    running sums, which are added in pairs, then what is left over.

    Examples
    --------
    >>> row_sums(np.arange(6.0).reshape(2, 3)).tolist()
    [3.0, 12.0]
    """
    d = x.shape[1]
    if not 1 < d <= 128:  # above that numpy halves the row first
        return np.asarray(x.sum(axis=1))
    columns = x.T
    whole = d - d % 8
    total, left = columns[0], columns[1:]
    if whole:
        eight = sum((columns[i : i + 8] for i in range(8, whole, 8)), start=columns[:8])
        pairs = eight[0::2] + eight[1::2]
        total, left = (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]), columns[whole:]
    return np.asarray(sum(left, start=total))
