"""Stage I, substitution: every quantizer takes the place of none in one frozen tokenizer.

Encoder and decoder never change; each method trains its quantizers and heads on the same latents in
the same order.
"""

from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.accumulation import in_parts
from empirical.checkpoint import State
from empirical.config import Budget, Preset
from empirical.evaluate import Evaluation, evaluate, pictures
from empirical.head import REFERENCES, UNQUANTIZED, Transplant
from empirical.job import SUBSTITUTION, Job
from empirical.phase import Phase, Row
from empirical.protocol import Recipe
from empirical.quantizers.vanilla import parameter_groups
from empirical.tokenizers import Tokenizer
from empirical.training import Objective, Source, fit_references
from empirical.variants import substitution_recipe
from qtheory.errors import DomainError
from qtheory.results import Cell, grid


class SubstitutionObjective(Objective):
    """Quantizers and heads, trained on latents: equation (10).

    Parameters
    ----------
    transplant : Transplant
        What is trained.
    tokenizer : Tokenizer
        Its decoder takes part where the recipe compares pixels; it is not changed.
    z_e : (N, C, h, w) tensor or Source
        Training latents.
    crops : (N, 3, H, W) tensor, Source or None
        Their images; needed where the recipe compares pixels.
    recipe : Recipe
        Loss and optimizer.
    perceptual : LPIPS, optional
        Network of the perceptual term; without it the term is left out.

    Raises
    ------
    DomainError
        If the recipe compares pixels and there are no crops.
    """

    def __init__(
        self,
        transplant: Transplant,
        tokenizer: Tokenizer,
        z_e: Source,
        crops: Source | None,
        recipe: Recipe,
        perceptual: nn.Module | None = None,
    ) -> None:
        if recipe.pixel and crops is None:
            raise DomainError(f"crops must be given for a recipe with pixel={recipe.pixel:g}, got None")
        self.transplant, self.tokenizer = transplant, tokenizer.requires_grad_(False)
        self.z_e, self.recipe, self.perceptual = z_e, recipe, perceptual
        self._terms: dict[str, Tensor] = {}
        self.optimization, self.size = recipe, len(z_e)
        # where gradients reach nothing, the decoder would work in vain
        self.crops = crops if recipe.pixel and self.groups() else None

    def parts(self) -> dict[str, nn.Module]:
        """Return the transplant."""
        return {"transplant": self.transplant}

    def groups(self) -> list[dict[str, Any]]:
        """Return the heads' parameters and each learned codebook, with their learning-rate ratios."""
        return parameter_groups(self.transplant)

    def train(self, mode: bool) -> None:
        """Set the transplant's mode."""
        self.transplant.train(mode)

    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of a batch: latents, and its images where the recipe compares pixels."""
        z_e = self.z_e[chosen]
        result = self.transplant(z_e)
        terms = {"latent": self.recipe.latent * (result.y - z_e).square().mean(), **result.losses}
        if self.crops is not None:
            terms["images"] = in_parts(self._image_loss, result.y, self.crops[chosen], self.accumulate)
        self._terms = {name: value.detach() for name, value in terms.items()}
        return reduce(torch.add, terms.values())

    def finish(self) -> dict[str, float]:
        """Return the terms of the step's loss, with their coefficients, in this process."""
        return {name: float(value) for name, value in self._terms.items()}

    def _image_loss(self, y: Tensor, x: Tensor) -> Tensor:
        """Return the loss of the images (B, 3, H, W) that the decoder makes of (B, C, h, w)."""
        x_hat = self.tokenizer.decode(y)
        loss = self.recipe.pixel * (x_hat - x).square().mean()
        if self.perceptual is not None:
            with torch.autocast(x.device.type, enabled=False):
                distance = self.perceptual(x.float(), x_hat.float()).mean()
            loss = loss + self.recipe.perceptual * distance
        return loss


class Substitution(Phase):
    """The substitution stage; its cells without quantizer or training are references for the others."""

    study = SUBSTITUTION
    command = "substitute"
    version = 4
    training = 3

    @classmethod
    def points(cls, preset: Preset) -> tuple[Row, ...]:
        """Return methods and heads of the comparison, in the order of the table."""
        return (
            *grid(method=[UNQUANTIZED], head=["none"]),
            *grid(method=REFERENCES, head=["none"]),
            *grid(method=preset.methods, head=["none", "full"]),
            *grid(method=preset.ablated, head=["1x1"]),
        )

    @classmethod
    def budget(cls, job: Job) -> Budget:
        """Return the preset, which holds the budget."""
        return job.preset

    @classmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""
        return substitution_recipe(protocol).loss

    @classmethod
    def trials(cls, job: Job, method: str) -> int:
        """Return the number of independent trainings; the tokenizer alone has nothing to train."""
        return 1 if method == UNQUANTIZED else super().trials(job, method)

    def transplant(self, cell: Cell) -> Transplant:
        """Return the trained transplant of a cell, from the store where it is there."""
        job, built = self.job, self.built(cell)

        def trained(state: State) -> None:
            if cell.parameters["method"] in REFERENCES:
                fit_references(built, self.z_e)
                return
            own = substitution_recipe(job.protocol)
            crops = self.crops if own.pixel else None
            objective = SubstitutionObjective(built, self.tokenizer, self.z_e, crops, own)
            self.train(cell, objective, state)

        if built.quantizers:
            self.trained(cell, {"transplant": built}, trained)
        return built

    def measured(self, cell: Cell, rng: np.random.Generator) -> Evaluation:
        """Train a cell, or load what was trained of it, and evaluate it."""
        found = evaluate(
            self.transplant(cell), self.tokenizer, self.held_out, self.z_e[: len(self.in_sample)], rng=rng
        )
        if cell.parameters["method"] == UNQUANTIZED:
            # what the reconstructions are of, kept once
            originals = [row | {"kind": "original"} for row in pictures(self.held_out.crops, self.held_out)]
            found.pictures.extend(originals)
        return found
