"""Trains and measures as one of several processes; `test_launch_ranks.py` runs it.

``python launch_ranks.py IMAGES OUT``, with the environment that ``torchrun`` gives or alone: every
process gets its share of the same batches, and writes what it ends with.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from empirical import kernel_distance, losses, training
from empirical.adapt import AdaptationObjective
from empirical.adversary import Adversary
from empirical.checkpoint import pack
from empirical.config import Budget
from empirical.discriminator import Discriminator, ViT
from empirical.distances import InceptionStatistics
from empirical.head import build_transplant
from empirical.images import index_folder
from empirical.latents import cache_latents
from empirical.measure import measure
from empirical.protocol import ADAPTATION, RECIPES
from empirical.runtime import average_gradients, processes
from empirical.streaming import Crops, StreamedImages, epochs
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import PocketTokenizer
from empirical.training import train_on

BUDGET = Budget(steps=4, batch_size=4, learning_rate=1e-2, trials=1)


class SmallNetwork:
    """Stands for Inception."""

    FEATURES, CLASSES = 4, 3

    def __init__(self):
        self.fc = torch.nn.Linear(12, 7).double()
        self.sha256 = "0" * 64
        generator = torch.Generator().manual_seed(3)
        for parameter in self.fc.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)

    @torch.no_grad()
    def measure(self, crops):
        pooled = torch.nn.functional.adaptive_avg_pool2d(crops.double(), 2).flatten(1)
        found = self.fc(pooled)
        return found[:, :4], found[:, 4:].softmax(1)


def parts(method):
    generator = torch.Generator().manual_seed(0)
    transplant = build_transplant(
        method, "full", channels=16, codebook_size=16, width=8, protocol="fair", generator=generator, chunks=4
    )
    torch.manual_seed(0)
    return transplant.double(), PocketTokenizer(8).eval().double()


class Doubled:
    """A source in double precision, where averages of halves differ from the whole by rounding only."""

    def __init__(self, source):
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, chosen):
        return self.source[chosen].double()


def train(crops, z_e, method, runtime):
    """Substitution, then adaptation: the parameters and buffers after both."""
    transplant, tokenizer = parts(method)
    batches = epochs(len(crops), BUDGET.steps, BUDGET.batch_size, rng=np.random.default_rng(0))
    objective = SubstitutionObjective(transplant, tokenizer, Doubled(z_e), None, RECIPES["fair"])
    train_on(batches, objective, BUDGET, runtime=runtime)
    images = StreamedImages(crops)
    images.schedule(runtime.share(batches))
    second = AdaptationObjective(transplant, tokenizer, Doubled(images), ADAPTATION["fair"], Doubled(z_e))
    train_on(batches, second, replace(BUDGET, learning_rate=1e-3), runtime=runtime)
    return pack(**second.parts()), transplant.float().eval(), tokenizer.float().eval()


def perceptual(x, x_hat):
    """Stands for LPIPS."""
    return torch.nn.functional.avg_pool2d(x - x_hat, 4).square().mean((1, 2, 3))


def adversarial(crops, z_e, runtime):
    """Adaptation beside a discriminator, whose views differ between processes."""
    transplant, tokenizer = parts("fsq")
    generator = torch.Generator().manual_seed(0)
    backbone = ViT(side=16, patch=4, dim=8, depth=1, heads=2, generator=generator)
    objective = AdaptationObjective(
        transplant.float(), tokenizer.float(), StreamedImages(crops), ADAPTATION["fair"], z_e
    )
    recipe = replace(losses.ADAPTATION["fair"], warmup_steps=1)
    discriminator = Discriminator(backbone, taps=(0,), kernel=3, generator=generator)
    objective.adversary = Adversary(
        discriminator, perceptual, recipe, tokenizer.last_layer, seed=0, runtime=runtime
    )
    batches = epochs(len(crops), BUDGET.steps, BUDGET.batch_size, rng=np.random.default_rng(0))
    train_on(batches, objective, BUDGET, runtime=runtime)
    return pack(**objective.parts(), **objective.companions())


def main(folder, out):
    torch.set_num_threads(1)
    with processes(device="cpu") as runtime:
        crops = Crops(index_folder(folder, 16), 16, seed=0)
        _, tokenizer = parts("fsq")
        where = Path(out) / f"latents-{runtime.world}"
        z_e = cache_latents(tokenizer.float(), crops, where, {}, views=2, shard=4, batch=4, runtime=runtime)
        results = {}
        for method in ("ema", "fsq"):
            state, _, tokenizer = train(crops, z_e, method, runtime)
            results |= {f"{method}.{key}": value.clone() for key, value in state.items()}
        centre = Crops(crops.folder, 16)
        kernel_distance._ROWS, kernel_distance._COLUMNS = 3, 4  # blocks for both processes
        statistics = InceptionStatistics(SmallNetwork(), len(centre))
        transplant = parts("lfq")[0].float().eval()  # whose entropy is a mean over processes
        # two batches in the first process, one in the second
        row = measure(tokenizer, transplant, centre, statistics, batch=5, runtime=runtime)
        results |= {f"row.{k}": torch.tensor(float(v)) for k, v in row.items() if not isinstance(v, str)}
        training.average_gradients = lambda *_: None  # negative control: gradients stay at home
        local, *_ = train(crops, z_e, "fsq", runtime)
        results |= {f"local.{key}": value for key, value in local.items()}
        training.average_gradients = average_gradients
        state = adversarial(crops, z_e, runtime)
        results |= {f"adversary.{key}": value.clone() for key, value in state.items()}
        torch.save(results, Path(out) / f"{runtime.world}-{runtime.rank}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
