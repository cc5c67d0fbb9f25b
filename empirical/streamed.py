"""Cells of a launch: images of a folder are read as they are needed, in one process or in several."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empirical import reconstructions
from empirical.adversary import Adversary
from empirical.cell_run import CellRun
from empirical.cells import CellSpec
from empirical.checkpoint import State
from empirical.evaluate import Evaluation
from empirical.head import Transplant
from empirical.inputs import Inputs, Plan, Start
from empirical.latents import CachedLatents, cache_latents
from empirical.measure import measure, measure_latents
from empirical.runtime import Runtime, evaluating
from empirical.setup import Launch, Setup
from empirical.streaming import EncodedImages, StreamedImages, epochs
from empirical.streams import torch_stream
from empirical.tokenizers import Tokenizer
from empirical.variants import adversarial_recipe
from qtheory.results import stream

# that k-means and other references are fitted on: 40 vectors for each of 65536 codewords, at 256 an image
_REFERENCE_IMAGES = 10_240
_CACHE_SEED = 0  # the cache of latents is the same for all seeds
_STATES = 50  # states that a training writes on its way


class Streamed(Inputs):
    """Inputs of a launched cell; see `Inputs`.

    Parameters
    ----------
    setup : Setup
        Of the cell and this process.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup, self.launch, self.runtime = setup, setup.launch, setup.runtime
        self.sizes = setup.sizes
        self.quality = "r_fid" if self.sizes.networks else "kid_efflite0"
        self._images: StreamedImages | None = None

    def tokenizer(self, cell: CellSpec) -> Tokenizer:
        """Return the tokenizer, on the device."""
        return self.setup.tokenizer()

    def placed(self, transplant: Transplant) -> Transplant:
        """Return a transplant on the device."""
        placed: Transplant = self.setup.placed(transplant)
        return placed

    def weights(self, cell: CellSpec) -> torch.Generator:
        """Return the stream of a transplant's initial weights."""
        sizes = f"{cell.codebook_size}x{cell.chunks}"
        return torch_stream(cell.seed, "launch", cell.method, cell.head, sizes)

    def batches(self, cell: CellSpec) -> Tensor:
        """Return visits of all images, epoch after epoch."""
        budget = self.sizes.budget(cell.phase, cell.protocol, cell.method)
        rng = stream(cell.seed, "launch", cell.phase, "batches")
        return epochs(len(self.setup.crops(_CACHE_SEED)), budget.steps, budget.batch_size, rng=rng)

    def latents(self, tokenizer: Tokenizer) -> CachedLatents:
        """Return cached latents of the training images; computed where missing."""
        return self._cached(tokenizer, "latents", self.sizes.views)

    def prepare(self, tokenizer: Tokenizer) -> None:
        """Cache latents, where some cell trains on them."""
        if self.launch.cached:
            self.latents(tokenizer)

    def fitting_latents(self, tokenizer: Tokenizer) -> Tensor:
        """Return cached latents of one view of some training images."""
        found = self._cached(tokenizer, "latents-references", 1, _REFERENCE_IMAGES)
        return found[torch.arange(len(found))]

    def _cached(
        self, tokenizer: Tokenizer, folder: str, views: int, most: int | None = None
    ) -> CachedLatents:
        with evaluating():
            return cache_latents(
                tokenizer,
                self.setup.crops(_CACHE_SEED, most),
                Path(self.launch.out) / folder,
                {"tokenizer": self.launch.digests["tokenizer"]},
                views=views,
                batch=self.launch.evaluation_batch,
                workers=self.launch.workers,
                runtime=self.runtime,
            )

    def images(self, cell: CellSpec) -> StreamedImages:
        """Return training images, decoded as they are needed."""
        if self._images is None:
            crops = self.setup.crops(cell.seed)
            self._images = StreamedImages(crops, device=self.runtime.device, workers=self.launch.workers)
        return self._images

    def encoded(self, cell: CellSpec, tokenizer: Tokenizer) -> EncodedImages:
        """Return latents, computed as they are needed."""
        return EncodedImages(tokenizer, self.images(cell), self.runtime)

    def ahead(self, batches: Tensor) -> None:
        """Have the images of coming steps read, where the cell has asked for images."""
        if self._images is not None:
            self._images.schedule(batches)

    def perceptual(self) -> nn.Module | None:
        """Return LPIPS on VGG16, None where networks are not used."""
        return self.setup.lpips("vgg")

    def adversary(self, cell: CellSpec, tokenizer: Tokenizer) -> Adversary | None:
        """Return LPIPS and discriminator, None where networks are not used."""
        if not self.sizes.networks:
            return None
        recipe = adversarial_recipe(cell.protocol)
        return Adversary(
            self.setup.discriminator() if recipe.adversarial else None,
            self.setup.perceptual,
            recipe,
            tokenizer.last_layer,
            seed=cell.seed,
            runtime=self.runtime,
        )

    def measured(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> Evaluation:
        """Measure on centre crops of the held-out images; values of single images are not kept."""
        own = self.launch
        settings: dict[str, Any] = {"batch": own.evaluation_batch, "workers": own.workers}
        settings["runtime"] = self.runtime
        inputs = tokenizer, transplant, self.setup.heldout, self.setup.statistics()
        native, perceptual = cell.method == "native", self.setup.lpips("alex")
        row = measure(*inputs, native=native, perceptual=perceptual, **settings)
        if transplant is not None:
            row |= measure_latents(tokenizer, transplant, self.setup.in_sample, **settings)
        return Evaluation(row, [], [])

    def keep(self, cell: CellSpec, transplant: Transplant | None, tokenizer: Tokenizer) -> None:
        """Write reconstructions of the first held-out images to the cell's folder."""
        reconstructions.keep(self.setup, tokenizer, transplant)


def plan(launch: Launch, cell: CellSpec) -> Plan:
    """Return the plan of a launched cell."""
    folder, start = launch.folder(cell), cell.start
    budget = launch.sizes.budget(cell.phase, cell.protocol, cell.method)
    every = max(1, budget.steps // _STATES)
    return Plan(
        cell=cell,
        sizes=launch.sizes,
        weights=folder / "weights.safetensors",
        best=folder / "weights-best.safetensors",
        log=folder / "log.jsonl",
        epochs=folder / "epochs.jsonl",
        state=State(folder / "state.safetensors", launch.digest(cell), every),
        start=None
        if start is None
        else Start(launch.folder(start) / "weights.safetensors", launch.digest(start), f"cell {start.name}"),
        accumulate=launch.accumulate,
        tensorboard=launch.tensorboard,
    )


def cell_run(launch: Launch, cell: CellSpec, runtime: Runtime) -> CellRun:
    """Return a launched cell in a process, whose place and precision `runtime` says."""
    return CellRun(plan(launch, cell), Streamed(Setup(launch, cell, runtime)), runtime)
