"""The substitution stage end to end, on small images and an untrained tokenizer."""

import base64
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from empirical import cell_run as module
from empirical.__main__ import main
from empirical.checkpoint import State, load
from empirical.comparison import compare
from empirical.head import build_transplant
from empirical.launch_config import PHOTOGRAPHS
from empirical.phases import Substitution
from empirical.protocol import RECIPES
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer
from empirical.training import train, train_on
from qtheory.errors import SchemaError
from qtheory.results import read_table

POINTS = [("unquantized", "none"), ("kmeans", "none"), ("ema", "none"), ("ema_vp2", "full"), ("fsq", "full")]


@pytest.fixture
def arguments(tiny, monkeypatch):
    """The small comparison with a subset of the methods."""
    monkeypatch.setattr("empirical.cells.compared", lambda *_: POINTS)
    return tiny


def run(out, arguments, protocol="fair", jobs=1):
    return compare(Substitution, "smoke", protocol, out=out, jobs=jobs, **arguments)


def contents(out):
    return {path.name: path.read_bytes() for path in sorted((out / "substitution").glob("*.csv"))}


def test_an_interrupted_run_resumes_to_the_same_bytes(tmp_path, arguments, monkeypatch):
    run(tmp_path / "straight", arguments)
    evaluation, calls = Substitution.evaluation, []

    def interrupted(self, cell):
        calls.append(cell.name)
        if len(calls) == 4:  # after three cells, before the fourth is stored
            raise KeyboardInterrupt
        return evaluation(self, cell)

    monkeypatch.setattr(Substitution, "evaluation", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "resumed", arguments)
    assert contents(tmp_path / "resumed") == {}
    monkeypatch.setattr(module, "fit_references", None)  # k-means was done: fitting again would fail
    run(tmp_path / "resumed", arguments)
    assert contents(tmp_path / "resumed") == contents(tmp_path / "straight")
    assert set(contents(tmp_path / "straight")) == {
        f"smoke{name}.csv" for name in ("", "-photographs", "-pictures")
    }


def test_the_table_has_a_row_a_cell_and_the_manifest_the_seconds(tmp_path, arguments):
    comparison, photographs = run(tmp_path, arguments)
    assert list(zip(comparison.frame["method"], comparison.frame["head"], strict=True)) == POINTS
    assert len(photographs.frame) == len(POINTS) * 3
    assert comparison.manifest["failures"] == []
    assert len(comparison.manifest["seconds"]) == len(POINTS)
    images = comparison.manifest["images"]
    assert (images["images"], images["skipped"]) == (12, {})
    assert images["digest"].startswith(comparison.manifest["configuration"]["fixed"]["images"])
    assert not [name for name in comparison.frame if "second" in name]
    assert set(comparison.frame["phase"]) == {"substitution"}
    trained = comparison.frame[comparison.frame["method"] != "unquantized"]
    assert not trained.isna().any(axis=None)


def test_damaged_and_small_photographs_are_named_and_left_out_up_to_one_percent(
    tmp_path, arguments, monkeypatch
):
    monkeypatch.setattr("empirical.cells.compared", lambda *_: (("fsq", "none"),))
    folder = arguments["data"]
    for i in range(12, 198):
        shutil.copy(folder / f"{i % 12}.png", folder / f"{i}.png")
    clean, _ = run(tmp_path / "clean", arguments)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    Image.new("RGB", (200, 63)).save(folder / "small.png")
    table, _ = run(tmp_path / "all", arguments)
    assert table.frame.equals(clean.frame)
    images = {"images": 198, "skipped": {"broken.jpg": "damaged", "small.png": "200 x 63 pixels"}}
    assert {**clean.manifest["images"], **images} == table.manifest["images"]
    Image.new("RGB", (20, 300)).save(folder / "smaller.png")
    with pytest.raises(
        SchemaError, match=r"below 64 pixels, it has 3 of 201: .* smaller\.png: 20 x 300 pixels"
    ):
        run(tmp_path / "other", arguments)


