"""What a launched comparison answers, on tables of known contents, and the command that prints it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from empirical.__main__ import main
from empirical.cells import matrix
from empirical.head import TRAINED
from empirical.launch import collect
from empirical.launch_config import PRESETS
from empirical.launch_findings import correlations
from empirical.setup import Launch
from qtheory.claims._ranks import permutation_p_value
from qtheory.results import read_table
from qtheory.results.comparison import FAMILIES

PAPER = replace(PRESETS["paper"], first=replace(PRESETS["paper"].first, trials=2))


def values(cell, noise=0.0):
    """The measured columns of a cell: r-FID follows the error of its method, and use follows nothing."""
    order = TRAINED.index(cell.method) if cell.method in TRAINED else 0
    rng = np.random.default_rng([order, cell.seed])
    error = 0.2 + 0.01 * order + noise * rng.normal()
    return {
        "latent_distortion_per_dim": error,
        "latent_nmse": error,
        "utilization": 1.0,
        "perplexity": 1000 * (1 + np.sin(5 * order)),
        "psnr": 30 - 10 * error,
        "psnr_luma": 32 - 10 * error,
        "r_fid": 10 * error + (cell.phase == "adaptation"),
    }


def rows(noise=0.0, **options):
    cells = matrix(PAPER, **options)
    return pd.DataFrame([{**cell.row, "image_tokens": 512, **values(cell, noise)} for cell in cells])


def test_correlations_are_spearmans_over_the_methods_of_table_3():
    found = correlations(rows(noise=0.02), seed=0, resamples=200)
    assert found["phase"].drop_duplicates().tolist() == ["substitution", "adaptation", "joint"]
    assert set(found["n"]) == {13}
    frame = rows(noise=0.02)
    own = frame[(frame["phase"] == "adaptation") & frame["tables"].str.contains("3")]
    means = own.groupby("method")[["perplexity", "latent_nmse", "r_fid"]].mean()
    assert set(means.index) == set(FAMILIES)
    picked = found[(found["phase"] == "adaptation") & (found["quality"] == "r_fid")].set_index("predictor")
    for name in ("perplexity", "latent_nmse"):
        rho = stats.spearmanr(means[name], means["r_fid"]).statistic
        assert picked.loc[name, "rho"] == pytest.approx(rho)
        assert picked.loc[name, "low"] <= rho <= picked.loc[name, "high"]
        exact = float(permutation_p_value(means[name], means["r_fid"]))
        assert picked.loc[name, "p_value"] == pytest.approx(exact)
    assert np.isnan(picked.loc["utilization", "rho"])  # the same for all


def test_what_follows_the_error_is_found_and_what_does_not_is_not():
    """Quality falls with the error exactly, so that no draw of methods hides it; use follows a sine."""
    found = correlations(rows(), seed=0, resamples=500).set_index(["phase", "quality", "predictor"])
    for phase in ("substitution", "adaptation", "joint"):
        error = found.loc[phase, "r_fid", "latent_distortion_per_dim"]
        assert (error["rho"], error["low"], error["high"]) == pytest.approx((1, 1, 1))
        assert error["p_value"] < 1e-6
        assert error["advantage_perplexity_low"] > 0
        other = found.loc[phase, "r_fid", "perplexity"]
        assert other["low"] < 0 < other["high"]
        assert other["p_value"] > 0.05


def test_what_all_methods_of_a_seed_share_moves_no_rank():
    frame = rows()
    moved = frame.copy()
    for name in ("latent_distortion_per_dim", "latent_nmse", "r_fid"):
        moved[name] += 50.0 * moved["seed"]  # methods differ by much less
    assert moved.groupby("method")["seed"].nunique().max() == 3
    pd.testing.assert_frame_equal(
        correlations(moved, seed=0, resamples=300), correlations(frame, seed=0, resamples=300)
    )


def test_protocols_stand_apart_and_few_methods_have_no_correlation():
    frame = rows(protocols=["fair", "as_run"])
    assert correlations(frame, seed=0, resamples=50)["protocol"].drop_duplicates().tolist() == [
        "fair",
        "as_run",
    ]
    assert correlations(rows(methods=["mmd", "ema"]), seed=0).empty


def test_kid_stands_for_r_fid_where_inception_was_not_used():
    frame = rows().rename(columns={"r_fid": "kid_efflite0"})
    assert set(correlations(frame, seed=0, resamples=50)["quality"]) == {"kid_efflite0", "psnr"}


def test_each_measured_quality_has_its_correlations_which_no_other_moves():
    frame = rows(noise=0.02)
    frame = frame[frame["phase"] == "joint"]
    whole = frame.assign(kid_inception=-frame["perplexity"], kid_efflite0=frame["latent_nmse"] ** 2)
    found = correlations(whole, seed=0, resamples=50)
    rho = found.set_index(["quality", "predictor"])["rho"]
    assert list(rho.index.unique(0)) == ["r_fid", "kid_inception", "kid_efflite0", "psnr"]
    assert rho["kid_inception", "perplexity"] == pytest.approx(-1)
    without = correlations(frame, seed=0, resamples=50)
    common = found[found["quality"].isin(["r_fid", "psnr"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(common, without)


def test_the_command_prints_the_tables_of_a_launch_and_stores_its_correlations(tmp_path, capsys):
    cells = matrix(PAPER, ["fair", "as_run"], tables=[3, 5])
    out = tmp_path / "launch" / "paper"
    launch = Launch(name="paper", sizes=PAPER, out=str(out), train="", heldout="", tokenizer="")
    made = collect(
        launch, [(cell, {"seconds": 1.0, "processes": 1, "row": values(cell)}) for cell in cells], "test"
    )
    assert main(["table", "--preset", "paper", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for words in (
        "Table 3",
        "Table 5",
        "authors' logs",
        "measured, fair",
        "measured, as_run",
        "correlations",
    ):
        assert words in printed
    assert "Table 6\n" not in printed
    stored = read_table(tmp_path / "correlations" / "paper.csv")
    assert stored.manifest["configuration"]["sources"] == {"launch/paper": made.manifest["sha256"]}
    assert main(["table", "--preset", "paper", "--protocol", "as_run", "--out", str(tmp_path)]) == 0
    assert "measured, fair" not in capsys.readouterr().out
    assert main(["table", "--preset", "desk", "--out", str(tmp_path)]) == 1
    assert (
        "desk.csv does not exist; run `python -m empirical launch --preset desk --out"
        in capsys.readouterr().err
    )
