"""Figures and tables of the pocket comparison say what its stored tables say."""

import base64
import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from figures import pocket, pocket_answers, pocket_heads, pocket_pictures, recipe
from figures.pocket_table import PHASES, readable, summary
from qtheory.errors import SchemaError
from qtheory.results.comparison import FAMILIES, UNQUANTIZED


@pytest.fixture(scope="module")
def stored(results):
    names = (*pocket.RECIPE.tables, *pocket_pictures.RECIPE.tables, *pocket_answers.TABLES)
    return {name: recipe.find_table(name, [results]) for name in names}


def drawn(chosen, stored):
    return recipe.draw(chosen, [stored[name] for name in chosen.tables])


def shown(axes):
    """Numbers of all markers of a panel."""
    points = [line.get_xydata() for line in axes.lines if line.get_marker() not in ("None", "|", "_", None)]
    return np.concatenate([xy for xy in points if len(xy)])


@pytest.mark.parametrize("phase", PHASES)
def test_a_point_is_the_mean_of_a_method_over_its_seeds(stored, phase):
    frame = stored[f"{phase}/pocket"].frame
    own = frame[
        (frame["method"] != UNQUANTIZED) & ((frame["head"] == "full") | ~frame["method"].isin(FAMILIES))
    ]
    means = own.groupby("method", sort=False)[
        ["latent_nmse", "perplexity", "utilization", "kid_efflite0"]
    ].mean()
    panels = np.reshape(drawn(pocket.RECIPE, stored).axes, (3, 3))[:, PHASES.index(phase)]
    for axes, name, unit in zip(
        panels, ("latent_nmse", "perplexity", "utilization"), (1, 1, 100), strict=True
    ):
        found = shown(axes)
        expected = np.stack([unit * means[name], 1e3 * means["kid_efflite0"]], axis=1)
        assert len(found) == len(expected)
        order = [np.lexsort(values.round(9).T) for values in (found, expected)]
        np.testing.assert_allclose(found[order[0]], expected[order[1]], rtol=1e-12)


def test_panels_carry_the_correlations_of_their_table(stored):
    table = stored["correlations/pocket"].frame
    row = table[
        (table["phase"] == "adaptation")
        & (table["quality"] == "kid_efflite0")
        & (table["predictor"] == "latent_nmse")
    ].iloc[0]
    texts = [text.get_text() for text in drawn(pocket.RECIPE, stored).axes[1].texts]
    assert any(f"ρ = {row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in text for text in texts)


def test_every_head_of_every_method_is_drawn(stored):
    frame = stored["substitution/pocket"].frame
    trained = frame[frame["method"].isin(FAMILIES)]
    means = trained.groupby(["method", "head"])["latent_nmse"].mean()
    found = shown(drawn(pocket_heads.RECIPE, stored).axes[0])
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(means), rtol=1e-12)


def test_pictures_are_the_stored_ones_to_the_pixel(stored):
    figure = drawn(pocket_pictures.RECIPE, stored)
    frame = stored["joint/pocket-pictures"].frame
    pictures = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    first = stored["substitution/pocket-pictures"].frame
    rows = first["crop_number"].nunique() + 2  # of one crop the later phases too
    bands = 2  # each with the original
    assert len(pictures) == rows * (bands + frame["method"].nunique())
    for png in frame["png"]:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(png)), format="png")
        assert any(np.array_equal(pixels, picture) for picture in pictures)


def test_names_of_methods_and_phases_are_readable_in_print(stored):
    figure = drawn(pocket_pictures.RECIPE, stored)
    width = figure.get_size_inches()[0]
    assert min(text.get_fontsize() for text in figure.texts) * min(1, 6.6 / width) >= 7
    assert len(figure.texts) == 2 + stored["joint/pocket-pictures"].frame["method"].nunique() + 2 * (
        stored["substitution/pocket-pictures"].frame["crop_number"].nunique() + 2
    )


def test_the_tables_show_the_means_with_their_intervals(stored):
    frame = stored["substitution/pocket"].frame
    row = frame[(frame["method"] == "fsq") & (frame["head"] == "none")].mean(numeric_only=True)
    cell = f"{row['latent_nmse']:.3f} [{row['latent_nmse_low']:.3f}, {row['latent_nmse_high']:.3f}]"
    table = readable(frame).set_index(["method", "heads"])
    assert table.loc[("FSQ", "none"), "NMSE at the decoder"] == cell
    whole = summary([stored[f"{phase}/pocket"].frame for phase in PHASES]).set_index("method")
    assert whole.loc["FSQ", "NMSE, no heads"] == cell
    assert whole.loc["no quantizer", "NMSE, no heads"] == "–"
    assert set(whole["class"]) == {"VQ", "PQ", "SQ", "–"}
    adapted = stored["adaptation/pocket"].frame
    psnr = adapted[(adapted["method"] == "fsq") & (adapted["head"] == "full")]["psnr"].mean()
    assert whole.loc["FSQ", "PSNR (dB, RGB), adaptation"].startswith(f"{psnr:.2f} [")


def test_correlations_of_other_tables_are_refused(stored):
    phase = stored["joint/pocket"]
    other = replace(phase, manifest={**phase.manifest, "sha256": "0" * 64})
    with pytest.raises(SchemaError, match=r"must come from .*joint.* run `python -m empirical table"):
        drawn(pocket.RECIPE, {**stored, "joint/pocket": other})
    with pytest.raises(SchemaError, match="computed from another joint/pocket"):
        list(pocket_answers.answers({**stored, "joint/pocket": other}))
