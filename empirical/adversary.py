"""The perceptual and the adversarial term of equation (11), and the discriminator's own steps."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from empirical.augment import WEAK, augment
from empirical.checkpoint import Part
from empirical.discriminator import discriminator_loss
from empirical.losses import AdversarialRecipe, LeCAM, adaptive_weight, generator_loss
from empirical.precision import rounded_products
from empirical.runtime import Runtime, average, average_gradients
from empirical.streams import torch_stream
from qtheory.errors import DomainError

_BETAS = (0.9, 0.95)
_WEIGHT_DECAY = 1e-5
_CLIP_NORM = 1.0


class Adversary:
    """A discriminator that is trained beside the decoder, one step for each of the decoder's.

    Of a batch in parts the discriminator learns from the whole. The decoder's step is another one than of
    the batch at once, beyond rounding: the adaptive weight is of each part, a ratio of norms, which is no
    mean over images; views (augmentation and crop) are drawn for each part; and where the discriminator
    moves in that step, as run, statistics of its batches and power iterations are of each part too.

    Parameters
    ----------
    discriminator : torch.nn.Module or None
        A `Discriminator`; without one there is no adversarial term, and nothing to train here.
    perceptual : callable
        LPIPS: maps images and reconstructions (B, 3, H, W) to distances (B,).
    recipe : AdversarialRecipe
        Coefficients and learning rates.
    last_layer : torch.nn.Parameter
        Where the adaptive weight compares gradients.
    seed : int
        Seed of the views; those of a step depend on its number and the process alone.
    runtime : Runtime, optional
        Device, precision and processes; by default float32 in this process.

    Raises
    ------
    DomainError
        If the last layer is frozen.
    """

    def __init__(
        self,
        discriminator: nn.Module | None,
        perceptual: Callable[[Tensor, Tensor], Tensor],
        recipe: AdversarialRecipe,
        last_layer: nn.Parameter,
        *,
        seed: int,
        runtime: Runtime | None = None,
    ) -> None:
        if not last_layer.requires_grad:
            raise DomainError("last_layer must be trained, got a frozen one; the decoder must be trainable")
        self.discriminator, self.perceptual = discriminator, perceptual
        self.recipe, self.last_layer = recipe, last_layer
        self.seed, self.runtime = seed, runtime or Runtime()
        self.begin(0)
        if discriminator is None:
            return
        self.lecam = LeCAM(recipe.lecam_decay, synced=recipe.synced).to(last_layer.device)
        self.parameters = [p for p in discriminator.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, recipe.discriminator_learning_rate, betas=_BETAS, weight_decay=_WEIGHT_DECAY
        )

    def parts(self) -> dict[str, Part]:
        """Return what the discriminator's steps change."""
        if self.discriminator is None:
            return {}
        return {
            "discriminator": self.discriminator,
            "lecam": self.lecam,
            "discriminator_optimizer": self.optimizer,
        }

    def begin(self, step: int) -> None:
        """Draw the views of a step, counted from 0, from a stream of their own."""
        self._step = step
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._logged: list[dict[str, float]] = []
        self._generator = torch_stream(self.seed, "adversary", f"rank={self.runtime.rank}", f"step={step}")

    def loss(self, x: Tensor, x_hat: Tensor, pixel: Tensor) -> Tensor:
        """Return the generator's loss: pixels, LPIPS, and the weighted adversarial term.

        Parameters
        ----------
        x, x_hat : (B, 3, H, W) tensor
            Images and reconstructions, of a batch or a part; kept for `learn`.
        pixel : () tensor
            The loss of pixels.

        Returns
        -------
        () tensor
            ``pixel`` as it is where it is not finite, for the caller to stop at.
        """
        if not math.isfinite(average(pixel, self.runtime)):
            return pixel
        with self.runtime.full_precision(), rounded_products():
            return self._loss(x.float(), x_hat.float(), pixel)

    def _loss(self, x: Tensor, x_hat: Tensor, pixel: Tensor) -> Tensor:
        self._pairs.append((x, x_hat.detach()))
        perceptual = self.perceptual(x, x_hat).mean()
        reconstruction = pixel + self.recipe.perceptual * perceptual
        logged = {"pixel": float(pixel.detach()), "lpips": float(perceptual.detach())}
        self._logged.append(logged)
        if self.discriminator is None or self._step < self.recipe.warmup_steps:
            return reconstruction
        self.discriminator.train(self.recipe.moves_in_generator_step)
        seen = augment(x_hat, WEAK, generator=self._generator)
        adversarial = generator_loss(self.discriminator(seen, generator=self._generator))
        weight = adaptive_weight(reconstruction, adversarial, self.last_layer, synced=self.recipe.synced)
        logged |= {"generator": float(adversarial.detach()), "adaptive_weight": float(weight)}
        return reconstruction + self.recipe.adversarial * weight * adversarial

    def learn(self) -> dict[str, float]:
        """Do the discriminator's step on the images of this step, and return what to log."""
        if not self._pairs:
            raise DomainError("learn needs the images of a step, got none; call loss first")
        x, x_hat = (torch.cat(own) if len(own) > 1 else own[0] for own in zip(*self._pairs, strict=True))
        self._pairs = []
        means = {key: sum(own[key] for own in self._logged) / len(self._logged) for key in self._logged[0]}
        if self.discriminator is None:
            return means
        self.discriminator.train()
        with rounded_products():
            critique = discriminator_loss(
                self.discriminator, x, x_hat, self.recipe, self.lecam, generator=self._generator
            )
            self.optimizer.zero_grad()  # the generator's step left gradients here too
            critique.loss.backward()
        average_gradients(self.parameters, self.runtime)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP_NORM))
        if not math.isfinite(norm):
            raise FloatingPointError(
                f"gradient of the discriminator in step {self._step + 1} is {norm}; lower its learning rate"
            )
        self.optimizer.step()
        return means | {
            "hinge": critique.hinge,
            "lecam": critique.lecam,
            "consistency": critique.consistency,
            "accuracy": critique.accuracy,
        }
