"""The transcription of Tables 1 to 7: sums taken from the text by a second pass, cells, types, agreements."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pandas
import pytest

from qtheory import paper
from qtheory.errors import DomainError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "paper_tables.json").read_text())
METRICS = GOLDEN["columns"]
PRINTED = Path(paper.__file__).parent


def printed(name):
    with (PRINTED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def units(column, decimals):
    """The column in integers of its last printed digit."""
    return [round(x * 10**decimals) for x in column]


@pytest.mark.parametrize("n", range(3, 8))
def test_row_counts_and_column_sums_are_those_of_the_text(n):
    rows = paper.table(n)
    assert len(rows) == GOLDEN["rows"][str(n)]
    for name, decimals, total in zip(METRICS, GOLDEN["decimals"], GOLDEN["sums"][str(n)], strict=True):
        assert sum(units(rows[name], decimals)) == total, name


@pytest.mark.parametrize("n", range(3, 8))
def test_typed_cells_are_the_printed_decimals(n):
    for cells, (_, row) in zip(printed(f"table{n}"), paper.table(n).iterrows(), strict=True):
        for name in METRICS:
            if name == "utilization":
                assert Decimal(repr(row[name])) * 100 == Decimal(cells[name].removesuffix("%"))
            else:
                assert Decimal(repr(row[name])) == Decimal(cells[name])


@pytest.mark.parametrize(
    ("n", "approach", "phase", "cells"),
    [
        (3, "Vanilla VQ", "Substitution", [0.422, 0.002, 22.04, 53.1, 0.243, 10.89, 103.8]),
        (3, "MMD VP2", "Adaptation", [0.212, 1.0, 24.43, 64.5, 0.109, 0.95, 196.1]),
        (3, "LFQ", "Adaptation", [0.279, 0.298, 23.42, 60.7, 0.130, 1.30, 183.2]),
        (7, "EMA VQ", "Joint Optimization", [0.077, 0.919, 24.52, 65.3, 0.103, 0.87, 197.1]),
        (7, "BSQ", "Decoder-Only", [0.231, 1.0, 24.06, 63.6, 0.117, 1.07, 190.8]),
    ],
)
def test_cells_of_named_rows(n, approach, phase, cells):
    rows = paper.table(n)
    row = rows[(rows.approach == approach) & (rows.phase == phase)]
    assert row[METRICS].to_numpy().tolist() == [cells]


def test_columns_have_the_types_of_what_they_hold():
    for n in (3, 4, 5, 7):
        types = paper.table(n).dtypes
        assert (types[["tokens", "K"]] == "int64").all()
        assert (types[[*METRICS, "bits"]] == "float64").all()


def test_table_6_keeps_its_products_and_counts_equal_bits_in_each_pair():
    rows = paper.table(6)
    assert rows.tokens.tolist() == ["512", "512", "512×2", "512×2"] * 2
    assert rows.K.tolist() == ["128×128"] * 2 + ["128"] * 2 + ["256×256"] * 2 + ["256"] * 2
    assert rows.bits.tolist() == [7168.0] * 4 + [8192.0] * 4


def test_types_and_citation_marks_of_the_thirteen_methods():
    rows = paper.table(3)
    assert rows.type.tolist() == (["VQ"] * 5 + ["PQ"] * 5 + ["SQ"] * 3) * 2
    assert rows.cited.tolist() == ([True] * 5 + [False] * 8) * 2
    assert paper.table(7).cited.sum() == 5


def test_table_7_repeats_the_adaptation_rows_of_table_3():
    columns = ["approach", "type", "tokens", "K", *METRICS]
    adapted = paper.table(3).query("phase == 'Adaptation'")[columns].reset_index(drop=True)
    decoder_only = paper.table(7).query("phase == 'Decoder-Only'")[columns].reset_index(drop=True)
    pandas.testing.assert_frame_equal(adapted, decoder_only)


def test_table_1_marks_what_is_not_provided():
    rows = paper.table(1).set_index("tokenizer")
    assert len(rows) == 7
    assert rows.isna().sum().tolist() == [2, 0, 0, 0, 2, 2]
    var = rows.loc["VAR (Tian et al., 2024)"]
    assert (var.parameters, var.training_epochs) == (104_000_000, 16)
    assert var.training_gpu_hours == "16 × A100 60 Hours"


def test_table_2_gives_each_quantity_for_each_scheme():
    rows = paper.table(2).set_index("quantity")
    assert rows.columns.tolist() == ["VQ", "PQ", "SQ", "RQ", "VAR"]
    assert rows.index.tolist() == [
        "codebook_size",
        "tokens",
        "input_bits",
        "output_bits",
        "compression_ratio",
    ]
    assert rows.loc["output_bits", "PQ"] == "h*w*M*log2(K_1)"


@pytest.mark.parametrize("n", [0, 8, -1, "3", 3.0, True, None])
def test_other_numbers_are_refused_with_the_range(n):
    with pytest.raises(DomainError, match="from 1 to 7"):
        paper.table(n)


def test_changing_a_returned_table_changes_no_later_one():
    rows = paper.table(3)
    rows.loc[0, "rfid"] = 0.0
    assert paper.table(3).loc[0, "rfid"] == 10.89


def test_the_printed_cells_are_the_logs_rounded_but_for_two():
    tables = {512: printed("table3"), 256: printed("table5"), 2048: printed("table5")}
    differing = set()
    for log in printed("authors_logs"):
        if log["variant"].startswith("without"):
            continue
        (row,) = (
            row
            for row in tables[int(log["tokens"])]
            if row["approach"].removesuffix("†") == log["approach"]
            and row["tokens"] == log["tokens"]
            and row["phase"] == "Substitution"
        )
        for name in METRICS:
            cell = Decimal(row[name].removesuffix("%"))
            half = Decimal(1).scaleb(cell.as_tuple().exponent) / 2
            scale = 100 if name == "utilization" else 1
            if abs(Decimal(log[name]) * scale - cell) > half:
                differing.add((log["approach"], log["tokens"], name))
    assert differing == {("Vanilla VQ", "512", "distortion_per_dim"), ("MMD VQ", "2048", "lpips")}


def test_the_row_of_mmd_at_32768_that_is_printed_is_the_run_of_another_quantizer():
    (row,) = (row for row in printed("table4") if row["K"] == "32768" and row["phase"] == "Substitution")
    agreeing = {}
    for log in printed("authors_sizes"):
        scale = {"utilization": 100}
        agreeing[log["approach"]] = [
            abs(Decimal(log[name]) * scale.get(name, 1) - Decimal(row[name].removesuffix("%")))
            <= Decimal(1).scaleb(Decimal(row[name].removesuffix("%")).as_tuple().exponent) / 2
            for name in METRICS
            if log[name]
        ]
    assert all(agreeing["Wasserstein VQ"])
    assert sum(agreeing["MMD VQ"]) <= 1
    sizes = paper.authors_sizes()
    assert sizes[["tokens", "K"]].to_numpy().tolist() == [[512, 32768]] * 2
    assert sizes["ssim"].isna().tolist() == [False, True]


def test_logs_name_the_rerun_and_leave_unknown_perplexities_missing():
    logs = paper.authors_logs()
    rerun = logs[logs.variant.str.startswith("without")]
    assert rerun[["approach", "distortion_per_dim", "utilization"]].to_numpy().tolist() == [
        ["FSQ", 0.27189, 1.0]
    ]
    assert logs.perplexity.isna().sum() == 4
    assert (logs.perplexity.dropna() <= logs.K[logs.perplexity.notna()]).all()


def test_each_logged_run_has_five_epochs_in_order():
    epochs = paper.authors_epochs()
    runs = epochs.groupby(["approach", "variant", "tokens", "K"], sort=False)
    assert len(runs) == 8
    assert all(run.epoch.tolist() == [1, 2, 3, 4, 5] for _, run in runs)
