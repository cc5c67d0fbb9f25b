"""What adaptation and joint optimisation share: a loss on images."""

from typing import Any

import torch
from torch import Tensor, nn

from empirical.accumulation import in_parts
from empirical.adversary import Adversary
from empirical.checkpoint import Part
from empirical.head import Transplant
from empirical.pretrain import reconstruction_loss
from empirical.protocol import ImageRecipe
from empirical.tokenizers import Tokenizer
from empirical.training import Objective, Source
from qtheory.errors import DomainError


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