def test_cells_run_side_by_side_give_the_same_bytes(tmp_path, arguments):
    run(tmp_path / "one", arguments)
    run(tmp_path / "two", arguments, jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_more_trials_keep_the_cells_that_are_there(tmp_path, arguments, monkeypatch):
    first, _ = run(tmp_path, arguments)
    trained = []
    monkeypatch.setattr(module, "train_on", lambda *args, **kw: trained.append(args) or train_on(*args, **kw))
    second, _ = compare(Substitution, "smoke", "fair", out=tmp_path, jobs=1, trials=2, **arguments)
    assert len(trained) == 3
    assert second.frame.query("trial == 0").reset_index(drop=True).equals(first.frame)
    assert second.frame.groupby("method")["trial"].nunique().to_dict() == {
        **dict.fromkeys(("ema", "ema_vp2", "fsq", "kmeans"), 2),
        "unquantized": 1,
    }
    assert second.manifest["command"].endswith("--trials 2")


def test_the_preset_says_which_methods_are_repeated(tmp_path, arguments, monkeypatch):
    preset = PHOTOGRAPHS["smoke"]
    changed = replace(preset, repeated=("fsq", "kmeans"), first=replace(preset.first, trials=2))
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", changed)
    frame = run(tmp_path, arguments)[0].frame
    assert frame.groupby("method")["trial"].nunique().to_dict() == {
        "unquantized": 1,
        "kmeans": 2,
        "ema": 1,
        "ema_vp2": 1,
        "fsq": 2,
    }


def test_pictures_are_those_of_the_crops_and_of_what_the_decoder_makes_of_them(tmp_path, arguments):
    run(tmp_path, arguments)
    frame = read_table(tmp_path / "substitution" / "smoke-pictures.csv").frame
    # a head other than the main one has none
    assert list(dict.fromkeys(frame["method"])) == ["unquantized", "kmeans", "ema_vp2", "fsq"]
    pixels = {
        (row["kind"], row["method"], row["crop_number"]): np.asarray(
            Image.open(io.BytesIO(base64.b64decode(row["png"]))), dtype=float
        )
        for _, row in frame.iterrows()
    }
    number = frame["crop_number"].iloc[0]
    name = frame["photograph"].iloc[0]
    source = np.asarray(Image.open(arguments["data"] / name), dtype=float)
    np.testing.assert_array_equal(pixels["original", "unquantized", number], source[:, 4:68])
    assert np.abs(pixels["reconstruction", "fsq", number] - source[:, 4:68]).mean() < 100


def test_a_lost_table_is_rebuilt_from_the_stored_transplants(tmp_path, arguments, monkeypatch):
    run(tmp_path, arguments)
    before = contents(tmp_path)
    for path in (tmp_path / "substitution").rglob("*"):
        if path.suffix in (".csv", ".json"):
            path.unlink()
    monkeypatch.setattr(module, "train_on", None)
    run(tmp_path, arguments)
    assert contents(tmp_path) == before


def test_a_finished_table_is_returned_without_training(tmp_path, arguments, monkeypatch):
    first, _ = run(tmp_path, arguments)
    monkeypatch.setattr(module, "train_on", None)
    second, _ = run(tmp_path, arguments)
    assert first.frame.equals(second.frame)


def test_a_diverging_cell_is_a_recorded_failure_and_the_others_stand(tmp_path, arguments, monkeypatch):
    preset = PHOTOGRAPHS["smoke"]
    changed = replace(preset, first=replace(preset.first, learning_rate=1e30))
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", changed)
    comparison, _ = run(tmp_path, arguments)
    failed = {failure["cell"].split("method=")[1] for failure in comparison.manifest["failures"]}
    assert failed == {"ema_vp2/head=full/trial=0", "fsq/head=full/trial=0"}
    assert "step 2 of 3: z must be finite" in comparison.manifest["failures"][0]["error"]
    assert len(comparison.frame) == len(POINTS) - 2


def test_the_published_loss_goes_through_the_decoder(tmp_path, arguments):
    fair, _ = run(tmp_path, arguments)
    as_run, _ = run(tmp_path, arguments, "as_run")
    assert as_run.path.name == "smoke-as_run.csv"
    assert set(as_run.frame["loss"]) == {"5 pixel + 1 latent + vq (no lpips)"}
    assert set(fair.frame["loss"]) == {"1 latent + vq"}
    references = [table.frame.query("method == 'kmeans'").filter(like="nmse") for table in (fair, as_run)]
    assert references[0].equals(references[1])


def test_training_lowers_the_latent_error_and_leaves_the_tokenizer_alone():
    tokenizer = PocketTokenizer(8).eval()
    before = {key: value.clone() for key, value in tokenizer.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    z_e = torch.randn(64, 16, 8, 8, generator=generator)
    built = build_transplant(
        "fsq", "full", channels=16, codebook_size=256, width=8, protocol="fair", generator=generator
    )

    def error():
        with torch.no_grad():
            return float((built.eval()(z_e).y - z_e).square().mean())

    start = error()
    budget = replace(PHOTOGRAPHS["smoke"].first, steps=60, batch_size=16)
    objective = SubstitutionObjective(built, tokenizer, z_e, None, RECIPES["fair"])
    train(objective, budget, rng=np.random.default_rng(0))
    assert error() < 0.95 * start
    assert all(torch.equal(value, before[key]) for key, value in tokenizer.state_dict().items())


@pytest.mark.parametrize(
    ("protocol", "terms"),
    [
        ("fair", ["latent", "codebook", "commitment", "mmd"]),
        ("as_run", ["latent", "codebook", "commitment", "mmd", "images"]),
    ],
)
def test_the_log_of_a_training_has_each_term_of_the_loss_which_they_add_up_to(protocol, terms):
    tokenizer, generator = PocketTokenizer(8).eval(), torch.Generator().manual_seed(0)
    crops = torch.rand(16, 3, 16, 16, generator=generator) * 2 - 1
    z_e = tokenizer.encode(crops).detach()
    built = build_transplant(
        "mmd",
        "none",
        channels=z_e.shape[1],
        codebook_size=16,
        width=8,
        protocol=protocol,
        generator=generator,
    )
    objective = SubstitutionObjective(built, tokenizer, z_e, crops, RECIPES[protocol])
    lines = []
    budget = replace(PHOTOGRAPHS["smoke"].first, steps=2, batch_size=8)
    train(objective, budget, rng=np.random.default_rng(0), log=lambda step, values: lines.append(values))
    for line in lines:
        assert list(line) == ["loss", *terms]
        assert sum(line[name] for name in terms) == pytest.approx(line["loss"], rel=1e-6)
        assert all(line[name] != 0 for name in terms)


def test_commands_print_the_comparison(tmp_path, arguments, capsys):
    where = ["--preset", "smoke", "--out", str(tmp_path)]
    given = [f"--{key}={value}" for key, value in arguments.items()]
    assert main(["substitute", *where, *given]) == 0
    printed = capsys.readouterr().out
    assert main(["table", *where]) == 0
    table = capsys.readouterr().out
    assert table.startswith(printed)
    assert [line for line in table.splitlines() if line.startswith("Table")] == [
        f"Table {n}" for n in range(3, 8)
    ]
    assert "ema_vp2" in printed
    manifest = json.loads((tmp_path / "substitution" / "smoke.json").read_text())
    assert manifest["sha256"] == read_table(tmp_path / "substitution" / "smoke.csv").manifest["sha256"]


def test_a_loss_that_is_no_number_stops_its_cell_and_keeps_the_last_good_state(
    tmp_path, arguments, monkeypatch
):
    loss, calls = SubstitutionObjective.loss, []

    def broken(self, chosen):
        calls.append(chosen)
        # fsq is the second to train heads, in its third step
        return loss(self, chosen) * (torch.nan if len(calls) == 9 else 1)

    monkeypatch.setattr(SubstitutionObjective, "loss", broken)
    monkeypatch.setattr(State.__init__, "__defaults__", (2,))
    comparison, _ = run(tmp_path, arguments)
    (failure,) = comparison.manifest["failures"]
    assert "method=fsq" in failure["cell"]
    assert "loss of step 3 of 3 is nan; lower learning_rate" in failure["error"]
    assert len(comparison.frame) == len(POINTS) - 1
    folder = tmp_path / "substitution" / "smoke"
    tensors, metadata = load(folder / "fsq-full-0.state.safetensors")
    assert metadata["step"] == "2"
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())
    assert not (folder / "fsq-full-0.safetensors").exists()
    again, _ = run(tmp_path, arguments)
    assert again.manifest["failures"] == []
    assert len(calls) == 10  # the last step alone
