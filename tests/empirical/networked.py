"""The paper's preset in miniature, with small networks in place of the published files.

Processes that tests start take it by its path, so it imports no other test.
"""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image as PilImage

from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT
from empirical.distances import InceptionStatistics
from empirical.launch_config import PRESETS
from empirical.setup import Launch, Setup
from empirical.tokenizers import VARTokenizer

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


class SmallNetwork:
    """Stands for Inception."""

    FEATURES, CLASSES = 3, 4
    sha256 = "ab" * 32

    def __init__(self):
        self.fc = torch.nn.Linear(1, 1)

    def measure(self, crops):
        means = crops.double().mean((2, 3))
        return means, torch.cat([means, means[:, :1]], 1).softmax(1)


class SmallLPIPS(torch.nn.Module):
    """Stands for LPIPS."""

    def forward(self, x, x_hat):
        return torch.nn.functional.avg_pool2d(x - x_hat, 16).square().mean((1, 2, 3))


def discriminator(self):
    generator = torch.Generator().manual_seed(0)
    backbone = ViT(side=32, patch=8, dim=8, depth=1, heads=2, generator=generator)
    return Discriminator(backbone, taps=(0,), kernel=3, generator=generator)


def small_networks(put):
    """Let a launch train and measure with small networks; `put` replaces an attribute."""
    put(Setup, "lpips", lambda self, network: SmallLPIPS())
    put(Setup, "discriminator", discriminator)
    put(Setup, "statistics", lambda self: InceptionStatistics(SmallNetwork(), len(self.heldout)))


def networked(tmp_path):
    """Return a comparison on 4 small images with an untrained VAR tokenizer, in a folder."""
    (tmp_path / "images").mkdir()
    for i in range(4):
        coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        PilImage.fromarray(coarse).resize((68, 64)).save(tmp_path / "images" / f"{i}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sha256 = VARTokenizer(32, 4, 8).save(tmp_path / "var.pth")
    images = str(tmp_path / "images")
    places = {"out": str(tmp_path / "out"), "train": images, "heldout": images}
    return Launch(
        name="tiny",
        sizes=TINY,
        tokenizer=str(tmp_path / "var.pth"),
        recompute=True,
        digests={"tokenizer": sha256},
        **places,
    )
