"""Training of transplants on latents: quantizers and heads, against a frozen tokenizer."""

import multiprocessing
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from empirical.config import Preset
from empirical.head import Transplant
from empirical.protocol import Recipe
from empirical.quantizers.reference import ReferenceQuantizer
from empirical.quantizers.vanilla import GradientCodebook
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError


def fit_references(transplant: Transplant, z_e: Tensor) -> None:
    """Fit those quantizers that are fitted once, on all training latents (N, C, h, w)."""
    with torch.no_grad():
        inputs = transplant.quantizer_inputs(z_e)
    for quantizer, half in zip(transplant.quantizers, inputs, strict=True):
        if isinstance(quantizer, ReferenceQuantizer):
            quantizer.fit(half)


def _parameter_groups(transplant: Transplant) -> list[dict[str, Any]]:
    """Return the heads' parameters and each learned codebook, with their learning-rate ratios."""
    codebooks = [module for module in transplant.modules() if isinstance(module, GradientCodebook)]
    own = {id(module.codebook) for module in codebooks}
    heads = [parameter for parameter in transplant.parameters() if id(parameter) not in own]
    groups: list[dict[str, Any]] = [{"params": heads, "ratio": 1.0, "decays": True}] if heads else []
    for module in codebooks:
        settings = module.settings
        ratio, decays = settings.learning_rate_ratio, settings.decays
        groups.append({"params": [module.codebook], "ratio": ratio, "decays": decays})
    return groups


class _Trainer:
    """One optimizer step after another, on batches of latents."""

    def __init__(
        self, transplant: Transplant, tokenizer: PocketTokenizer, recipe: Recipe, preset: Preset
    ) -> None:
        self.transplant, self.tokenizer, self.recipe, self.preset = transplant, tokenizer, recipe, preset
        self.parameters = list(transplant.parameters())
        groups = _parameter_groups(transplant)
        # codebooks of statistics have nothing to optimize, and neither have fixed rules without heads
        self.optimizer = (
            torch.optim.AdamW(groups, betas=recipe.betas, weight_decay=recipe.weight_decay)
            if groups
            else None
        )

    def set_learning_rates(self, step: int) -> None:
        """Set the rates of a step: a linear decay over the whole stage, where a group decays."""
        if self.optimizer is not None:
            progress = step / max(1, self.preset.steps - 1)
            decay = 1 + (self.recipe.final_learning_rate - 1) * progress
            for group in self.optimizer.param_groups:
                group["lr"] = self.preset.learning_rate * group["ratio"] * (decay if group["decays"] else 1)

    def loss(self, z_e: Tensor, x: Tensor | None) -> Tensor:
        """Return the loss of a batch: latents, and its images where the recipe compares pixels."""
        result = self.transplant(z_e)
        loss = self.recipe.latent * (result.y - z_e).square().mean()
        for value in result.losses.values():
            loss = loss + value
        if x is not None:
            loss = loss + self.recipe.pixel * (self.tokenizer.decode(result.y) - x).square().mean()
        return loss

    def step(self, step: int, z_e: Tensor, x: Tensor | None) -> float:
        """Do one step and return its loss."""
        loss = self.loss(z_e, x)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"loss of step {step + 1} of {self.preset.steps} is {loss.item()}; "
                "lower learning_rate in the preset"
            )
        if self.optimizer is not None:
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm, error_if_nonfinite=True)
            self.set_learning_rates(step)
            self.optimizer.step()
        return loss.item()


def train(
    transplant: Transplant,
    tokenizer: PocketTokenizer,
    z_e: Tensor,
    crops: Tensor | None,
    recipe: Recipe,
    preset: Preset,
    *,
    rng: np.random.Generator,
) -> None:
    """Train quantizers and heads on latents.

    Parameters
    ----------
    transplant : Transplant
        Changed in place; left in evaluation mode.
    tokenizer : PocketTokenizer
        Its decoder takes part where the recipe compares pixels; it is not changed.
    z_e : (N, C, h, w) tensor
        Training latents.
    crops : (N, 3, H, W) tensor or None
        Their images; needed where the recipe compares pixels.
    recipe : Recipe
        Loss and optimizer.
    preset : Preset
        Steps, batch size and learning rate.
    rng : numpy.random.Generator
        Order of the batches.

    Raises
    ------
    DomainError
        If the recipe compares pixels and there are no crops.
    FloatingPointError
        If the loss is not finite.
    RuntimeError
        If a gradient is not finite.
    """
    if recipe.pixel and crops is None:
        raise DomainError(f"crops must be given for a recipe with pixel={recipe.pixel:g}, got None")
    tokenizer.requires_grad_(False)
    transplant.train()
    trainer = _Trainer(transplant, tokenizer, recipe, preset)
    in_worker = multiprocessing.parent_process() is not None  # bars of several processes would mix
    with tqdm(range(preset.steps), desc="train", leave=False, disable=in_worker) as bar:
        for step in bar:
            chosen = torch.from_numpy(rng.integers(len(z_e), size=preset.batch_size))
            # where gradients reach nothing, the decoder would work in vain
            x = crops[chosen] if crops is not None and trainer.optimizer is not None else None
            loss = trainer.step(step, z_e[chosen], x)
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
    transplant.eval()
