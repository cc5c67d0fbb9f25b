"""A launched comparison in miniature."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image as PilImage

from empirical import cell as cells_module
from empirical.cells import matrix
from empirical.config import Budget
from empirical.executors import Executor
from empirical.launch_config import LaunchPreset
from empirical.setup import Launch, prepared
from empirical.tokenizers import PocketTokenizer

TINY = LaunchPreset(
    size=32,
    channels=16,
    codebook_size=256,
    chunks=2,
    codebook_sizes=(16, 256),
    token_chunks=(1, 2),
    token_codebook_size=16,
    splits=(4,),
    head_width=8,
    head_groups=8,
    first=Budget(steps=4, batch_size=2, learning_rate=1e-3, trials=2),
    second=Budget(steps=4, batch_size=2, learning_rate=1e-3, trials=1),
    epochs=2,
    views=2,
    networks=False,
    images=9,
    heldout=4,
)


class Here(Executor):
    """Runs cells in this process."""

    def __init__(self):
        self.done = []

    def run(self, tasks):
        for one in tasks:
            *_, path, digest = one.command
            self.done.append(path.split("/")[-2])
            try:
                cells_module.main(path, digest)
                yield 0
            except Exception:
                yield 1


def launched(tmp_path):
    """Return a comparison on 24 small images with an untrained tokenizer, in a folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(24):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).resize((44, 40)).save(folder / f"{i}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        PocketTokenizer(8).save(tmp_path / "tokenizer.safetensors")
    given = Launch(
        name="tiny",
        sizes=TINY,
        out=str(tmp_path / "out"),
        train=str(folder),
        heldout="",
        tokenizer=str(tmp_path / "tokenizer.safetensors"),
    )
    return prepared(given)


def chosen(protocol="fair", **options):
    options = {"tables": [7], "methods": ["fsq"], "native": False} | options
    return matrix(replace(TINY, first=replace(TINY.first, trials=1)), [protocol], **options)
