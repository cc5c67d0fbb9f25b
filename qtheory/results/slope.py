"""Slope of distortion against variance from a result table: Figure 2's one number, estimated in one place."""

import math
from typing import TYPE_CHECKING, NamedTuple

from qtheory.errors import DomainError

if TYPE_CHECKING:
    import pandas as pd


class Slope(NamedTuple):
    """Slope of distortion against variance.

    Attributes
    ----------
    value : float
        The estimate.
    error : float
        Its standard error.
    measurements : int
        Independent measurements behind it.
    exact : float
        The slope in expectation.
    """

    value: float
    error: float
    measurements: int
    exact: float


def independent(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows that are measurements of their own.

    Parameters
    ----------
    frame : DataFrame
        With columns ``mode``, ``variance`` and ``trial``: in mode ``direct`` each row is a measurement, in
        mode ``equivariant`` the rows of a trial are one, scaled.

    Returns
    -------
    DataFrame
        All rows of the direct mode, and one for each trial of the equivariant one.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"mode": "equivariant", "variance": [1.0, 2.0], "trial": 0, "distortion": [3.0, 6.0]}
    >>> len(independent(pd.DataFrame(rows))), len(independent(pd.DataFrame({**rows, "mode": "direct"})))
    (1, 2)
    """
    scaled = frame["mode"] == "equivariant"
    return frame[~(scaled & frame.assign(scaled=scaled).duplicated(["scaled", "trial"]))]


def slope_of_variance(frame: "pd.DataFrame") -> Slope:
    """Estimate the slope of distortion against variance through the origin.

    The standard deviation of a measurement is proportional to the variance, so the efficient estimate is
    the mean of the ratios, one for each independent measurement.

    Parameters
    ----------
    frame : DataFrame
        Rows of one dimension and codebook size, with columns ``distortion``, ``expected_distortion``,
        ``variance``, ``trial`` and ``mode``.

    Returns
    -------
    Slope
        Estimate, standard error, number of measurements and exact slope.

    Raises
    ------
    DomainError
        If there are fewer than two independent measurements: they have no standard error.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"mode": "direct", "variance": [1.0, 2.0], "trial": 0, "distortion": [1.1, 1.8]}
    >>> found = slope_of_variance(pd.DataFrame({**rows, "expected_distortion": [1.0, 2.0]}))
    >>> round(found.value, 6), round(found.error, 6), found.measurements, found.exact
    (1.0, 0.1, 2, 1.0)
    """
    own = independent(frame)
    if len(own) < 2:
        raise DomainError(f"frame must have 2 independent measurements, got {len(own)}; run more trials")
    ratios = own["distortion"] / own["variance"]
    exact = own["expected_distortion"] / own["variance"]
    error = float(ratios.std(ddof=1)) / math.sqrt(len(own))
    return Slope(float(ratios.mean()), error, len(own), float(exact.iloc[0]))
