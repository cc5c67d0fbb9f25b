"""Answers of the pocket comparison say what its stored tables say."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from figures import pocket_answers, pocket_classes, pocket_joint, pocket_ranks, recipe
from figures.pocket_table import PHASES
from qtheory.errors import SchemaError
from qtheory.results.comparison import FAMILIES, UNQUANTIZED


@pytest.fixture(scope="module")
def stored(results):
    return {name: recipe.find_table(name, [results]) for name in pocket_answers.TABLES}


def test_answers_give_each_phase_its_correlation(stored):
    first = next(iter(pocket_answers.answers(stored)))
    table = stored["correlations/pocket"].frame
    for phase in PHASES:
        chosen = table[(table["phase"] == phase) & (table["quality"] == "kid_efflite0")].set_index(
            "predictor"
        )
        for name in ("latent_distortion_per_dim", "perplexity"):
            assert f"{chosen.loc[name, 'rho']:.2f} [" in first


def with_hierarchy(stored, **changes):
    """The stored contrasts, in which all classes follow their error, but for some (name, column)."""
    contrasts = stored["contrasts/pocket"].frame.copy()
    ends = ["difference", "low", "high"]
    hierarchy = contrasts["question"] == "hierarchy"
    for column, values in {
        "latent_nmse": (0.1, 0.05, 0.15),
        "psnr": (-0.5, -0.6, -0.4),
        "kid_efflite0": (0.02, 0.01, 0.03),
        **changes,
    }.items():
        chosen = hierarchy & (contrasts["column"] == column.split("@")[0])
        if "@" in column:
            chosen &= contrasts["contrast"] == column.split("@")[1]
        contrasts.loc[chosen, ends] = values
    return contrasts


TURNED = "SQ - PQ, joint, heads full"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "by KID in 8 of 8; by PSNR in 8 of 8."),
        (
            {f"psnr@{TURNED}": (0.5, 0.4, 0.6)},
            f"by KID in 8 of 8; by PSNR in 7 of 8, the other way in {TURNED}: 0.100 [0.050, 0.150] of NMSE "
            "and 0.50 [0.40, 0.60] dB of PSNR.",
        ),
        # an interval that holds 0 decides nothing, whichever it is
        ({f"psnr@{TURNED}": (0.5, -0.1, 1.1)}, "by KID in 8 of 8; by PSNR in 7 of 7."),
        ({f"latent_nmse@{TURNED}": (0.1, -0.1, 0.3)}, "by KID in 7 of 7; by PSNR in 7 of 7."),
        (
            {f"kid_efflite0@{TURNED}": (-0.02, -0.03, -0.01)},
            f"by KID in 7 of 8, the other way in {TURNED}: 0.100 [0.050, 0.150] of NMSE and "
            "-0.020 [-0.030, -0.010] of KID; by PSNR in 8 of 8.",
        ),
        (
            {"kid_efflite0": (-0.02, -0.03, 0.01), "psnr": (0.5, -0.1, 1.0)},
            "by KID in 0 of 0; by PSNR in 0 of 0.",
        ),
    ],
)
def test_details_say_where_error_and_quality_agree_as_far_as_intervals_tell(stored, changes, words):
    assert pocket_classes.agreement(with_hierarchy(stored, **changes)).endswith(words)


def test_the_order_of_the_classes_is_that_of_the_intervals_in_each_phase(stored):
    plain = pocket_classes.hierarchy(with_hierarchy(stored))
    assert plain.count("(VQ before PQ before SQ)") == 4
    assert "Trained jointly, SQ less PQ" not in plain
    changes = {
        f"latent_nmse@{TURNED}": (-0.1, -0.15, -0.05),
        "latent_nmse@SQ - PQ, adaptation, heads full": (0.1, -0.05, 0.25),
        "latent_nmse@PQ - VQ, substitution, heads none": (-0.2, -0.3, -0.1),
    }
    turned = pocket_classes.hierarchy(with_hierarchy(stored, **changes))
    assert (
        "after adaptation 0.100 [0.050, 0.150] and 0.100 [-0.050, 0.250] (VQ before PQ, PQ and SQ undec"
        in turned
    )
    assert (
        "trained jointly 0.100 [0.050, 0.150] and -0.100 [-0.150, -0.050] (VQ before PQ, SQ before PQ)"
        in turned
    )
    assert "-0.200 [-0.300, -0.100] and 0.100 [0.050, 0.150] (PQ before VQ, PQ before SQ)" in turned
    assert "Trained jointly, SQ less PQ is 0.020 [0.010, 0.030] of KID and -0.50 [-0.60, -0.40] dB" in turned


def test_the_hierarchy_is_answered_in_every_phase_with_its_intervals(stored):
    said = list(pocket_answers.answers(stored))[2]
    contrasts = stored["contrasts/pocket"].frame
    rows = contrasts[(contrasts["question"] == "hierarchy") & (contrasts["column"] == "latent_nmse")]
    assert len(rows) == 8
    for _, row in rows.iterrows():
        assert f"{row['difference']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in said


def advantage(over, low, high):
    return {
        f"advantage_{over}": (low + high) / 2,
        f"advantage_{over}_low": low,
        f"advantage_{over}_high": high,
    }


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([("perplexity", 0.1, 0.3), ("utilization", 0.2, 0.4)], "better than both"),
        ([("perplexity", -0.3, -0.1), ("utilization", -0.2, -0.1)], "worse than both"),
        ([("perplexity", -0.3, 0.1), ("utilization", -0.2, 0.1)], "undecided"),
        (
            [("perplexity", 0.1, 0.3), ("utilization", -0.2, 0.4)],
            "better than perplexity and undecided against utilization",
        ),
        (
            [("perplexity", -0.3, -0.1), ("utilization", 0.2, 0.4)],
            "worse than perplexity and better than utilization",
        ),
        ([("perplexity", 0.1, 0.3)], "better than perplexity"),
        ([("perplexity", np.nan, np.nan), ("utilization", np.nan, np.nan)], "undefined"),
        ([], "undefined"),
    ],
)
def test_what_predicts_better_is_what_the_intervals_say(gaps, words):
    row = pd.Series({name: value for gap in gaps for name, value in advantage(*gap).items()})
    assert pocket_ranks.verdict(row) == words


def test_what_all_methods_use_alike_has_no_correlation_to_compare_with(stored):
    alike = stored["correlations/pocket"].frame.copy()
    measured = [name for name in alike if name.startswith("advantage_")]
    alike.loc[alike["phase"] == "joint", measured] = np.nan
    uses = (alike["phase"] == "joint") & alike["predictor"].isin(["perplexity", "utilization"])
    alike.loc[uses, ["rho", "low", "high", "p_value"]] = np.nan
    assert pocket_ranks.ranks_by_phase(alike).count(" and undefined trained jointly") == 1
    assert pocket_ranks.verdicts(alike, "psnr").endswith("; trained jointly undefined")
    assert "; trained jointly undefined (by E, in" in pocket_ranks.advantages(alike)


def test_the_advantage_of_error_is_that_of_nmse_and_of_e_where_they_differ(stored):
    said = list(pocket_answers.answers(stored))[1]
    table = stored["correlations/pocket"].frame
    rows = table[table["quality"] == "kid_efflite0"].set_index(["phase", "predictor"])
    assert said.count("by E") == 1  # where latents move
    for phase, predictor in (
        *((phase, "latent_nmse") for phase in PHASES),
        ("joint", "latent_distortion_per_dim"),
    ):
        for rival in ("perplexity", "utilization"):
            value, low, high = (
                rows.loc[(phase, predictor), f"advantage_{rival}{end}"] for end in ("", "_low", "_high")
            )
            assert f"{value:.2f} [{low:.2f}, {high:.2f}]" in said


def test_no_answer_holds_a_number_that_is_missing(stored):
    for sentence in (*pocket_answers.answers(stored), *pocket_answers.details(stored)):
        assert not re.search(r"\bnan\b", sentence)
        assert pd.notna(sentence)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("adaptation/pocket-fair_decoder", "table --preset pocket --protocol fair_decoder"),
        ("joint/pocket-fair_images", "table --preset pocket --protocol fair_images"),
    ],
)
def test_answers_of_variants_from_other_tables_are_refused(stored, name, command):
    other = replace(stored[name], manifest={**stored[name].manifest, "sha256": "0" * 64})
    with pytest.raises(
        SchemaError, match=f"computed from another {name}; run `python -m empirical {command}`"
    ):
        list(pocket_answers.details({**stored, name: other}))


def anew(stored, name, folder, **sources):
    """A table as if it were made anew, from these sources where it has some, in another folder."""
    table = stored[name]
    configuration = table.manifest["configuration"]
    if sources:
        configuration = {**configuration, "sources": {**configuration["sources"], **sources}}
    manifest = {**table.manifest, "sha256": "0" * 64, "configuration": configuration}
    return replace(table, manifest=manifest, path=folder / f"{name}.csv")


def test_stored_switches_stand_beside_a_run_of_ones_own_and_not_beside_newer_tables_of_theirs(
    stored, tmp_path
):
    fair = {f"{phase}/pocket": "0" * 64 for phase in PHASES}
    derived = {
        name: anew(stored, name, tmp_path, **fair) for name in ("correlations/pocket", "contrasts/pocket")
    }
    own = {**stored, **derived, **{name: anew(stored, name, tmp_path) for name in fair}}
    assert list(pocket_answers.details(own)) == list(pocket_answers.details(stored))
    there = stored["switches/pocket-fair_decoder"].path.parents[1]
    newer = {**own, "adaptation/pocket": anew(stored, "adaptation/pocket", there)}
    with pytest.raises(
        SchemaError, match=r"switches.*computed from another adaptation/pocket; run .*fair_images"
    ):
        list(pocket_answers.details(newer))


@pytest.mark.parametrize("name", pocket_answers.SWITCHES)
def test_details_say_what_each_switch_changes_in_every_phase_that_has_it(stored, name):
    (sentence,) = [said for said in pocket_answers.details(stored) if f"(`{name}`)" in said]
    frame = stored[f"switches/pocket-{name}"].frame
    for phase in frame["phase"].unique():
        own = frame[frame["phase"] == phase]
        for kind in ("VQ", "PQ", "SQ"):
            row = own[(own["subject"] == kind) & (own["column"] == "psnr")].iloc[0]
            assert f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}] dB for {kind}" in sentence
        rho = own[(own["statistic"] == "spearman") & (own["column"] == "kid_efflite0")].iloc[0]["value"]
        assert f"ρ = {rho:.2f} [" in sentence


def test_details_say_what_ranks_quality_under_the_loss_of_images(stored):
    (sentence,) = [said for said in pocket_answers.details(stored) if said.startswith("Under that loss")]
    table = stored["correlations/pocket-fair_images"].frame
    chosen = table[table["quality"] == "kid_efflite0"]
    for name in ("latent_distortion_per_dim", "perplexity"):
        for rho in chosen[chosen["predictor"] == name]["rho"]:
            assert f"{rho:.2f} [" in sentence


def test_details_say_of_which_phases_the_use_of_codewords_is(stored):
    said = next(iter(pocket_answers.details(stored)))
    used = [
        stored[f"{phase}/pocket"].frame.query("head == 'full'").groupby("method")["utilization"].mean()
        for phase in PHASES
    ]
    pd.testing.assert_series_equal(used[0], used[1])  # the codewords of adaptation are those before it
    assert said.startswith("Before joint training no codebook collapses")
    assert f"{(used[0] > 0.999).sum()} of 13 methods" in said
    assert f"the lowest {100 * used[0].min():.1f} %" in said


def test_details_tell_moving_latents_of_methods_from_those_of_references_over_all_trials(stored):
    (said,) = [said for said in pocket_answers.details(stored) if said.startswith("Trained jointly")]
    first, joint = (stored[f"{phase}/pocket"].frame for phase in ("substitution", "joint"))
    keys = ["method", "head", "trial"]
    both = joint.merge(first[[*keys, "latent_variance"]], on=keys, suffixes=("", "_before"))
    both["ratio"] = both["latent_variance"] / both["latent_variance_before"]
    ratios = both[both["method"] != UNQUANTIZED].groupby("method")["ratio"].mean()
    methods = ratios[ratios.index.isin(list(FAMILIES))]
    assert f"means of {joint['trial'].nunique()} trials" in said
    assert f"{methods.min():.2f} (EMA VQ) to {methods.max():.2f} (BSQ) times" in said
    assert f"for the {len(methods)} methods" in said
    assert f"times {ratios['kmeans']:.1f} (k-means VQ) and {ratios['lloyd_max']:.1f} (Lloyd-Max SQ)" in said
    assert f"{100 * joint.groupby('method')['utilization'].mean().min():.0f} %" in said


def quality(**kids):
    shared = {"head": "full", "loss": "any"}
    return pd.DataFrame([{"method": name, "kid_efflite0": kid, **shared} for name, kid in kids.items()])


def test_answers_say_what_hangs_on_the_weights_of_joint_training(stored):
    (said,) = [said for said in pocket_answers.answers(stored) if "(`fair_light`)" in said]
    assert f"`{stored['joint/pocket'].frame['loss'].iloc[0]}`" in said
    table = stored["correlations/pocket-fair_light"].frame
    chosen = table[(table["quality"] == "kid_efflite0") & (table["phase"] == "joint")].set_index("predictor")
    for name in ("latent_distortion_per_dim", "perplexity", "latent_nmse"):
        assert f"{chosen.loc[name, 'rho']:.2f} [" in said
    rows = stored["contrasts/pocket-fair_light"].frame.set_index(["contrast", "column"])
    for name in ("PQ - VQ", "SQ - PQ"):
        assert f"{rows.loc[(f'{name}, joint, heads full', 'latent_nmse'), 'difference']:.3f} [" in said


def test_answers_count_the_methods_that_joint_training_improves_as_the_rows_say(stored):
    adapted = quality(ema=0.2, fsq=0.2, bsq=0.2)
    joint, light = quality(ema=0.3, fsq=0.1, bsq=0.2), quality(ema=0.1, fsq=0.1, bsq=0.1)
    derived = [stored[f"{name}/pocket-fair_light"].frame for name in ("correlations", "contrasts")]
    said = pocket_joint.weights(adapted, joint, light, *derived)
    assert "after adaptation for 1 of 3 methods, and for 3 of 3 with the lighter terms" in said
    assert "r-FID for 11 of 13" in said  # `text.joint` of the ledger
    turned = pocket_joint.weights(adapted, light, joint, *derived)
    assert "for 3 of 3 methods, and for 1 of 3 with the lighter terms" in turned


def test_the_error_held_out_stands_beside_that_in_sample_with_the_variance_it_comes_from(stored):
    (said,) = [said for said in pocket_answers.details(stored) if said.startswith("Held out over in sample")]
    frame = stored["substitution/pocket"].frame
    means = frame[frame["method"] != UNQUANTIZED].groupby(["method", "head"]).mean(numeric_only=True)
    for name in ("latent_distortion_per_dim", "latent_variance", "latent_nmse"):
        assert f" {(means[name] / means[f'train_{name}']).median():.2f}" in said
