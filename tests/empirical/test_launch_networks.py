"""The path of the paper's preset, with small networks in place of the published files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical.cell import run
from empirical.cells import matrix
from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT
from empirical.distances import InceptionStatistics
from empirical.launch_config import PRESETS
from empirical.runtime import Runtime
from empirical.setup import Launch, Setup
from empirical.tokenizers import VARTokenizer
from tests.empirical.helpers import SmallNetwork

TINY = replace(
    PRESETS["paper"],
    size=64,
    channels=4,
    codebook_size=4,
    head_width=8,
    head_groups=8,
    first=Budget(steps=1, batch_size=2, learning_rate=1e-3, trials=1),
    second=Budget(steps=2, batch_size=2, learning_rate=1e-4, trials=1),
    epochs=2,
    heldout=3,
)


class SmallLPIPS(torch.nn.Module):
    """Stands for LPIPS."""

    def forward(self, x, x_hat):
        return torch.nn.functional.avg_pool2d(x - x_hat, 16).square().mean((1, 2, 3))


def discriminator(self):
    generator = torch.Generator().manual_seed(0)
    backbone = ViT(side=32, patch=8, dim=8, depth=1, heads=2, generator=generator)
    return Discriminator(backbone, taps=(0,), kernel=3, generator=generator)


@pytest.fixture
def launch(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    for i in range(4):
        coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        PilImage.fromarray(coarse).resize((68, 64)).save(tmp_path / "images" / f"{i}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        VARTokenizer(32, 4, 8).save(tmp_path / "var.pth")
    monkeypatch.setattr(Setup, "lpips", lambda self, network: SmallLPIPS())
    monkeypatch.setattr(Setup, "discriminator", discriminator)
    monkeypatch.setattr(
        Setup, "statistics", lambda self: InceptionStatistics(SmallNetwork(), len(self.heldout))
    )
    images = str(tmp_path / "images")
    digests = {"tokenizer": "0"}
    places = {"out": str(tmp_path / "out"), "train": images, "heldout": images}
    return Launch(
        name="tiny",
        sizes=TINY,
        tokenizer=str(tmp_path / "var.pth"),
        recompute=True,
        digests=digests,
        **places,
    )


def test_every_phase_of_the_published_run_reaches_its_networks(launch):
    cells = [c for c in matrix(TINY, ["as_run"], [3, 7], ["fsq"]) if c.head == "full"]
    assert [cell.phase for cell in cells] == ["substitution", "adaptation", "joint"]
    rows = {}
    for spec in cells:
        launch.write(spec)
        rows[spec.phase] = run(launch, spec, Runtime())
    assert all(
        {"r_fid", "kid_inception", "r_is", "lpips", "psnr_luma", "fid_sha256"} <= row.keys()
        for row in rows.values()
    )
    assert rows["substitution"]["epoch"] == "last"
    for spec in cells[1:]:
        assert rows[spec.phase]["epoch"].endswith("of 2 by r_fid")
        log = (launch.folder(spec) / "log.jsonl").read_text()
        for term in ("lpips", "adaptive_weight", "hinge", "accuracy", "consistency"):
            assert f'"{term}"' in log
    assert rows["adaptation"]["utilization"] == rows["substitution"]["utilization"]
