"""The printed comparison says what the table says."""

import numpy as np
import pandas as pd
import pytest

from empirical.table import _COLUMNS, comparison, render
from qtheory.errors import SchemaError


def frame():
    rows = []
    for method, base in (("unquantized", np.nan), ("ema", 1.0)):
        for trial in range(3):
            row = {"method": method, "head": "none", "phase": "substitution", "trial": trial}
            for name, _, _, interval in _COLUMNS:
                value = base + trial if name not in ("psnr", "ssim", "kid_efflite0") else 20.0 + trial
                row[name] = value
                if interval:
                    row |= {f"{name}_low": value - 0.5, f"{name}_high": value + 0.5}
            rows.append(row)
    return pd.DataFrame(rows)


def test_rows_are_averages_over_trials_in_the_order_of_the_table():
    means = comparison(frame())
    assert list(means.index) == [("unquantized", "none", "substitution"), ("ema", "none", "substitution")]
    assert means.loc[("ema", "none", "substitution"), "latent_nmse"] == 2.0
    assert means.loc[("ema", "none", "substitution"), "latent_nmse_low"] == 1.5
    assert means.loc[("ema", "none", "substitution"), "latent_distortion_per_dim_sd"] == 1.0
    assert means["trials"].tolist() == [3, 3]


def test_text_shows_intervals_and_leaves_missing_values_empty():
    head, unquantized, ema = render(frame()).splitlines()
    assert "NMSE after head" in head
    assert "KID-EffLite0" in head
    assert "21.00 [20.50, 21.50]" in unquantized
    assert "nan" not in unquantized.lower()
    assert "2.0000 [1.5000, 2.5000]" in ema


def test_missing_columns_are_named():
    with pytest.raises(SchemaError, match="it lacks psnr_low, ssim"):
        comparison(frame().drop(columns=["ssim", "psnr_low"]))


def test_phases_of_a_method_stand_one_below_the_other():
    later = frame().query("method == 'ema'").assign(phase="adaptation")
    other = frame().query("method == 'ema'").assign(method="fsq")
    means = comparison(pd.concat([frame(), other, later], ignore_index=True))
    assert [f"{method} {phase}" for method, _, phase in means.index] == [
        "unquantized substitution",
        "ema substitution",
        "ema adaptation",
        "fsq substitution",
    ]
