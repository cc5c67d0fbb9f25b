"""What a cell trains and measures, in one process: the same on photographs in memory and on ImageNet."""

import sys
from dataclasses import asdict, replace
from typing import Any

from torch import nn

from empirical import checkpoint
from empirical.adapt import AdaptationObjective
from empirical.checkpoint import load_matching, stored_or_trained
from empirical.counts import latent_side
from empirical.evaluate import Evaluation
from empirical.head import REFERENCES, Transplant, build_transplant
from empirical.inputs import Inputs, Plan
from empirical.joint import JointObjective, set_commitment
from empirical.journal import Journal, best_epoch, least_epoch
from empirical.runtime import Runtime, evaluating
from empirical.second_stage import ImageObjective
from empirical.substitute import SubstitutionObjective
from empirical.tokenizers import Tokenizer
from empirical.training import Log, Objective, fit_references, train_on
from empirical.variants import base, chooses_epoch, conduct, image_recipe, substitution_recipe
from qtheory.errors import SchemaError
from qtheory.results import remove_unfinished

_BESIDE = "beside the row"  # of an epoch that was measured, values of single photographs and pictures


def epoch_ends(steps: int, epochs: int) -> list[int]:
    """Return the steps that end so many equal parts of a training, the last of them its last.

    Examples
    --------
    >>> epoch_ends(120, 5), epoch_ends(5, 2)
    ([24, 48, 72, 96, 120], [2, 5])
    """
    return [steps * number // epochs for number in range(1, epochs + 1)]


class CellRun:
    """A cell of a comparison in one process.

    Parameters
    ----------
    plan : Plan
        The cell, its sizes and files.
    inputs : Inputs
        What it trains and is measured on.
    runtime : Runtime, optional
        Place and precision of this process; by default float32, alone.
    """

    def __init__(self, plan: Plan, inputs: Inputs, runtime: Runtime | None = None) -> None:
        self.inputs, self.runtime = inputs, runtime or Runtime()
        self.plan = replace(plan, state=replace(plan.state, processes=self.runtime.world))
        self.cell, self.sizes = plan.cell, plan.sizes
        self.budget = self.sizes.budget(self.cell.phase, self.cell.protocol, self.cell.method)
        self.conduct = conduct(self.cell.protocol)

    @property
    def chooses(self) -> bool:
        """Whether the best epoch is kept in place of the last."""
        return chooses_epoch(self.cell.phase, self.cell.protocol)

    def built(self) -> Transplant:
        """Return the transplant with its initial weights, the same in every phase."""
        cell, sizes = self.cell, self.sizes
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
            generator=self.inputs.weights(cell),
        )
        if beta := self.conduct.commitments.get((cell.method, cell.chunks)):
            set_commitment(made, beta)
        return self.inputs.placed(made)

    def objective(self, transplant: Transplant, tokenizer: Tokenizer) -> Objective:
        """Return what the cell's phase trains, of a transplant and a tokenizer."""
        if self.cell.phase != "substitution":
            return self._second_stage(transplant, tokenizer)
        recipe = substitution_recipe(self.cell.protocol)
        if not recipe.pixel:
            return SubstitutionObjective(transplant, tokenizer, self.inputs.latents(tokenizer), None, recipe)
        images = self.inputs.images(self.cell)
        z_e = self.inputs.encoded(self.cell, tokenizer)
        return SubstitutionObjective(transplant, tokenizer, z_e, images, recipe, self.inputs.perceptual())

    def _second_stage(self, transplant: Transplant, tokenizer: Tokenizer) -> Objective:
        cell, images = self.cell, self.inputs.images(self.cell)
        recipe = image_recipe(cell.phase, cell.protocol)
        if self.sizes.networks:
            recipe = replace(recipe, gradient=0.0)  # LPIPS takes its place
        objective: ImageObjective
        if cell.phase == "joint":
            objective = JointObjective(transplant, tokenizer, images, recipe)
        else:
            z_e = self.inputs.encoded(cell, tokenizer)
            objective = AdaptationObjective(transplant, tokenizer, images, recipe, z_e)
        objective.adversary = self.inputs.adversary(cell, tokenizer)
        return objective

    def started(self, transplant: Transplant) -> None:
        """Load the transplant that a later phase starts from.

        Raises
        ------
        FileNotFoundError, SchemaError
            If it is missing or of another configuration.
        """
        start = self.plan.start
        if start is None:
            return
        tensors, metadata = checkpoint.load(start.path, source=f"{start.name}, which has to be run first")
        if metadata.get("digest") != start.digest:
            raise SchemaError(
                f"{start.path} must be of this configuration, got another; run {start.name} again"
            )
        checkpoint.unpack(tensors, transplant=transplant)

    def parts(self, transplant: Transplant, tokenizer: Tokenizer) -> dict[str, nn.Module]:
        """Return what is stored of a training."""
        own: dict[str, nn.Module] = {"transplant": transplant}
        return own if self.cell.phase == "substitution" else own | {"tokenizer": tokenizer}

    @property
    def processes(self) -> int:
        """How many processes trained the cell, or measure it where nothing is stored of a training."""
        found = checkpoint.header_of(self.plan.weights, self.plan.state.digest)
        return int(found.get("processes", self.runtime.world))

    def trained(self) -> tuple[Transplant, Tokenizer]:
        """Return transplant and tokenizer after the cell's training, from the store where they are there."""
        transplant, tokenizer = self.built(), self.inputs.tokenizer(self.cell)
        if self.cell.phase == "substitution" and not transplant.quantizers:
            return transplant, tokenizer
        stored_or_trained(
            self.plan.weights,
            self.plan.state,
            self.parts(transplant, tokenizer),
            lambda state: self.train(transplant, tokenizer),
            writes=self.runtime.first,
        )
        return transplant, tokenizer.eval()

    def train(self, transplant: Transplant, tokenizer: Tokenizer) -> None:
        """Train from the last state, or from the start; no other process may be at it."""
        if self.runtime.first:
            for path in (self.plan.weights, self.plan.best, self.plan.state.path):
                remove_unfinished(path.parent, path.name)  # as large as the files, one for each kill
        self.started(transplant)
        if self.cell.method in REFERENCES and self.cell.phase == "substitution":
            fit_references(transplant.cpu(), self.inputs.fitting_latents(tokenizer).cpu())
            self.inputs.placed(transplant)
        if not self.cell.trained:
            return
        objective, state = self.objective(transplant, tokenizer), self.plan.state
        if self.runtime.first and state.others is not None:
            print(
                f"{self.cell.name} starts anew: its state is of {state.others} process(es), this training "
                f"has {state.processes}, which draw otherwise",
                file=sys.stderr,
            )
        objective.accumulate = self.plan.accumulate
        batches = self.inputs.batches(self.cell)
        self.inputs.ahead(self.runtime.share(batches[state.steps :]))
        with Journal(
            self.plan.log,
            state.steps,
            self.runtime,
            epochs=self.plan.epochs if self.chooses else None,
            tensorboard=self.plan.tensorboard,
        ) as journal:
            log = self._with_epochs(objective, transplant, tokenizer, journal)
            train_on(batches, objective, self.budget, state=state, runtime=self.runtime, log=log)

    def _with_epochs(
        self, objective: Objective, transplant: Transplant, tokenizer: Tokenizer, journal: Journal
    ) -> Log:
        """Return a log that also measures after each epoch, where the protocol chooses among them."""
        if not self.chooses:
            return journal.log
        ends = epoch_ends(self.budget.steps, self.sizes.epochs)

        def logged(step: int, values: dict[str, float]) -> None:
            journal.log(step, values)
            if step in ends:
                number = ends.index(step) + 1
                objective.train(False)
                found = asdict(self.measured(transplant, tokenizer))
                journal.epoch(number, found.pop("row") | {_BESIDE: found})
                if self.runtime.first and self._chosen() == number:
                    self.inputs.keep(self.cell, transplant, tokenizer)
                    own = {"digest": self.plan.state.digest, "epoch": str(number)}
                    checkpoint.save(self.plan.best, checkpoint.pack(**self.parts(transplant, tokenizer)), own)
                objective.train(True)

        return logged

    def _chosen(self) -> int | None:
        """Return the number of the best epoch, None where none was measured."""
        return least_epoch(self.plan.epochs, self.inputs.quality)

    def measured(self, transplant: Transplant | None, tokenizer: Tokenizer) -> Evaluation:
        """Return the measurement of the cell as it is, on the held-out images."""
        with evaluating():
            return self.inputs.measured(self.cell, transplant, tokenizer)

    def again(self) -> dict[str, Any]:
        """Return the columns of a trained cell's row, measured anew.

        Raises
        ------
        FileNotFoundError
            If the cell is not trained.
        """
        if self.cell.phase == "baseline":
            return self.measured(None, self.inputs.tokenizer(self.cell)).row
        path = self.plan.weights
        if not checkpoint.header_of(path, self.plan.state.digest):
            raise FileNotFoundError(
                f"{path} does not exist or is of another configuration; launch it first, where there is a "
                "result.json beside it without that"
            )
        transplant, tokenizer = self.trained()
        epoch = self.best(transplant, tokenizer) if self.chooses else "last"
        return self.measured(transplant, tokenizer).row | {"epoch": epoch or "last"}

    def best(self, transplant: Transplant, tokenizer: Tokenizer) -> str | None:
        """Load what the best epoch ended with and return which one it was, None where that is not kept.

        On a card, a training that was interrupted after an epoch may have chosen another one since.
        """
        stored = load_matching(self.plan.best, self.plan.state.digest)
        if stored is None or stored[1]["epoch"] != str(self._chosen()):
            return None
        checkpoint.unpack(stored[0], **self.parts(transplant, tokenizer))
        epoch: str = best_epoch(self.plan.epochs, self.inputs.quality)["epoch"]
        return epoch

    def evaluation(self) -> Evaluation:
        """Train, measure and keep what is to be kept."""
        if self.cell.phase == "baseline":
            tokenizer = self.inputs.tokenizer(self.cell)
            self.inputs.prepare(tokenizer)
            return self._kept(None, tokenizer)
        transplant, tokenizer = self.trained()
        epoch = "last"
        if self.chooses:
            if self._chosen() is None:
                raise SchemaError(
                    f"{self.plan.epochs} must hold the measurements of {self.sizes.epochs} epochs, got none; "
                    f"remove {self.plan.weights}, and the cell is trained again"
                )
            chosen = self.best(transplant, tokenizer)
            if chosen is None:  # its row and pictures are there, its weights are not
                return self._as_chosen()
            epoch = chosen
        found = self._kept(transplant, tokenizer)
        return replace(found, row=found.row | {"epoch": epoch})

    def _kept(self, transplant: Transplant | None, tokenizer: Tokenizer) -> Evaluation:
        """Return the measurement of the cell as it is, and keep what it leaves."""
        found = self.measured(transplant, tokenizer)
        self.inputs.keep(self.cell, transplant, tokenizer)
        return found

    def _as_chosen(self) -> Evaluation:
        """Return the measurement of the best epoch as it was chosen."""
        row = best_epoch(self.plan.epochs, self.inputs.quality)
        beside, epoch = row.pop(_BESIDE, {"photographs": [], "pictures": []}), row.pop("epoch")
        return Evaluation(row | {"epoch": epoch}, **beside)
