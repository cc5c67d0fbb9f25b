"""Correlations and contrasts, against direct computation on tables of known contents."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from empirical.findings import (
    Contrast,
    contrasts,
    correlations,
    evaluated,
    write_findings,
)
from empirical.resampling import Resampling, trial_weights
from figures.recipe import ROOT
from qtheory.claims._ranks import rank_correlations
from qtheory.errors import SchemaError
from qtheory.results import read_table, write_table
from qtheory.results.comparison import FAMILIES

METHODS = ("vanilla", "ema", "online", "wasserstein", "mmd", "fsq")
PHOTOGRAPHS = 40


def tables(trials=2, heads=("full",), methods=METHODS, use=None):
    """A comparison in which the numbers of a photograph are known functions of method and photograph."""
    rng = np.random.default_rng(0)
    scene = rng.normal(size=PHOTOGRAPHS)
    rows, beside = [], []
    for head in heads:
        for i, method in enumerate(methods):
            for trial in range(trials):
                error = 1 + 0.2 * i + 0.3 * scene + 0.05 * rng.normal(size=PHOTOGRAPHS)
                own = {
                    "latent_distortion_per_dim": error,
                    "psnr": 30 - 3 * error + 2 * scene,
                    "kid_efflite0": 0.1 * error,
                    "perplexity": 100 + 10 * np.sin(3 * i) + scene,
                    "utilization": np.full(PHOTOGRAPHS, 1.0 if use is None else use[i]),
                }
                key = {"phase": "substitution", "method": method, "head": head, "trial": trial}
                means = {name: values.mean() for name, values in own.items()}
                variance = {"latent_variance": 2.0, "latent_nmse": means["latent_distortion_per_dim"] / 2}
                rows.append({**key, **means, **variance})
                beside += [
                    {**key, "photograph": f"{p}.jpg", "crops": 1 + p % 3}
                    | {name: values[p] for name, values in own.items()}
                    for p in range(PHOTOGRAPHS)
                ]
    return pd.DataFrame(rows), pd.DataFrame(beside)


def resampling(**options):
    return Resampling(*tables(**options), seed=0, resamples=500)


def test_correlations_of_rows_are_spearmans():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, size=(2, 30, 7)).astype(float)
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(rank_correlations(x, y), expected, atol=1e-12)


def test_a_resample_of_means_weighs_photographs_by_their_crops():
    frame, beside = tables(trials=1)
    data = Resampling(frame, beside, seed=0, resamples=50)
    own = beside[beside["method"] == "ema"].set_index("photograph").loc[data.names]
    expected = [np.average(own["psnr"], weights=w * own["crops"]) for w in data.weights]
    np.testing.assert_allclose(data.sample(("substitution", "ema", "full"), "psnr").resampled, expected)


def test_pseudo_values_spread_as_the_jackknife_says():
    data = Resampling(*tables(trials=1), seed=0, resamples=20_000)
    frame, beside = tables(trials=1)
    own = beside[beside["method"] == "ema"]["kid_efflite0"]
    sample = data.sample(("substitution", "ema", "full"), "kid_efflite0")
    assert sample.value == frame[frame["method"] == "ema"]["kid_efflite0"].iloc[0]
    assert sample.resampled.mean() == pytest.approx(sample.value, abs=4 * stats.sem(own) / 140)
    # a bootstrap has the variance over n where the jackknife has it over n - 1
    expected = stats.sem(own) * np.sqrt((PHOTOGRAPHS - 1) / PHOTOGRAPHS)
    assert sample.resampled.std() == pytest.approx(expected, rel=0.03)


def shifted_by_trial(shifts):
    """Photographs that are all alike, and for each method a PSNR of 30 that each trial shifts by its own."""
    frame, beside = tables(trials=3, methods=tuple(shifts))
    for part in (frame, beside):
        part["psnr"] = [
            30 + shifts[method][trial] for method, trial in zip(part["method"], part["trial"], strict=True)
        ]
    return Resampling(frame, beside, seed=0, resamples=4000)


def psnr_of(data, method):
    return data.sample(("substitution", method, "full"), "psnr").resampled


COMMON = (-1.0, 0.25, 0.75)


def test_the_spread_of_seeds_enters_the_intervals_without_bias():
    found = psnr_of(shifted_by_trial({"ema": COMMON, "fsq": (0.0, 0.0, 0.0)}), "ema")
    # the standard error of a mean of three, not the square root of two thirds of it
    assert found.std() == pytest.approx(stats.sem(COMMON), rel=0.03)


def test_what_all_methods_of_a_trial_share_cancels_in_differences_and_not_in_averages():
    data = shifted_by_trial({"ema": COMMON, "fsq": COMMON, "mmd": COMMON})
    samples = [psnr_of(data, method) for method in ("ema", "fsq", "mmd")]
    np.testing.assert_allclose(samples[0] - samples[1], 0, atol=1e-12)
    assert np.mean(samples, axis=0).std() == pytest.approx(stats.sem(COMMON), rel=0.03)


def test_what_a_method_has_of_its_own_in_a_trial_stays_in_differences():
    own = (0.5, -1.0, 0.5)
    data = shifted_by_trial({"ema": np.add(COMMON, own), "fsq": COMMON})
    assert (psnr_of(data, "ema") - psnr_of(data, "fsq")).std() == pytest.approx(stats.sem(own), rel=0.03)


def test_trials_are_weighed_alike_for_all_and_sum_to_one():
    weights = trial_weights(0, [0, 1, 2], 1000)
    np.testing.assert_array_equal(weights, trial_weights(0, [0, 1, 2], 1000))
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert weights.mean(axis=1) == pytest.approx([1 / 3] * 3, abs=0.05)
    np.testing.assert_array_equal(trial_weights(0, [0], 5), np.ones((1, 5)))


def test_a_column_that_follows_another_is_found_and_one_that_does_not_is_not():
    found = correlations(resampling()).set_index(["quality", "predictor"])
    error = found.loc[("kid_efflite0", "latent_distortion_per_dim")]
    assert error["rho"] == 1
    assert error["p_value"] == pytest.approx(2 / 720)
    assert error["n"] == 6
    assert error["low"] > 0.9
    assert found.loc[("psnr", "latent_distortion_per_dim"), "rho"] == -1
    use = found.loc[("kid_efflite0", "perplexity")]
    assert abs(use["rho"]) < 0.5
    assert use["low"] <= use["rho"] <= use["high"]
    assert error["advantage_perplexity"] == pytest.approx(1 - abs(use["rho"]))
    assert error["advantage_perplexity_low"] > 0
    # of latents of equal variance NMSE is E in another unit
    relative = found.loc[("kid_efflite0", "latent_nmse")]
    advantages = [name for name in found if name.startswith("advantage_perplexity")]
    assert relative[advantages].tolist() == error[advantages].tolist()
    assert found.loc[("kid_efflite0", "perplexity"), advantages].isna().all()


def test_the_advantage_of_nmse_is_its_own_where_latents_shrink():
    frame, beside = tables()
    place = dict(zip(METHODS, (3, 0, 5, 1, 4, 2), strict=True))  # of NMSE and of KID, but not of E
    frame["latent_nmse"] = 0.1 + 0.1 * frame["method"].map(place)
    frame["latent_variance"] = frame["latent_distortion_per_dim"] / frame["latent_nmse"]
    for part in (frame, beside):
        part["kid_efflite0"] = 1.0 * part["method"].map(place)
    found = correlations(Resampling(frame, beside, seed=0, resamples=500)).set_index(["quality", "predictor"])
    means = frame.groupby("method")[["latent_distortion_per_dim", "kid_efflite0", "perplexity"]].mean()
    rho = means.corr("spearman")["kid_efflite0"]
    for name, own in (("latent_nmse", 1.0), ("latent_distortion_per_dim", rho["latent_distortion_per_dim"])):
        row = found.loc[("kid_efflite0", name)]
        assert row["rho"] == pytest.approx(own)
        assert row["advantage_perplexity"] == pytest.approx(abs(own) - abs(rho["perplexity"]))
        assert row["advantage_perplexity_low"] <= row["advantage_perplexity"]
        assert row["advantage_perplexity"] <= row["advantage_perplexity_high"]
    assert rho["latent_distortion_per_dim"] < 0.5


def test_p_values_are_shares_of_permutations():
    use = [3, 1, 2, 2, 1, 0]
    found = correlations(resampling(use=use)).set_index(["quality", "predictor"])
    row = found.loc[("kid_efflite0", "utilization")]
    observed = abs(stats.spearmanr(use, range(6)).statistic)
    assert row["rho"] == pytest.approx(stats.spearmanr(use, range(6)).statistic)
    shares = [abs(stats.spearmanr(use, p).statistic) >= observed - 1e-12 for p in permutations(range(6))]
    assert row["p_value"] == pytest.approx(np.mean(shares))


def test_what_is_equal_for_all_methods_has_no_correlation():
    found = correlations(resampling()).set_index(["quality", "predictor"])
    row = found.loc[("kid_efflite0", "utilization")]
    assert row["different"] == 1
    assert row[["rho", "low", "high", "p_value"]].isna().all()
    assert "advantage_utilization" not in found


def test_a_contrast_is_paired_by_photograph(monkeypatch):
    from empirical import findings

    sides = (("substitution", "fsq", "full"),), (("substitution", "vanilla", "full"),)
    chosen = [Contrast("question", "fsq - vanilla", *sides, columns=("psnr", "latent_nmse"))]
    monkeypatch.setattr(findings, "contrasts", lambda: iter(chosen))
    row = evaluated(resampling()).set_index("column")
    frame, _ = tables()
    means = frame.groupby("method")[["psnr", "latent_nmse"]].mean()
    for column in ("psnr", "latent_nmse"):
        expected = means.loc["fsq", column] - means.loc["vanilla", column]
        assert row.loc[column, "difference"] == pytest.approx(expected)
        assert row.loc[column, "low"] < expected < row.loc[column, "high"]
    # photographs differ by 0.3 on this scale; the same ones on both sides leave 0.05 of it
    assert row.loc["latent_nmse", "high"] - row.loc["latent_nmse", "low"] < 0.05


def test_questions_name_cells_that_the_preset_has():
    from empirical.cells import compared
    from empirical.launch_config import PHOTOGRAPHS
    from empirical.phases import Adaptation, Joint, Substitution

    studies = [phase.study for phase in (Substitution, Adaptation, Joint)]
    cells = {(study, *point) for study in studies for point in compared(PHOTOGRAPHS["pocket"], study)}
    asked = [key for contrast in contrasts() for key in (*contrast.plus, *contrast.minus)]
    assert set(asked) <= cells
    assert set(FAMILIES) == set(PHOTOGRAPHS["pocket"].methods)


def test_fsq_and_lfq_without_heads_are_one_quantizer_and_count_once():
    table = read_table(ROOT / "empirical" / "results" / "substitution" / "pocket.csv").frame
    bare = table[table["head"] == "none"].set_index(["method", "trial"])
    columns = ["latent_nmse", "psnr", "kid_efflite0", "perplexity"]
    pd.testing.assert_frame_equal(bare.loc["fsq", columns], bare.loc["lfq", columns])
    assert (bare.loc["bsq", "latent_nmse"] != bare.loc["fsq", "latent_nmse"]).all()
    sides = {contrast.name: contrast for contrast in contrasts()}
    assert {method for _, method, _ in sides["SQ - PQ, substitution, heads none"].plus} == {"fsq", "bsq"}
    assert {method for _, method, _ in sides["SQ - optimal SQ, no heads"].plus} == {"fsq", "bsq"}
    trained = sides["SQ - PQ, substitution, heads full"].plus
    assert {method for _, method, _ in trained} == {"fsq", "lfq", "bsq"}


def test_photographs_of_other_cells_are_refused():
    frame, beside = tables()
    with pytest.raises(SchemaError, match="photographs must be those of the comparison"):
        Resampling(frame, beside[beside["method"] != "ema"], seed=0)


def test_findings_name_the_tables_they_come_from(tmp_path):
    shared = {"fixed": {"images": "a", "tokenizer": "b", "threads": 1}}
    about = {"study": "substitution", "seed": 3, "preset": "smoke", "configuration": shared}
    made = [
        write_table(tmp_path / f"{name}.csv", frame, **about)
        for name, frame in zip(("smoke", "smoke-photographs"), tables(), strict=True)
    ]
    paths = {name: tmp_path / name / "smoke.csv" for name in ("correlations", "contrasts")}
    written = write_findings(made[:1], made[1:], paths, "fair")
    assert [table.manifest["study"] for table in written] == ["correlations"]  # no contrast has all its cells
    assert not paths["contrasts"].exists()
    stored = read_table(paths["correlations"])
    assert stored.manifest["seed"] == 3
    assert stored.manifest["configuration"]["sources"] == {
        f"substitution/{table.path.stem}": table.manifest["sha256"] for table in made
    }
    assert stored.manifest["command"] == "python -m empirical table --preset smoke"
    (other,) = write_findings(made[:1], made[1:], paths, "fair_decoder")
    assert other.manifest["command"].endswith("table --preset smoke --protocol fair_decoder")
    again = write_findings(made[:1], made[1:], paths, "fair")
    assert again[0].manifest["sha256"] == stored.manifest["sha256"]
