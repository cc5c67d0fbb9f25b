"""What a launched comparison needs, and what it refuses."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import images, network_files
from empirical.__main__ import main
from empirical.cells import matrix
from empirical.launch import walk
from empirical.launch_config import METHODS, PRESETS
from empirical.network_files import required_files
from empirical.runtime import Runtime
from empirical.setup import Setup, prepared
from qtheory.errors import DomainError, SchemaError
from qtheory.results import read_table
from qtheory.weights import Weights
from tests.empirical.launched import TINY, Here, chosen


def test_trainings_of_another_configuration_are_kept_and_come_back(launch):
    cells, again = chosen(tables=[7]), Here()
    first = dict(walk(launch, cells, Here()))
    coarse = replace(launch, bf16=True)
    second = dict(walk(coarse, cells, Here()))
    assert all(first[cell]["row"]["psnr"] != second[cell]["row"]["psnr"] for cell in cells)
    assert dict(walk(launch, cells, again)) == first
    assert dict(walk(coarse, cells, again)) == second
    assert again.done == []
    # what is not finished is kept too
    folder = launch.folder(cells[0])
    digest = launch.digest(cells[0])[:12]
    kept = folder.with_name(f"{folder.name}@{digest}")
    (kept / "result.json").unlink()
    list(walk(launch, cells[:1], again))
    assert len(again.done) == 1
    assert not kept.exists()
    assert folder.with_name(f"{folder.name}@{coarse.digest(cells[0])[:12]}").is_dir()


def test_weights_of_another_configuration_are_not_started_from(launch):
    first, second, *_ = chosen()
    list(walk(launch, [first], Here()))
    other = replace(launch, bf16=True)
    [(_, outcome)] = walk(other, [second], Here())
    assert "must be of this configuration, got another; run cell substitution/fsq" in outcome
    (launch.folder(first) / "weights.safetensors").unlink()
    [(_, outcome)] = walk(launch, [second], Here())
    assert "does not exist; get it from cell substitution/fsq" in outcome


def test_missing_weights_are_all_named_with_size_checksum_and_source(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        required_files(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path} lacks 5 file(s); get them first:"
    var = next(line for line in lines if "vae_ch160v4096z32.pth" in line)
    assert "436,075,834 bytes" in var
    assert "sha256 7c3ec27ae28a3f87055e83211ea8cc8558bd1985d7b51742d074fb4c2fcf186c, for" in var
    assert "FoundationVision/var on the Hugging Face hub" in var
    for name in network_files.NETWORK_FILES:
        (tmp_path / name).write_bytes(b"x")
    wrong = (
        r"vae_ch160v4096z32\.pth must have 436,075,834 bytes and sha256 7c3ec27\w+, got 1 bytes; "
        "get it again from FoundationVision/var"
    )
    with pytest.raises(SchemaError, match=wrong):
        required_files(tmp_path)
    with pytest.raises(DomainError, match="give --weights DIR or set QTHEORY_WEIGHTS"):
        required_files(None)


def test_files_are_those_that_are_pinned_and_their_whole_checksums_are_returned(tmp_path, monkeypatch):
    contents = {name: name.encode() for name in network_files.NETWORK_FILES}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(network_files, "find", lambda name: Weights(name, "", "a test", "nowhere"))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert required_files(tmp_path) == digests
    pins = "".join(f"{sha256} *{name}\n" for name, sha256 in digests.items())
    (tmp_path / "sha256sums").write_text(pins)
    assert required_files(tmp_path) == digests
    (tmp_path / network_files.DINO_FILE).write_bytes(b"another")
    dino = digests[network_files.DINO_FILE]
    with pytest.raises(SchemaError, match=f"dino_deitsmall16_pretrain.pth must have sha256 {dino}, got"):
        required_files(tmp_path)


def test_a_tokenizer_with_other_channels_or_a_pickle_is_refused(launch, tmp_path):
    with pytest.raises(SchemaError, match="must have the 32 latent channels of preset tiny, got 16"):
        prepared(replace(launch, sizes=replace(TINY, channels=32)))
    torch.save([1, 2], tmp_path / "pickle.pth")
    with pytest.raises(SchemaError, match="must hold a dict of tensors"):
        prepared(replace(launch, tokenizer=str(tmp_path / "pickle.pth")))


def test_processes_without_an_image_to_measure_are_refused_before_any_work(launch, tmp_path):
    given = replace(launch, digests={}, out=str(tmp_path / "out"))
    assert prepared(replace(given, processes=4)).digests == launch.digests
    with pytest.raises(DomainError, match="processes must be at most the 4 images that they share when"):
        prepared(replace(given, processes=5))
    # as many training images as are held out are measured too, or all where they are fewer
    (tmp_path / "few").mkdir()
    for name in ("0.png", "1.png", "2.png"):
        shutil.copy(Path(given.train, name), tmp_path / "few")
    few = replace(given, train=str(tmp_path / "few"), heldout=given.train)
    assert prepared(replace(few, processes=3)).processes == 3
    with pytest.raises(DomainError, match="take --processes 3 or fewer"):
        prepared(replace(few, processes=4))
    # the published run has one process, whatever the launch has
    assert prepared(replace(few, processes=4), cells=chosen("as_run")).processes == 4
    with pytest.raises(DomainError, match="take --processes 3 or fewer"):
        prepared(replace(few, processes=4), cells=[*chosen("as_run"), *chosen("fair")])


def test_processes_that_do_not_share_a_batch_are_refused_before_any_work(capsys):
    assert main(["launch", "--preset", "desk", "--processes", "3", "--dry-run"]) == 2
    assert "batch_size must be a multiple of the 3 processes, got 16" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "least"), [("workers", -1, 0), ("seed", -1, 0), ("processes", 0, 1)]
)
def test_numbers_that_cannot_be_are_refused_by_name_before_any_work(option, value, least, tmp_path, capsys):
    given = ["launch", "--preset", "smoke", "--out", str(tmp_path), f"--{option}", str(value)]
    for more in ([], ["--dry-run"]):
        assert main([*given, *more]) == 2
        assert f"error: --{option} must be at least {least}, got {value}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--preset", "desk", "--executor", "slurm"], "jobs of Slurm"),
        (["--preset", "paper"], "a preset that trains with networks"),
    ],
)
def test_what_is_hardly_meant_for_the_processor_goes_there_only_where_it_is_said(
    given, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("empirical.launch_command._executor", lambda *_: None)  # without cards or Slurm
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    looked = []

    def prepared(launch, **_):
        looked.append(launch.device)
        raise SchemaError("no images")

    monkeypatch.setattr("empirical.setup.prepared", prepared)
    given = ["launch", *given, "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert f"--device must be given for {words} where no card is visible, got none; give --device" in error
    assert not looked
    for bf16, hardware in (([], "h100-fp32"), (["--bf16"], "h100-bf16")):
        assert main([*given, *bf16, "--dry-run"]) == 0
        said = f" h on one {hardware} (--device cuda), which is taken to sustain"
        assert said in capsys.readouterr().out
    for device in ("cpu", "cuda"):
        assert main([*given, "--device", device]) == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert main(given) == 1
    assert looked == ["cpu", "cuda", "cuda"]


def test_a_dry_run_is_of_the_device_that_the_launch_takes(capsys, monkeypatch):
    given = ["launch", "--preset", "desk", "--bf16", "--dry-run"]
    for card, hardware in ((False, "cpu (--device cpu)"), (True, "h100-bf16 (--device cuda)")):
        monkeypatch.setattr("torch.cuda.is_available", lambda card=card: card)
        assert main(given) == 0
        assert f" h on one {hardware}, which is taken to sustain" in capsys.readouterr().out


def test_a_dry_run_says_which_inputs_are_not_here_and_plans_all_the_same(tmp_path, capsys):
    given = ["launch", "--preset", "desk", "--tables", "7", "--device", "cpu", "--dry-run"]
    assert main(given) == 0
    plan = capsys.readouterr()
    assert plan.err == ""
    assert main([*given, "--data", str(tmp_path), "--weights", str(tmp_path / "none")]) == 0
    other = capsys.readouterr()
    assert other.out == plan.out
    assert f"--weights {tmp_path / 'none'} does not exist here" in other.err
    assert "--data" not in other.err
    for option in ("--data", "--imagenet"):
        assert main([*given, option, "/nope"]) == 0
        other = capsys.readouterr()
        assert other.out == plan.out
        assert f"{option} /nope does not exist here, and the launch will need it" in other.err
        assert f"the {PRESETS['desk'].images:,} training images that preset desk is made for" in other.err


def test_a_launch_needs_its_images_and_packages(capsys, monkeypatch, tmp_path):
    assert main(["launch", "--preset", "desk"]) == 2
    assert "give either --imagenet DIR" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for option in (["--tensorboard"], ["--executor", "slurm"]):
        assert main(["launch", "--preset", "desk", "--data", str(tmp_path), *option]) == 1
        assert "pip install 'qtheory[launch]'" in capsys.readouterr().err


def test_the_smoke_preset_goes_all_the_way_on_the_packaged_photographs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("empirical.executors.LocalExecutor", lambda cards: Here())
    given = ["--preset", "smoke", "--out", str(tmp_path)]
    assert main(["launch", *given, "--tables", "7", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "[3/3] joint/mmd-full-256x2-fair-0" in printed
    assert printed.count("measured, fair") == 3
    assert read_table(tmp_path / "launch" / "smoke" / "smoke.csv").manifest["failures"] == []
    assert main(["table", *given]) == 0
    assert capsys.readouterr().out.count("measured, fair") == 3
    assert main(["table", *given, "--protocol", "as_run"]) == 1
    remedy = f"run `python -m empirical launch --preset smoke --protocols as_run --out {tmp_path}` first"
    assert f"smoke.csv must have rows of protocol as_run, it has fair; {remedy}" in capsys.readouterr().err
    # without a choice of tables it has rows in all of them
    cells = matrix(PRESETS["smoke"], methods=METHODS["smoke"], native=False)
    assert {number for cell in cells for number in cell.tables} == {3, 4, 5, 6, 7}
    assert len(cells) == 12


def test_imagenet_is_trained_on_one_part_and_measured_on_the_other(launch, tmp_path, monkeypatch):
    for part, count in (("train", 2), ("val", 3)):
        (tmp_path / "imagenet" / part / "n01").mkdir(parents=True)
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / "imagenet" / part / "n01" / f"{i}.png")
    given = replace(launch, digests={}, out=str(tmp_path / "other"))
    with pytest.raises(SchemaError, match="lacks 1000: n01440764"):
        prepared(given, imagenet=str(tmp_path / "imagenet"))
    monkeypatch.setattr(images, "imagenet_classes", lambda: ("n01",))
    ready = prepared(given, imagenet=str(tmp_path / "imagenet"))
    assert ready.digests["train"] != ready.digests["heldout"]
    inputs = Setup(ready, chosen()[0], Runtime())
    assert inputs.heldout.names == ("n01/0.png", "n01/1.png", "n01/2.png")
    assert inputs.crops(0).names == ("n01/0.png", "n01/1.png")
    assert inputs.crops(0).folder.root.parent.name == "imagenet"
    (tmp_path / "imagenet" / "train" / "n02").mkdir()
    (tmp_path / "imagenet" / "val" / "n02").mkdir()
    monkeypatch.setattr(images, "imagenet_classes", lambda: ("n01", "n02"))
    with pytest.raises(SchemaError, match=r"train must hold images of each class, .* none .* of 1: n02; "):
        prepared(given, imagenet=str(tmp_path / "imagenet"))


def test_where_only_some_images_are_taken_they_are_of_all_classes(launch, tmp_path):
    """Folders are read in the order of their names, so that the first images are of one class."""
    for part in ("train", "val"):
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            path = tmp_path / part / f"class{number // 4}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PilImage.fromarray(pixels).save(path)
    folders = {"train": str(tmp_path / "train"), "heldout": str(tmp_path / "val")}
    sizes = replace(launch.sizes, heldout=3)
    ready = prepared(replace(launch, digests={}, out=str(tmp_path / "out"), sizes=sizes, **folders))
    inputs = Setup(ready, chosen()[0], Runtime())
    for crops in (inputs.heldout, inputs.in_sample, inputs.crops(0, 3)):
        assert [name.partition("/")[0] for name in crops.names] == ["class0", "class1", "class2"]
    assert len(inputs.crops(0)) == len(inputs.crops(0, 100)) == 12
