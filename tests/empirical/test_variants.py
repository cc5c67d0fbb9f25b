"""Variants of the fair protocol: one switch each, and all else, transplants included, is the base's."""

import json
from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import pytest

from empirical import losses
from empirical.__main__ import main
from empirical.cell import run as run_cell
from empirical.cells import matrix
from empirical.comparison import compare
from empirical.comparison_command import Protocol, table
from empirical.cost import _ADVERSARY, cost
from empirical.counts import counts
from empirical.head import REFERENCES, TRAINED
from empirical.launch_config import PHOTOGRAPHS
from empirical.launch_config import PRESETS as LAUNCHED
from empirical.launch_rows import loss
from empirical.phases import Adaptation, Joint, Substitution
from empirical.protocol import ADAPTATION, JOINT, RECIPES
from empirical.quantizers import PROTOCOLS
from empirical.runtime import Runtime
from empirical.setup import Launch
from empirical.switches import both, switched
from empirical.variants import (
    EVERY,
    VARIANTS,
    adversarial_recipe,
    base,
    conduct,
    first_stage,
    image_recipe,
    phases,
    substitution_recipe,
)
from qtheory.errors import DomainError, SchemaError
from qtheory.results import read_table
from tests.empirical.helpers import sized
from tests.empirical.networked import TINY, networked, small_networks
from tests.empirical.test_findings import tables


def recipes(protocol):
    return {
        "substitution": substitution_recipe(protocol),
        "adaptation": image_recipe("adaptation", protocol),
        "joint": image_recipe("joint", protocol),
        "adversary": adversarial_recipe(protocol),
        "conduct": conduct(protocol),
    }


def test_a_variant_differs_from_its_base_in_one_recipe_and_there_as_it_says():
    fair = recipes("fair")
    changed = {
        name: {key: value for key, value in recipes(name).items() if value != fair[key]} for name in VARIANTS
    }
    assert changed == {
        "fair_images": {"substitution": RECIPES["as_run"]},
        "fair_decoder": {"adaptation": ADAPTATION["paper"]},
        "fair_no_gan": {"adversary": replace(losses.ADAPTATION["fair"], adversarial=0.0)},
        "fair_light": {"joint": replace(JOINT, latent=0.125, quantizers=0.125)},
    }
    before, after = (asdict(image_recipe("adaptation", name)) for name in ("fair", "fair_decoder"))
    assert {key for key in before if before[key] != after[key]} == {"trainable"}


def test_every_protocol_can_be_named_on_the_command_line_and_has_a_base():
    assert get_args(Protocol) == EVERY == (*PROTOCOLS, *VARIANTS)
    assert {base(name) for name in EVERY} == set(PROTOCOLS)
    assert {name: first_stage(name) for name in EVERY if first_stage(name) != name} == {
        "fair_decoder": "fair",
        "fair_no_gan": "fair",
        "fair_light": "fair",
    }


@pytest.mark.parametrize("protocol", VARIANTS)
def test_a_variant_has_cells_where_it_changes_something_and_those_that_they_start_from(protocol):
    cells = matrix(LAUNCHED["paper"], [protocol], [3, 7])
    own = [cell for cell in cells if cell.protocol == protocol]
    assert {cell.phase for cell in own} == set(phases(protocol))
    assert {cell.method for cell in own} == set(TRAINED)
    starts = {cell.start.name for cell in own if cell.start is not None}
    names = [cell.name for cell in cells]
    assert starts <= set(names)
    others = [cell for cell in cells if cell.protocol != protocol and cell.phase != "baseline"]
    assert {cell.name for cell in others} == starts - {cell.name for cell in own}
    for cell in own:
        if cell.start is not None:
            assert names.index(cell.start.name) < names.index(cell.name)


def test_beside_its_base_a_variant_adds_its_own_cells_alone_and_moves_none():
    fair = matrix(LAUNCHED["paper"], ["fair"])
    together = matrix(LAUNCHED["paper"], ["fair", *VARIANTS])
    assert [cell for cell in together if cell.protocol == "fair"] == list(fair)
    assert all(cell.protocol in VARIANTS for cell in set(together) - set(fair))


def test_a_variant_without_its_networks_is_refused():
    with pytest.raises(DomainError, match="fair_no_gan must be launched with a preset that has a discrim"):
        matrix(LAUNCHED["desk"], ["fair_no_gan"])
    with pytest.raises(DomainError, match="fair_no_gan is about a discriminator"):
        compare(Adaptation, "smoke", "fair_no_gan")


def test_a_launch_on_photographs_refuses_before_anything_is_trained(monkeypatch, capsys):
    monkeypatch.setattr("empirical.comparison_command.run", None)
    for more in ([], ["--dry-run"]):
        assert main(["launch", "--preset", "pocket", "--protocol", "fair_no_gan", *more]) == 2
        assert "is about a discriminator" in capsys.readouterr().err


