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
from empirical.resampling import Resampling
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
    from empirical.config import PRESETS
    from empirical.phases import Adaptation, Joint, Substitution

    cells = {
        (phase.study, point["method"], point["head"])
        for phase in (Substitution, Adaptation, Joint)
        for point in phase.points(PRESETS["pocket"])
    }
    asked = [key for contrast in contrasts() for key in (*contrast.plus, *contrast.minus)]
    assert set(asked) <= cells
    assert set(FAMILIES) == set(PRESETS["pocket"].methods)


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
    written = write_findings(made[:1], made[1:], paths)
    assert [table.manifest["study"] for table in written] == ["correlations"]  # no contrast has all its cells
    assert not paths["contrasts"].exists()
    stored = read_table(paths["correlations"])
    assert stored.manifest["seed"] == 3
    assert stored.manifest["configuration"]["sources"] == {
        f"substitution/{table.path.stem}": table.manifest["sha256"] for table in made
    }
    again = write_findings(made[:1], made[1:], paths)
    assert again[0].manifest["sha256"] == stored.manifest["sha256"]
