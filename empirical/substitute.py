"""Stage I, substitution: every quantizer takes the place of none in one frozen tokenizer.

Encoder and decoder never change; each method trains its quantizers and heads on the same latents in
the same order.
"""

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from empirical.accumulation import in_parts
from empirical.head import Transplant
from empirical.protocol import Recipe
from empirical.quantizers.vanilla import parameter_groups
from empirical.tokenizers import Tokenizer
from empirical.training import Objective, Source
from qtheory.errors import DomainError


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