def test_a_phase_that_a_variant_does_not_change_names_the_protocol_that_has_it():
    with pytest.raises(DomainError, match=r"\(adaptation\), got substitution; .* of --protocol fair$"):
        compare(Substitution, "smoke", "fair_decoder")


def test_without_a_discriminator_nothing_of_it_is_counted_loaded_or_trained(tmp_path, monkeypatch):
    preset = LAUNCHED["paper"]
    own = counts(preset)
    with_gan, without = (
        next(c for c in matrix(preset, [name], [3], ["fsq"]) if c.phase == "adaptation")
        for name in ("fair", "fair_no_gan")
    )
    saved = cost(with_gan, preset, own).training - cost(without, preset, own).training
    assert saved == pytest.approx(preset.second.steps * preset.second.batch_size * _ADVERSARY / 1e9)
    assert cost(without, preset, own).memory < cost(with_gan, preset, own).memory
    small_networks(monkeypatch.setattr)

    def none(self):
        raise AssertionError("a discriminator was made")

    monkeypatch.setattr("empirical.setup.Setup.discriminator", none)
    launch = networked(tmp_path)
    cells = [c for c in matrix(TINY, ["fair_no_gan"], [7], ["fsq"]) if c.phase != "baseline"]
    assert [cell.protocol for cell in cells] == ["fair", "fair_no_gan", "fair_no_gan"]
    for cell in cells:
        launch.write(cell)
        run_cell(launch, cell, Runtime())
    assert loss(launch, cells[1]) == "pixel + lpips"
    log = json.loads((launch.folder(cells[1]) / "log.jsonl").read_text().splitlines()[0])
    assert set(log) == {"step", "loss", "pixel", "lpips"}
    assert log["loss"] == pytest.approx(log["pixel"] + log["lpips"])


def test_a_launched_row_says_what_latents_weigh_in_joint_training():
    desk = Launch("desk", LAUNCHED["desk"], "out", "train", "heldout", "tokenizer")
    said = {
        name: {loss(desk, cell) for cell in matrix(LAUNCHED["desk"], [name], [7]) if cell.phase == "joint"}
        for name in ("fair", "fair_light")
    }
    assert said == {
        "fair": {"pixel + gradient + latent + vq"},
        "fair_light": {"pixel + gradient + 0.125 (latent + vq)"},
    }


@pytest.fixture
def arguments(tiny, monkeypatch):
    """The small comparison with two methods, one reference and three steps."""
    changed = sized(PHOTOGRAPHS["smoke"], first=3, second=3, methods=("ema", "fsq"))
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", changed)
    points = (("lloyd_max", "none"), ("ema", "full"), ("fsq", "full"))
    monkeypatch.setattr("empirical.cells.compared", lambda *_: points)
    return tiny


def test_on_photographs_variants_share_what_they_do_not_change(tmp_path, arguments, capsys):
    def rows(phase, protocol):
        return compare(phase, "smoke", protocol, out=tmp_path, jobs=1, **arguments)[0].frame

    fair = rows(Substitution, "fair")
    images = rows(Substitution, "fair_images")
    assert images["method"].tolist() == ["ema", "fsq"]
    assert set(images["loss"]) == {"5 pixel + 1 latent + vq (no lpips)"}
    merged = images.merge(fair, on=["method", "head", "trial"])
    assert (merged["latent_nmse_x"] != merged["latent_nmse_y"]).all()
    adapted, alone = rows(Adaptation, "fair"), rows(Adaptation, "fair_decoder")
    assert adapted["method"].tolist() == ["lloyd_max", "ema", "fsq"]
    # without a head nothing but the decoder follows the quantizers of the pocket tokenizer
    assert alone["method"].tolist() == ["ema", "fsq"]
    merged = alone.merge(adapted, on=["method", "head", "trial"])
    assert (merged["quantizer_distortion_x"] == merged["quantizer_distortion_y"]).all()
    assert (merged["psnr_x"] != merged["psnr_y"]).all()
    assert not (tmp_path / "substitution" / "smoke-fair_decoder").exists()
    joint = rows(Joint, "fair_images")
    assert joint["method"].tolist() == ["ema", "fsq"]
    capsys.readouterr()
    for protocol, found in (("fair_decoder", ["adaptation"]), ("fair_images", ["substitution"])):
        assert main(["table", "--preset", "smoke", "--protocol", protocol, "--out", str(tmp_path)]) == 0
        assert f"{protocol} - fair" in capsys.readouterr().out
        switch = read_table(tmp_path / "switches" / f"smoke-{protocol}.csv")
        assert switch.frame["phase"].unique().tolist() == found
        sources = switch.manifest["configuration"]["sources"]
        assert f"{found[0]}/smoke-{protocol}-photographs" in sources
        assert f"{found[0]}/smoke" in sources


