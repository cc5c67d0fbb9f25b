"""What the published run did, what the paper says, and what makes a fair comparison: literal data.

The settings of each quantizer stand in its own file of `empirical.quantizers`; here are those of
the substitution stage that all methods share.
"""

from dataclasses import dataclass

from empirical.quantizers import PROTOCOLS
from qtheory import _check


@dataclass(frozen=True)
class Recipe:
    """Loss and optimizer of the substitution stage.

    Attributes
    ----------
    latent : float
        Coefficient of the mean squared error between z_e and the output of the second head: the
        first term of equation (10).
    pixel : float
        Coefficient of the mean squared error of the images, through the frozen decoder.
    perceptual : float
        Coefficient of LPIPS. It needs weights that do not come with the package: where they are
        missing the term is left out, and the table's column ``loss`` says so.
    final_learning_rate : float
        Last learning rate over the first, in a linear decay.
    betas : tuple of float
        AdamW's.
    weight_decay : float
        AdamW's.
    clip_norm : float
        Bound on the norm of the gradient of all trained parameters together.
    """

    latent: float
    pixel: float
    perceptual: float
    final_learning_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-5
    clip_norm: float = 1.0

    @property
    def loss(self) -> str:
        """The loss in words, as it is computed here."""
        terms = {"pixel": self.pixel, "latent": self.latent}
        named = [f"{value:g} {name}" for name, value in terms.items() if value]
        return " + ".join([*named, "vq"]) + (" (no lpips)" if self.perceptual else "")


RECIPES = {
    # the published run trained through the decoder, which equation (10) does not mention
    "as_run": Recipe(latent=1.0, pixel=5.0, perceptual=1.0),
    "paper": Recipe(latent=1.0, pixel=0.0, perceptual=0.0),
    # equation (10) as well: the decoder takes no part, so all methods see the same target z_e
    "fair": Recipe(latent=1.0, pixel=0.0, perceptual=0.0),
}


def recipe(protocol: str) -> Recipe:
    """Return the recipe of a protocol.

    Examples
    --------
    >>> recipe("fair").loss
    '1 latent + vq'
    """
    return RECIPES[_check.one_of("protocol", protocol, PROTOCOLS)]
