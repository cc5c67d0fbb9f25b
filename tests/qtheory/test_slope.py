"""The slope of Figure 2 counts each measurement once."""

import numpy as np
import pandas as pd
import pytest

from qtheory.errors import DomainError
from qtheory.results.slope import independent, slope_of_variance

RATIOS = np.array([1.3, 1.2, 1.1])


def table(mode):
    variances = np.tile([0.5, 1.0, 2.0], 3)
    trial = np.repeat([0, 1, 2], 3)
    rows = {"mode": mode, "variance": variances, "trial": trial, "expected_distortion": 1.25 * variances}
    return pd.DataFrame({**rows, "distortion": RATIOS[trial] * variances})


def test_rows_scaled_from_one_search_are_one_measurement():
    found = slope_of_variance(table("equivariant"))
    assert found.measurements == 3
    assert found.value == pytest.approx(RATIOS.mean(), rel=1e-14)
    assert found.error == pytest.approx(RATIOS.std(ddof=1) / np.sqrt(3), rel=1e-14)
    assert found.exact == pytest.approx(1.25, rel=1e-14)


def test_direct_rows_are_all_measurements_and_their_error_is_smaller():
    direct, scaled = slope_of_variance(table("direct")), slope_of_variance(table("equivariant"))
    assert direct.measurements == len(independent(table("direct"))) == 9
    assert direct.value == pytest.approx(scaled.value, rel=1e-14)
    assert direct.error < 0.6 * scaled.error


def test_one_measurement_has_no_standard_error():
    with pytest.raises(DomainError, match="2 independent measurements, got 1; run more trials"):
        slope_of_variance(table("equivariant").head(3))
