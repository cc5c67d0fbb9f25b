"""What the published run did, what the paper says, and what makes a fair comparison: literal data.

The settings of each quantizer stand in its own file of `empirical.quantizers`; here are those that
all methods share, of substitution, adaptation and joint optimisation, and how their trainings are run.
Variants of the fair protocol, which change one switch each, are in `empirical.variants`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from empirical.config import Budget


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """Settings of AdamW.

    Attributes
    ----------
    final_learning_rate : float
        Last learning rate over the first, in a linear decay; 1 keeps it constant.
    betas : tuple of float
        AdamW's.
    weight_decay : float
        AdamW's.
    clip_norm : float
        Bound on the norm of the gradient of all trained parameters together.
    """

    final_learning_rate: float
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-5
    clip_norm: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Recipe(Optimization):
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
    """

    latent: float
    pixel: float
    perceptual: float
    final_learning_rate: float = 0.1

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


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(Optimization):
    """Loss and optimizer of the second stage, at a constant learning rate.

    The perceptual and the adversarial term of equation (11) need networks that do not come with the
    package. Here the absolute error of pixel differences stands in their place, as in pretraining,
    and the table's column ``loss`` says so.

    Attributes
    ----------
    trainable : tuple of str
        Modules of tokenizer and transplant that learn, where present; all others are frozen.
    pixel : float
        Coefficient of the mean squared error of the images.
    gradient : float
        Coefficient of the mean absolute error of differences of neighbouring pixels.
    latent : float
        Coefficient of the mean squared error between the second head's output and z_e, which gets
        no gradient from it.
    commitment : float or None
        Coefficient beta of every quantizer that has a commitment term; None leaves the quantizers'
        terms out of the loss.
    quantizers : float
        Coefficient of all terms of the quantizers, that of beta included.
    """

    trainable: tuple[str, ...]
    final_learning_rate: float = 1.0
    pixel: float = 1.0
    gradient: float = 0.05
    latent: float = 0.0
    commitment: float | None = None
    quantizers: float = 1.0

    @property
    def loss(self) -> str:
        """The loss in words, as it is computed here."""
        terms = {"pixel": self.pixel, "gradient": self.gradient, "latent": self.latent}
        named = [f"{value:g} {name}" for name, value in terms.items() if value]
        own = "" if self.quantizers == 1 else f"{self.quantizers:g} "
        vq = [] if self.commitment is None else [f"{own}vq (beta {self.commitment:g})"]
        return " + ".join([*named, *vq]) + " (no lpips, no gan)"


# the published run also moved the layers between quantizer and decoder, which the paper does not say;
# a decoder alone cannot follow a head that was trained for another one
_AFTER_QUANTIZER = ("head_out", "post_quant_conv", "decoder")
ADAPTATION = {
    "as_run": ImageRecipe(trainable=_AFTER_QUANTIZER),
    "paper": ImageRecipe(trainable=("decoder",)),
    "fair": ImageRecipe(trainable=_AFTER_QUANTIZER),
}

# Appendix L; no code of it was published, so all protocols share it. Whether its z_e and z_q lie
# before or after the heads is not said: the quantizers' terms act at the quantizers, and the heads
# keep the term of the first stage.
JOINT = ImageRecipe(
    trainable=("encoder", "quant_conv", "head_in", "halves", *_AFTER_QUANTIZER),
    latent=1.0,
    commitment=0.25,
)
# What comes of joint training depends on what its terms weigh: where images weigh little, the encoder shrinks
# its latents. The printed sum has LPIPS, which presets without networks lack, and does not say whether its
# norms are sums or means. In the authors' logs of a decoder, LPIPS and the error of pixels together are 7.9
# times that error alone: here images have such a share without LPIPS.
JOINT_LIGHT = replace(JOINT, latent=JOINT.latent / 8, quantizers=1 / 8)


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How trainings are run, apart from losses and optimizers.

    Attributes
    ----------
    batch_divisor : int
        The preset's batch, which is that of all processes, over that of a training.
    second_stage_divisors : mapping of str to int
        By what the batch of some methods is divided once more in the second stage, which then has as many
        more steps, so that it sees as many images.
    commitments : mapping of (str, int) to float
        Coefficient beta of a method at a number of quantizers a position, where it is not that of the
        method's settings.
    most_processes : int or None
        Most processes of a training; None takes all that are launched.
    seeds : int or None
        Trainings of each method; None takes those of the preset.
    best_epoch : bool
        Keep the best epoch of the second stage, by r-FID on the held-out images (by KID where a preset
        has no networks), instead of the last.
    """

    batch_divisor: int = 1
    second_stage_divisors: Mapping[str, int] = field(default_factory=dict)
    commitments: Mapping[tuple[str, int], float] = field(default_factory=dict)
    most_processes: int | None = None
    seeds: int | None = None
    best_epoch: bool = False

    def budget(self, budget: Budget, method: str, *, second_stage: bool) -> Budget:
        """Return the budget of a training, of the one that a preset has for its stage.

        Examples
        --------
        >>> whole = Budget(steps=100, batch_size=64, learning_rate=1e-4, trials=3)
        >>> CONDUCT["as_run"].budget(whole, "vanilla", second_stage=True)
        Budget(steps=200, batch_size=16, learning_rate=0.0001, trials=1)
        """
        longer = self.second_stage_divisors.get(method, 1) if second_stage else 1
        return replace(
            budget,
            steps=budget.steps * longer,
            batch_size=budget.batch_size // (self.batch_divisor * longer),
            trials=self.seeds or budget.trials,
        )


CONDUCT = {
    # two replicas of half the batch whose gradients never met, of which one was kept; Vanilla VQ adapted on
    # half of that again. Tables 5 and 6 mix coefficients: MMD VQ had 0.2 at other splits than that of Table 3
    "as_run": Conduct(
        batch_divisor=2,
        second_stage_divisors={"vanilla": 2},
        commitments={("mmd", chunks): 0.2 for chunks in (1, 4, 8)},
        most_processes=1,
        seeds=1,
        best_epoch=True,
    ),
    "paper": Conduct(),
    "fair": Conduct(),
}
