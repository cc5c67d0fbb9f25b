"""What a cell of a launched comparison trains and measures, in one process."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from empirical import checkpoint, reconstructions
from empirical.adapt import AdaptationObjective
from empirical.adversary import Adversary
from empirical.cells import CellSpec
from empirical.checkpoint import State, load_matching, stored_or_trained
from empirical.counts import latent_side
from empirical.head import REFERENCES, Transplant, build_transplant
from empirical.joint import JointObjective, set_commitment
from empirical.journal import Journal, best_epoch, least_epoch
from empirical.latents import CachedLatents, cache_latents
from empirical.measure import measure, measure_latents
from empirical.runtime import Runtime, evaluating
from empirical.second_stage import ImageObjective
from empirical.setup import Launch, Setup
from empirical.streaming import EncodedImages, StreamedImages, epochs
from empirical.streams import torch_stream
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import Tokenizer
from empirical.training import Log, Objective, fit_references, train_on
from empirical.variants import adversarial_recipe, base, conduct, image_recipe, substitution_recipe
from qtheory.errors import SchemaError
from qtheory.results import stream

Row = dict[str, Any]

# that k-means and other references are fitted on: 40 vectors for each of 65536 codewords, at 256 an image
_REFERENCE_IMAGES = 10_240
_CACHE_SEED = 0  # the cache of latents is the same for all seeds
_STATES = 50  # states that a training writes on its way


class CellRun:
    """A cell of a comparison in one process, whose place and precision `runtime` says."""

    def __init__(self, launch: Launch, cell: CellSpec, runtime: Runtime) -> None:
        self.launch, self.cell, self.runtime = launch, cell, runtime
        self.setup, self.folder = Setup(launch, cell, runtime), launch.folder(cell)
        self.sizes, self.digest = launch.sizes, launch.digest(cell)
        self.budget = self.sizes.budget(cell.phase, cell.protocol, cell.method)
        self.epochs = self.folder / "epochs.jsonl"  # of those that were measured
        self.best = self.folder / "weights-best.safetensors"  # after the best of them
        self.quality = "r_fid" if self.sizes.networks else "kid_efflite0"

    def built(self) -> Transplant:
        """Return the transplant with its initial weights, the same in every phase."""
        cell, sizes = self.cell, self.sizes
        names = ("launch", cell.method, cell.head, f"{cell.codebook_size}x{cell.chunks}")
        made = build_transplant(
            cell.method,
            cell.head,
            channels=sizes.channels,
            codebook_size=cell.codebook_size,
            width=sizes.head_width,
            groups=sizes.head_groups,
            chunks=cell.chunks,
            side=latent_side(sizes),
            protocol=base(cell.protocol),
            generator=torch_stream(cell.seed, *names),
        )
        if beta := conduct(cell.protocol).commitments.get((cell.method, cell.chunks)):
            set_commitment(made, beta)
        placed: Transplant = self.setup.placed(made)
        return placed

    def latents(self, tokenizer: Tokenizer, most: int | None = None) -> CachedLatents:
        """Return cached latents of the training images, or one view of so many; computed where missing."""
        with evaluating():
            return cache_latents(
                tokenizer,
                self.setup.crops(_CACHE_SEED, most),
                Path(self.launch.out) / ("latents" if most is None else "latents-references"),
                {"tokenizer": self.launch.digests["tokenizer"]},
                views=self.sizes.views if most is None else 1,
                batch=self.launch.evaluation_batch,
                workers=self.launch.workers,
                runtime=self.runtime,
            )

    def substitution(self, transplant: Transplant, tokenizer: Tokenizer) -> tuple[Objective, list[Any]]:
        """Return what substitution trains, and the images to read ahead."""
        recipe = substitution_recipe(self.cell.protocol)
        if not recipe.pixel:
            return SubstitutionObjective(transplant, tokenizer, self.latents(tokenizer), None, recipe), []
        images = self.images()
        z_e = EncodedImages(tokenizer, images, self.runtime)
        perceptual = self.setup.lpips("vgg")
        return SubstitutionObjective(transplant, tokenizer, z_e, images, recipe, perceptual), [images]

    def images(self) -> StreamedImages:
        """Return training images, decoded as they are needed."""
        crops = self.setup.crops(self.cell.seed)
        return StreamedImages(crops, device=self.runtime.device, workers=self.launch.workers)

    def second_stage(self, transplant: Transplant, tokenizer: Tokenizer) -> tuple[Objective, list[Any]]:
        """Return what adaptation or joint optimisation trains, and the images to read ahead."""
        images = self.images()
        joint = self.cell.phase == "joint"
        recipe = image_recipe(self.cell.phase, self.cell.protocol)
        if self.sizes.networks:
            recipe = replace(recipe, gradient=0.0)  # LPIPS takes its place
        objective: ImageObjective
        if joint:
            objective = JointObjective(transplant, tokenizer, images, recipe)
        else:
            z_e = EncodedImages(tokenizer, images, self.runtime)
            objective = AdaptationObjective(transplant, tokenizer, images, recipe, z_e)
        if self.sizes.networks:
            own = adversarial_recipe(self.cell.protocol)
            objective.adversary = Adversary(
                self.setup.discriminator() if own.adversarial else None,
                self.setup.perceptual,
                own,
                tokenizer.last_layer,
                seed=self.cell.seed,
                runtime=self.runtime,
            )
        return objective, [images]

    def started(self, transplant: Transplant) -> None:
        """Load the transplant that a later phase starts from.

        Raises
        ------
        FileNotFoundError, SchemaError
            If it is missing or of another configuration.
        """
        start = self.cell.start
        if start is None:
            return
        path = self.launch.folder(start) / "weights.safetensors"
        tensors, metadata = checkpoint.load(path, source=f"cell {start.name}, which has to be run first")
        if metadata.get("digest") != self.launch.digest(start):
            raise SchemaError(
                f"{path} must be of this configuration, got another; run cell {start.name} again"
            )
        checkpoint.unpack(tensors, transplant=transplant)

    def parts(self, transplant: Transplant, tokenizer: Tokenizer) -> dict[str, nn.Module]:
        """Return what is stored of a training."""
        own: dict[str, nn.Module] = {"transplant": transplant}
        return own if self.cell.phase == "substitution" else own | {"tokenizer": tokenizer}

    def trained(self) -> tuple[Transplant, Tokenizer]:
        """Return transplant and tokenizer after the cell's training, from the store where they are there."""
        transplant, tokenizer = self.built(), self.setup.tokenizer()
        every = max(1, self.budget.steps // _STATES)
        stored_or_trained(
            self.folder / "weights.safetensors",
            State(self.folder / "state.safetensors", self.digest, every),
            self.parts(transplant, tokenizer),
            lambda state: self.train(transplant, tokenizer, state),
            writes=self.runtime.first,
        )
        return transplant, tokenizer.eval()

    def train(self, transplant: Transplant, tokenizer: Tokenizer, state: State) -> None:
        """Train from the last state, or from the start."""
        self.started(transplant)
        if self.cell.method in REFERENCES:
            z_e = self.latents(tokenizer, _REFERENCE_IMAGES)
            fit_references(transplant.cpu(), z_e[torch.arange(len(z_e))].cpu())
            self.setup.placed(transplant)
        if not self.cell.trained:
            return
        make = self.substitution if self.cell.phase == "substitution" else self.second_stage
        objective, streamed = make(transplant, tokenizer)
        objective.accumulate = self.launch.accumulate
        rng = stream(self.cell.seed, "launch", self.cell.phase, "batches")
        images = len(self.setup.crops(_CACHE_SEED))
        batches = epochs(images, self.budget.steps, self.budget.batch_size, rng=rng)
        for source in streamed:
            source.schedule(self.runtime.share(batches[state.steps :]))
        with Journal(
            self.folder / "log.jsonl",
            state.steps,
            self.runtime,
            epochs=self.epochs,
            tensorboard=self.launch.tensorboard,
        ) as journal:
            log = self._with_epochs(objective, transplant, tokenizer, journal)
            train_on(batches, objective, self.budget, state=state, runtime=self.runtime, log=log)

    def _with_epochs(
        self, objective: Objective, transplant: Transplant, tokenizer: Tokenizer, journal: Journal
    ) -> Log:
        """Return a log that also measures after each epoch, where the protocol chooses among them."""
        if not conduct(self.cell.protocol).best_epoch or self.cell.phase == "substitution":
            return journal.log
        every = self.budget.steps // self.sizes.epochs

        def logged(step: int, values: dict[str, float]) -> None:
            journal.log(step, values)
            if step % every == 0:
                number = step // every
                objective.train(False)
                journal.epoch(number, self.measured(transplant, tokenizer))
                if self.runtime.first and least_epoch(self.epochs, self.quality) == number:
                    reconstructions.keep(self.setup, tokenizer, transplant)
                    own = {"digest": self.digest, "epoch": str(number)}
                    checkpoint.save(self.best, checkpoint.pack(**self.parts(transplant, tokenizer)), own)
                objective.train(True)

        return logged

    def evaluated(self) -> Row:
        """Return the columns of a trained cell's row.

        Raises
        ------
        FileNotFoundError
            If the cell is not trained.
        """
        if self.cell.phase == "baseline":
            return self.measured(None, self.setup.tokenizer())
        path = self.folder / "weights.safetensors"
        if load_matching(path, self.digest) is None:
            raise FileNotFoundError(f"{path} does not exist or is of another configuration; launch it first")
        transplant, tokenizer = self.trained()
        epoch = "last"
        stored, best = load_matching(self.best, self.digest), best_epoch(self.epochs, self.quality)
        # on a card, a training that was interrupted after an epoch may have chosen another one since
        if stored is not None and stored[1]["epoch"] == str(least_epoch(self.epochs, self.quality)):
            checkpoint.unpack(stored[0], **self.parts(transplant, tokenizer))
            epoch = best["epoch"]
        return self.measured(transplant, tokenizer) | {"epoch": epoch}

    def measured(self, transplant: Transplant | None, tokenizer: Tokenizer) -> Row:
        """Return the columns of the cell's row, on the held-out images."""
        own = self.launch
        settings: dict[str, Any] = {"batch": own.evaluation_batch, "workers": own.workers}
        settings["runtime"] = self.runtime
        inputs = tokenizer, transplant, self.setup.heldout, self.setup.statistics()
        native, perceptual = self.cell.method == "native", self.setup.lpips("alex")
        with evaluating():
            row = measure(*inputs, native=native, perceptual=perceptual, **settings)
            if transplant is not None:
                row |= measure_latents(tokenizer, transplant, self.setup.in_sample, **settings)
        return row

    def row(self) -> Row:
        """Train, measure and keep reconstructions, and return the row of the cell."""
        transplant: Transplant | None = None
        if self.cell.phase == "baseline":
            tokenizer = self.setup.tokenizer()
            if self.launch.cached:
                self.latents(tokenizer)
        else:
            transplant, tokenizer = self.trained()
            if best := best_epoch(self.epochs, self.quality):  # with reconstructions of its own
                return best
        row = self.measured(transplant, tokenizer)
        reconstructions.keep(self.setup, tokenizer, transplant)
        return row if transplant is None else row | {"epoch": "last"}
