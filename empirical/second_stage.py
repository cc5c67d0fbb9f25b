"""What adaptation and joint optimisation share: stored transplants to start from, and a loss on images."""

import copy
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from empirical import checkpoint
from empirical.accumulation import in_parts
from empirical.adversary import Adversary
from empirical.checkpoint import Part
from empirical.config import Budget, Preset
from empirical.head import UNQUANTIZED, Transplant
from empirical.job import SUBSTITUTION, Job
from empirical.phase import Phase, Row
from empirical.pretrain import reconstruction_loss
from empirical.protocol import ImageRecipe
from empirical.substitute import Substitution
from empirical.tokenizers import Tokenizer
from empirical.training import Objective, Source
from empirical.variants import first_stage, image_recipe
from qtheory.errors import DomainError, SchemaError
from qtheory.results import Cell, grid


class ImageObjective(Objective):
    """Those modules of a tokenizer and a transplant that a recipe names, trained on images.

    Parameters
    ----------
    transplant : Transplant
        A trained transplant.
    tokenizer : Tokenizer
        The tokenizer around it.
    crops : (N, 3, H, W) tensor or Source
        Training images.
    recipe : ImageRecipe
        Loss, optimizer, and what is trainable; all other parameters are frozen.

    Attributes
    ----------
    adversary : Adversary or None
        Adds the perceptual and the adversarial term of equation (11) where it is set.

    Raises
    ------
    DomainError
        If none of the trainable modules is present.
    """

    adversary: Adversary | None = None

    def __init__(
        self, transplant: Transplant, tokenizer: Tokenizer, crops: Source, recipe: ImageRecipe
    ) -> None:
        self.transplant, self.tokenizer = transplant, tokenizer
        self.crops, self.recipe = crops, recipe
        self.optimization, self.size = recipe, len(crops)
        for part in self.parts().values():
            part.requires_grad_(False)
        for name in recipe.trainable:
            for part in self.parts().values():
                if isinstance(module := getattr(part, name, None), nn.Module):
                    module.requires_grad_(True)
        if not self.groups()[0]["params"]:
            raise DomainError(f"trainable must name a module with parameters, got {recipe.trainable}")

    def parts(self) -> dict[str, nn.Module]:
        """Return transplant and tokenizer."""
        return {"transplant": self.transplant, "tokenizer": self.tokenizer}

    def groups(self) -> list[dict[str, Any]]:
        """Return all trainable parameters, at one learning rate."""
        parameters = [
            parameter
            for part in self.parts().values()
            for parameter in part.parameters()
            if parameter.requires_grad
        ]
        return [{"params": parameters, "ratio": 1.0, "decays": True}]

    def images(self, chosen: Tensor) -> Tensor:
        """Return the crops with the given numbers, in the layout on which convolutions run faster."""
        return self.crops[chosen].contiguous(memory_format=torch.channels_last)

    def image_loss(self, y: Tensor, x: Tensor) -> Tensor:
        """Return the loss of the images (B, 3, H, W) that the decoder makes of (B, C, h, w)."""
        return in_parts(self._image_loss, y, x, self.accumulate)

    def _image_loss(self, y: Tensor, x: Tensor) -> Tensor:
        weight = self.recipe.gradient / self.recipe.pixel
        x_hat = self.tokenizer.decode(y)
        loss = self.recipe.pixel * reconstruction_loss(x_hat, x, weight)
        return loss if self.adversary is None else self.adversary.loss(x, x_hat, loss)

    def companions(self) -> dict[str, Part]:
        """Return the discriminator with its optimizer, where there is one."""
        return {} if self.adversary is None else self.adversary.parts()

    def begin(self, step: int) -> None:
        """Tell the adversary which step it is."""
        super().begin(step)
        if self.adversary is not None:
            self.adversary.begin(step)

    def finish(self) -> dict[str, float]:
        """Train the discriminator on the images that the step just made."""
        return {} if self.adversary is None else self.adversary.learn()


def _require(path: Path, digest: str, command: str) -> None:
    """Raise unless a transplant of the configuration is stored."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: this phase starts from trained transplants; run `{command}` first"
        )
    _, metadata = checkpoint.load(path)
    if metadata.get("digest") != digest:
        raise SchemaError(
            f"{path} must hold a transplant of this configuration, got one of another; run `{command}` first"
        )


class SecondStage(Phase):
    """A phase that starts from the transplants that the substitution stage stored.

    The trained methods keep their heads; references have none and keep their codewords. The tokenizer
    alone, without a quantizer, is the control: what it gains comes from the training.

    Attributes
    ----------
    references : tuple of str
        Fitted quantizers that take part.
    """

    references: ClassVar[tuple[str, ...]]

    @classmethod
    def points(cls, preset: Preset) -> tuple[Row, ...]:
        """Return the control, the references and the trained methods, these with heads."""
        bare = grid(method=[UNQUANTIZED, *cls.references], head=["none"])
        return (*bare, *grid(method=preset.methods, head=["full"]))

    @classmethod
    def budget(cls, job: Job) -> Budget:
        """Return the budget of the second stage."""
        return job.second_stage

    @classmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""
        return cls.recipe(protocol).loss

    @classmethod
    def recipe(cls, protocol: str) -> ImageRecipe:
        """Return loss, optimizer and trained modules."""
        return image_recipe(cls.study, protocol)

    @classmethod
    def prepared(cls, job: Job) -> Job:
        """Return the job with the digest of the transplants, after a check that all are there.

        Raises
        ------
        FileNotFoundError, SchemaError
            If a transplant is missing or of another configuration.
        """
        first = replace(job, protocol=first_stage(job.protocol))
        job = replace(job, start=Substitution.training_digest(first))
        for cell in cls.sweep(job).cells():
            if cell.parameters["method"] != UNQUANTIZED:
                path = job.file(cell, ".safetensors", SUBSTITUTION)
                _require(path, job.start, first.command(Substitution.command))
        return job

    @abstractmethod
    def objective(self, transplant: Transplant, tokenizer: Tokenizer) -> ImageObjective:
        """Return what the phase trains, of a transplant and a tokenizer that are its own."""

    def refined(self, cell: Cell) -> tuple[Transplant, Tokenizer]:
        """Return transplant and tokenizer of a cell after the phase, from the store where they are there."""
        job, transplant = self.job, self.built(cell)
        if transplant.quantizers:
            tensors, _ = checkpoint.load(job.file(cell, ".safetensors", SUBSTITUTION))
            checkpoint.unpack(tensors, transplant=transplant)
        tokenizer = copy.deepcopy(self.tokenizer).to(memory_format=torch.channels_last)
        objective = self.objective(transplant, tokenizer)
        self.trained(cell, objective.parts(), lambda state: self.train(cell, objective, state))
        return transplant, tokenizer
