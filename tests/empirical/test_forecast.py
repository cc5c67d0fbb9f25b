"""What a dry run says of memory and hours, and what the README says of it."""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from empirical.__main__ import main
from empirical.cells import matrix
from empirical.cost import cost, head_share
from empirical.counts import _kept, counts
from empirical.launch_config import PRESETS
from empirical.runtime import Runtime
from empirical.streamed import cell_run
from empirical.tokenizers import PocketTokenizer
from figures.recipe import ROOT

README = " ".join((ROOT / "README.md").read_text().split())
PAPER = PRESETS["paper"]


@pytest.mark.parametrize("bf16", [False, True])
def test_a_card_keeps_what_goes_in_and_out_of_a_normalization_in_float32_under_autocast(bf16):
    """SiLU keeps the same tensor that the normalization gave, the convolution a copy of its own input."""
    pixels, channels, groups = 24**2, 32, 8
    with torch.device("meta"):
        network = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1),
            nn.GroupNorm(groups, channels),
            nn.SiLU(),
            nn.Conv2d(channels, 5, 3, padding=1),
        )
        image = torch.zeros(1, 3, 24, 24)
    size = 2 if bf16 else 4
    # the images, then a norm's input and output, then the input of the next convolution
    expected = pixels * (3 * size + channels * (4 + 4 + size)) + 2 * 4 * groups
    assert _kept(network, image, bf16) * 2**20 == pytest.approx(expected, rel=1e-6)
    assert not torch.is_autocast_enabled("cuda")


def test_bfloat16_saves_a_fifth_of_what_the_tokenizer_keeps_and_nothing_of_the_networks_in_float32():
    full, half = counts(PAPER), counts(PAPER, bf16=True)
    assert half.decoder_kept / full.decoder_kept == pytest.approx(0.82, abs=0.01)
    assert half.encoder_kept / full.encoder_kept == pytest.approx(0.81, abs=0.01)
    assert half == replace(
        full,
        encoder_kept=half.encoder_kept,
        decoder_kept=half.decoder_kept,
        head_kept=half.head_kept,
        copy_bytes=2,
    )
    joint = matrix(PAPER, tables=[7], methods=["mmd"])[-1]
    saved = full.encoder_kept + full.decoder_kept + 2 * full.head_kept
    saved -= half.encoder_kept + half.decoder_kept + 2 * half.head_kept
    # autocast keeps a copy of each weight until the backward pass
    trained = full.encoder_parameters + full.decoder_parameters + 2 * full.head_parameters
    copies = 2 * trained / 2**20
    gained = cost(joint, PAPER, full).memory - cost(joint, PAPER, half).memory
    assert gained == pytest.approx((PAPER.second.batch_size * saved - copies) / 1024)
    assert 0.1 < copies / 1024 < 0.5


def test_the_forecast_of_a_measurement_has_the_images_that_are_encoded_and_decoded(launch, monkeypatch):
    """Those held out, and for errors in sample as many training images, which are encoded alone."""
    seen = dict.fromkeys(("encode", "decode"), 0)

    def counted(name, own):
        def call(self, given):
            seen[name] += len(given)
            return own(self, given)

        return call

    for name in seen:
        monkeypatch.setattr(PocketTokenizer, name, counted(name, getattr(PocketTokenizer, name)))
    cells = matrix(launch.sizes, tables=[3], methods=["lfq"], native=False)
    unquantized, cell = (next(c for c in cells if c.method == name) for name in ("unquantized", "lfq"))
    own = counts(launch.sizes)
    for chosen in (unquantized, cell):
        seen.update(encode=0, decode=0)
        made = cell_run(launch, chosen, Runtime())
        made.measured(made.built() if chosen.chunks else None, made.inputs.tokenizer(chosen))
        operations = seen["encode"] * (own.encoder + head_share(chosen) * own.head)
        operations += seen["decode"] * own.decoder
        assert cost(chosen, launch.sizes, own).evaluation * 1e9 == pytest.approx(operations)
    fewer = replace(launch.sizes, images=3)
    saved = cost(cell, launch.sizes, own).evaluation - cost(cell, fewer, own).evaluation
    assert saved * 1e9 == pytest.approx(own.encoder + 2 * own.head)


@pytest.fixture
def dry_run(capsys):
    """Number of cells, their hours, and the most GiB of any, that a dry run of a command prints."""

    def run(command):
        assert main([*command.split(), "--dry-run"]) == 0
        printed = capsys.readouterr().out
        memory = [float(found) for found in re.findall(r"(\S+) GiB$", printed, re.MULTILINE)]
        cells, hours = re.search(r"^(\d+) cells, (\d+) h on one h100-bf16", printed, re.MULTILINE).groups()
        return int(cells), int(hours), max(memory)

    return run


def test_the_readme_says_what_the_dry_run_says(dry_run):
    command = re.search(r"python -m empirical (launch [^#]*?) *# one GPU of 80 GB", README)[1]
    cells, hours, memory = dry_run(command)
    assert memory < 80e9 / 2**30
    _, whole, most = dry_run(command.replace(" --recompute", ""))
    _, third, _ = dry_run(command.replace(" --recompute", " --tables 3"))
    said = f"is {cells} cells and about {round(whole, -1)} hours of one H100"
    assert f"{said}, {third} of them for Table 3" in README
    needs = f"It needs {math.ceil(most)} GiB of a card; `--recompute`, which changes no numbers, "
    assert f"{needs}{math.ceil(memory)} GiB and {round(hours, -1)} hours." in README
