"""Stage II, adaptation: the decoder learns the codewords of a transplant that no longer changes.

Encoder, first head and quantizers stay as they are, so the error before the second head is that of
the substitution stage, and only what comes after can differ: equation (11).
"""

from torch import Tensor

from empirical.head import Transplant
from empirical.protocol import ImageRecipe
from empirical.second_stage import ImageObjective
from empirical.tokenizers import Tokenizer
from empirical.training import Source


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
