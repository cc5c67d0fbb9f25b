"""Joint optimisation of encoder, quantizers and decoder: Appendix L, from the transplants of Stage I.

The encoder moves, so the quantization error can shrink with the latents alone. The columns
``latent_variance`` and ``latent_nmse`` tell that from a better quantizer: they use the latents that
the encoder gives after the phase.
"""

from dataclasses import replace

import torch
from torch import Tensor

from empirical.head import Transplant
from empirical.protocol import ImageRecipe
from empirical.quantizers._binary import BinaryQuantizer
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import FSQQuantizer
from empirical.quantizers.vanilla import GradientCodebook
from empirical.second_stage import ImageObjective
from empirical.tokenizers import Tokenizer
from empirical.training import Source
from qtheory.errors import DomainError

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


def without_gradient_to(term: Tensor, source: Tensor) -> Tensor:
    """Return a scalar of the same value, whose gradient stops at `source`.

    Parameters
    ----------
    term : () tensor
        Computed from `source`, among others.
    source : Tensor
        Part of the graph.

    Examples
    --------
    >>> a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    >>> without_gradient_to(a * b, a).backward()
    >>> a.grad, b.grad
    (tensor(0.), tensor(2.))
    """
    (gradient,) = torch.autograd.grad(term, source, retain_graph=True)
    return term - (gradient * (source - source.detach())).sum()


class JointObjective(ImageObjective):
    """Encoder, heads, quantizers and decoder, trained together; see `ImageObjective`.

    The encoder learns from the images and the quantizers' terms alone. The latent term has the encoder's
    own latents as target, and the second head's output is a shrunken copy of them: were the encoder
    to follow it, its latents would grow without end.

    Raises
    ------
    DomainError
        If the recipe has no commitment.
    """

    def __init__(
        self, transplant: Transplant, tokenizer: Tokenizer, crops: Source, recipe: ImageRecipe
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
        z_e = self.tokenizer.encode(x).to(x.dtype)  # from bfloat16 too, as latents of the other phases
        result = self.transplant(z_e)
        loss = self.image_loss(result.y, x)
        latent = self.recipe.latent * (result.y - z_e.detach()).square().mean()
        loss = loss + without_gradient_to(latent, z_e)
        for value in result.losses.values():
            loss = loss + self.recipe.quantizers * value
        return loss
