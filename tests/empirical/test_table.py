"""The printed comparison says what the tables say."""

import numpy as np
import pandas as pd
import pytest

from empirical.table import render, render_side_by_side, side_by_side
from qtheory import paper
from qtheory.errors import DomainError, SchemaError
from qtheory.results.comparison import COLUMNS, averages


def frame(methods=("unquantized", "ema"), head="none", phase="substitution"):
    rows = []
    for method in methods:
        base = np.nan if method == "unquantized" else 1.0
        for trial in range(3):
            row = {"method": method, "head": head, "phase": phase, "trial": trial, "crop": 64}
            row |= {"codebook_size": 256, "psnr_luma": 22.0 + trial}
            for column in COLUMNS:
                image = column.name in ("psnr", "ssim", "kid_efflite0")
                value = 20.0 + trial if image else base + trial
                row[column.name] = value
                if column.interval:
                    row |= {f"{column.name}_low": value - 0.5, f"{column.name}_high": value + 0.5}
            rows.append(row)
    return pd.DataFrame(rows)


def test_rows_are_averages_over_trials_in_the_order_of_the_table():
    means = averages(frame())
    assert list(means.index) == [("unquantized", "none", "substitution"), ("ema", "none", "substitution")]
    assert means.loc[("ema", "none", "substitution"), "latent_nmse"] == 2.0
    assert means.loc[("ema", "none", "substitution"), "latent_nmse_low"] == 1.5
    assert means.loc[("ema", "none", "substitution"), "latent_distortion_per_dim_sd"] == 1.0
    assert means["trials"].tolist() == [3, 3]


def test_text_shows_intervals_and_leaves_missing_values_empty():
    head, unquantized, ema = render(frame()).splitlines()
    assert "NMSE at the decoder" in head
    assert "KID-EffLite0" in head
    assert "21.00 [20.50, 21.50]" in unquantized
    assert "nan" not in unquantized.lower()
    assert "2.000 [1.500, 2.500]" in ema


def test_missing_columns_are_named():
    with pytest.raises(SchemaError, match="it lacks psnr_low, ssim"):
        averages(frame().drop(columns=["ssim", "psnr_low"]))


def test_phases_of_a_method_stand_one_below_the_other():
    later = frame().query("method == 'ema'").assign(phase="adaptation")
    other = frame().query("method == 'ema'").assign(method="fsq")
    means = averages(pd.concat([frame(), other, later], ignore_index=True))
    assert [f"{method} {phase}" for method, _, phase in means.index] == [
        "unquantized substitution",
        "ema substitution",
        "ema adaptation",
        "fsq substitution",
    ]


def test_table_3_holds_the_printed_cells_the_logs_and_the_measured_rows():
    measured = frame(("ema", "mmd_vp2"), head="full")
    table = side_by_side(3, measured)
    assert table["origin"].str.split(",").str[0].value_counts().to_dict() == {
        "paper": 26,
        "authors' logs": 20,
        "measured": 2,
    }
    ema = table[(table["approach"] == "EMA VQ") & (table["phase"] == "substitution")]
    assert ema["origin"].tolist() == ["paper", "authors' logs", "measured"]
    assert ema["psnr"].tolist() == [24.94, 24.938, 23.0]  # the luma form, as printed
    assert ema["K"].tolist() == [65536, 65536, 256]
    assert ema["tokens"].tolist() == [512, 512, 128]
    assert ema["rfid"].notna().tolist() == [True, True, False]
    assert ema["kid"].notna().tolist() == [False, False, True]


def test_table_3_has_the_tokenizer_alone_and_the_references_below_the_printed_methods():
    bare, with_heads = frame(("unquantized", "kmeans")), frame(("ema",), head="full")
    table = side_by_side(3, pd.concat([bare, with_heads], ignore_index=True))
    own = table[table["origin"] == "measured"].set_index("approach")[["tokens", "K"]]
    assert own.index.tolist() == ["EMA VQ", "kmeans", "unquantized"]
    assert own.loc["kmeans"].tolist() == [128, 256]
    assert own.loc["unquantized"].tolist() == [0, 0]


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
def test_each_table_holds_every_printed_row_once(n):
    table = side_by_side(n, frame(("mmd", "mmd_vp2"), head="full"))
    printed = table[table["origin"] == "paper"]
    assert sorted(printed["rfid"]) == sorted(paper.table(n)["rfid"])
    measured = table[table["origin"] == "measured"]
    # adaptation was not run, and Table 7 has no substitution
    assert len(measured) == {3: 2, 4: 1, 5: 1, 6: 2, 7: 0}[n]
    text = render_side_by_side(n, frame(("mmd",), head="full"))
    assert len(text.splitlines()) == len(table) + 1 - (n in (3, 6))
    assert "nan" not in text.lower()


def test_other_tables_are_refused():
    with pytest.raises(DomainError, match="n must be the number of a table of results, 3 to 7; got 2"):
        side_by_side(2, frame())


def test_columns_of_the_paper_are_headed_by_the_form_that_they_have():
    head, *rows = render_side_by_side(3, frame(("ema",), head="full")).splitlines()
    assert "psnr (luma)" in head
    assert "ssim (%)" in head
    assert any("measured" in row and "23.00" in row for row in rows)  # psnr_luma and not psnr
    assert "PSNR (dB, RGB)" in render(frame())