def test_a_variant_without_its_base_names_the_command_to_run_first(tmp_path, arguments):
    with pytest.raises(FileNotFoundError, match="run `python -m empirical substitute --preset smoke --proto"):
        compare(Adaptation, "smoke", "fair_decoder", out=tmp_path, jobs=1, **arguments)


def test_a_launch_on_the_photographs_forecasts_the_phases_that_a_variant_has(capsys):
    assert main(["launch", "--preset", "pocket", "--dry-run", "--protocol", "fair_images"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "-fair_images-" in line]
    assert {line.split("/")[0] for line in lines} == {"substitution", "adaptation", "joint"}
    assert not any(reference in line for line in lines for reference in REFERENCES)


def shifted(by):
    """The known comparison, and one in which errors and PSNR of method i move by `by[i]`."""
    base_rows, base_photographs = tables(trials=2)
    rows, photographs = base_rows.copy(), base_photographs.copy()
    moves = dict(zip(rows["method"].unique(), by, strict=True))
    for frame in (rows, photographs):
        frame["psnr"] += frame["method"].map(moves)
    return (base_rows, base_photographs), (rows, photographs)


def test_what_a_switch_moves_is_found_to_the_digit_as_the_photographs_are_the_same():
    by = [0.5, -0.25, 0.0, 1.0, 2.0, 0.125]
    found = switched(both(*shifted(by), seed=0)).set_index(["statistic", "subject", "column"])
    for method, move in zip(("vanilla", "ema", "online", "wasserstein", "mmd", "fsq"), by, strict=True):
        row = found.loc["difference", method, "psnr"]
        assert [row["value"], row["low"], row["high"]] == pytest.approx([move] * 3, abs=1e-12)
        assert found.loc["difference", method, "kid_efflite0"]["value"] == pytest.approx(0, abs=1e-12)
    family = found.loc["difference", "VQ", "psnr"]
    assert family["value"] == pytest.approx(np.mean(by[:5]))
    assert family["variant"] - family["base"] == pytest.approx(family["value"])


def test_the_ranks_of_a_switch_agree_where_it_moves_all_alike_and_not_where_it_turns_them():
    same = switched(both(*shifted([1.0] * 6), seed=0)).query("statistic == 'spearman'").set_index("column")
    assert same["value"].tolist() == pytest.approx([1.0] * 3)
    # photographs differ by more than methods do, but are the same on both sides
    assert same.loc["psnr", "low"] == same.loc["psnr", "high"] == pytest.approx(1.0)
    turned = switched(both(*shifted(1.2 * np.arange(6) + 0.0), seed=0))
    turned = turned.query("statistic == 'spearman'").set_index("column")
    assert turned.loc["psnr", "value"] == pytest.approx(-1.0)
    assert turned.loc["kid_efflite0", "value"] == pytest.approx(1.0)


def test_a_trial_is_drawn_on_both_sides_or_on_neither():
    one, other = shifted([0.5] * 6)
    for frame in (*one, *other):  # seeds differ by much more than the sides do
        frame["psnr"] += 4.0 * frame["trial"]
    found = switched(both(one, other, seed=0)).set_index(["statistic", "subject", "column"])
    row = found.loc["difference", "ema", "psnr"]
    assert [row["value"], row["low"], row["high"]] == pytest.approx([0.5] * 3, abs=1e-12)


def test_of_trials_that_one_side_has_alone_nothing_is_taken():
    (rows, photographs), other = shifted([0.5] * 6)
    first = tuple(frame[frame["trial"] == 0] for frame in other)
    found = switched(both((rows, photographs), first, seed=0)).set_index(["statistic", "subject", "column"])
    own = rows[(rows["method"] == "ema") & (rows["trial"] == 0)]["psnr"].item()
    assert found.loc["difference", "ema", "psnr"]["base"] == pytest.approx(own)
    assert found.loc["difference", "ema", "psnr"]["trials"] == 1


def test_a_switch_between_tables_of_other_seeds_is_refused(tmp_path, arguments):
    def run(protocol, seed):
        return compare(Substitution, "smoke", protocol, out=tmp_path, seed=seed, jobs=1, **arguments)

    run("fair", 0)
    run("fair_images", 1)
    with pytest.raises(SchemaError, match=r"must be of the same, got seed 0 and 1; run one"):
        table("smoke", "fair_images", tmp_path)


def test_sides_without_a_common_trial_are_refused():
    one, other = shifted([0.0] * 6)
    with pytest.raises(SchemaError, match="must share trials of a method in a phase, got none"):
        both(one, tuple(frame.assign(trial=7) for frame in other), seed=0)
