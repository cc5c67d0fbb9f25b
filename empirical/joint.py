"""Joint optimisation of encoder, quantizers and decoder: Appendix L, from the transplants of Stage I.

The encoder moves, so the quantization error can shrink with the latents alone. The columns
``latent_variance`` and ``latent_nmse`` tell that from a better quantizer: they use the latents that
the encoder gives after the phase.
"""

from dataclasses import replace

import numpy as np
from torch import Tensor

from empirical.evaluate import Evaluation, encode_in_batches, evaluate
from empirical.head import Transplant
from empirical.protocol import JOINT, ImageRecipe
from empirical.quantizers import PROTOCOLS
from empirical.quantizers._binary import BinaryQuantizer
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import FSQQuantizer
from empirical.quantizers.vanilla import GradientCodebook
from empirical.second_stage import ImageObjective, SecondStage
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError
from qtheory.results import Cell

_Committed = EMAQuantizer | GradientCodebook | BinaryQuantizer


def set_commitment(transplant: Transplant, beta: float) -> None:
    """Set the commitment of those quantizers that have the term; the others keep none.

    Parameters
    ----------
    transplant : Transplant
        Changed in place.
    beta : float
        The coefficient.
    """
    for module in transplant.modules():
        if isinstance(module, FSQQuantizer) and module.commitment:
            module.commitment = beta
        elif isinstance(module, _Committed) and module.settings.commitment:
            module.settings = replace(module.settings, commitment=beta)


class JointObjective(ImageObjective):
    """Encoder, heads, quantizers and decoder, trained together; see `ImageObjective`.

    Raises
    ------
    DomainError
        If the recipe has no commitment.
    """

    def __init__(
        self, transplant: Transplant, tokenizer: PocketTokenizer, crops: Tensor, recipe: ImageRecipe
    ) -> None:
        super().__init__(transplant, tokenizer, crops, recipe)
        if recipe.commitment is None:
            raise DomainError("commitment must be a number for joint optimisation, got None")
        set_commitment(transplant, recipe.commitment)

    def train(self, mode: bool) -> None:
        """Set the mode of the quantizers, whose statistics go on.

        The tokenizer stays in evaluation mode: its last normalization is then a fixed map, as at the
        end of Stage I, and the encoder is free to change the variance of its latents.
        """
        self.transplant.train(mode)
        self.tokenizer.eval()

    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of a batch: images, the quantizers' terms, and the heads' latent term."""
        x = self.images(chosen)
        z_e = self.tokenizer.encode(x)
        result = self.transplant(z_e)
        loss = self.image_loss(result.y, x)
        loss = loss + self.recipe.latent * (result.y - z_e.detach()).square().mean()
        for value in result.losses.values():
            loss = loss + value
        return loss


class Joint(SecondStage):
    """Joint optimisation."""

    study = "joint"
    command = "joint"
    version = 1
    training = 1
    recipes = dict.fromkeys(PROTOCOLS, JOINT)

    def objective(self, transplant: Transplant, tokenizer: PocketTokenizer) -> ImageObjective:
        """Return everything."""
        return JointObjective(transplant, tokenizer, self.crops, self.recipes[self.job.protocol])

    def measured(self, cell: Cell, rng: np.random.Generator) -> Evaluation:
        """Optimise a cell, or load what was optimised of it, and evaluate it with its own encoder."""
        transplant, tokenizer = self.refined(cell)
        held_out = replace(self.held_out, z_e=encode_in_batches(tokenizer, self.held_out.crops))
        z_e = encode_in_batches(tokenizer, self.crops)
        return evaluate(transplant, tokenizer, held_out, z_e, rng=rng)
