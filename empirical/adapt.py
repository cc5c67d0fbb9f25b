"""Stage II, adaptation: the decoder learns the codewords of a transplant that no longer changes.

Encoder, first head and quantizers stay as they are, so the error before the second head is that of
the substitution stage, and only what comes after can differ: equation (11).
"""

import numpy as np
from torch import Tensor

from empirical.evaluate import Evaluation, evaluate
from empirical.head import REFERENCES, Transplant
from empirical.protocol import ImageRecipe
from empirical.second_stage import ImageObjective, SecondStage
from empirical.tokenizers import Tokenizer
from empirical.training import Source
from qtheory.results import Cell


class AdaptationObjective(ImageObjective):
    """What comes after the quantizers, trained on images; see `ImageObjective`.

    Parameters
    ----------
    transplant, tokenizer, crops, recipe
        As there.
    z_e : (N, C, h, w) tensor or Source
        Latents of the crops, which do not change as the encoder is frozen.
    """

    def __init__(
        self,
        transplant: Transplant,
        tokenizer: Tokenizer,
        crops: Source,
        recipe: ImageRecipe,
        z_e: Source,
    ) -> None:
        super().__init__(transplant, tokenizer, crops, recipe)
        self.z_e = z_e

    def train(self, mode: bool) -> None:
        """Leave everything in evaluation mode: codebooks of statistics must not move."""
        for part in self.parts().values():
            part.eval()

    def loss(self, chosen: Tensor) -> Tensor:
        """Return the loss of a batch, on images alone."""
        return self.image_loss(self.transplant(self.z_e[chosen]).y, self.images(chosen))


class Adaptation(SecondStage):
    """Decoder adaptation; which layers beside the decoder learn is a matter of the protocol."""

    study = "adaptation"
    command = "adapt"
    version = 2
    training = 2
    references = REFERENCES  # all of them: a decoder can learn any fixed codewords

    def objective(self, transplant: Transplant, tokenizer: Tokenizer) -> ImageObjective:
        """Return the layers after the quantizers."""
        recipe = self.recipe(self.job.protocol)
        return AdaptationObjective(transplant, tokenizer, self.crops, recipe, self.z_e)

    def measured(self, cell: Cell, rng: np.random.Generator) -> Evaluation:
        """Adapt a cell, or load what was adapted of it, and evaluate it."""
        z_e = self.z_e[: len(self.in_sample)]
        return evaluate(*self.refined(cell), self.held_out, z_e, rng=rng)
