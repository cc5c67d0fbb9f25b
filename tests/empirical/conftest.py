"""A comparison small enough for tests."""

import numpy as np
import pytest
import torch

from empirical.launch_config import PHOTOGRAPHS
from empirical.tokenizers import PocketTokenizer
from tests.empirical.helpers import sized


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Twelve small images and an untrained tokenizer; three steps of the preset ``smoke``."""
    from PIL import Image

    folder, rng = tmp_path / "images", np.random.default_rng(0)
    folder.mkdir()
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (64, 72, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        PocketTokenizer(8).save(tmp_path / "tokenizer.safetensors")
    monkeypatch.setitem(PHOTOGRAPHS, "smoke", sized(PHOTOGRAPHS["smoke"], images=8, first=3))
    return {"data": folder, "tokenizer": tmp_path / "tokenizer.safetensors"}


@pytest.fixture
def launch(tmp_path):
    """A launched comparison in miniature."""
    from tests.empirical.launched import launched

    return launched(tmp_path)
