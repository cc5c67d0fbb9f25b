"""Variants of the fair protocol, each with one switch changed, and the recipes of every protocol by name.

A variant is named wherever a protocol is: on the command line, in tables and in folders. What it does not
change it shares with its base, trained transplants included: where substitution is the same, it is not
run again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from empirical import losses
from empirical.losses import AdversarialRecipe
from empirical.protocol import ADAPTATION, CONDUCT, JOINT, JOINT_LIGHT, RECIPES, Conduct, ImageRecipe, Recipe
from empirical.quantizers import PROTOCOLS
from qtheory import _check

PHASES = ("substitution", "adaptation", "joint")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A protocol that follows another in all but one switch.

    Attributes
    ----------
    base : str
        What it follows, in the settings of the quantizers too.
    phases : tuple of str
        Phases that the switch changes; it has no cells in others.
    words : str
        What the switch does.
    substitution, adaptation : str or None
        The protocol whose recipe the phase has in place of the base's.
    discriminator : bool
        Whether the later phases have one, in presets with networks.
    joint : ImageRecipe
        Recipe of joint training.
    """

    base: str = "fair"
    phases: tuple[str, ...]
    words: str
    substitution: str | None = None
    adaptation: str | None = None
    discriminator: bool = True
    joint: ImageRecipe = JOINT


VARIANTS = {
    "fair_images": Variant(
        phases=PHASES,
        words="substitution trains through the frozen decoder, with the terms of as_run",
        substitution="as_run",
    ),
    "fair_decoder": Variant(
        phases=("adaptation",),
        words="adaptation trains the decoder alone, as paper",
        adaptation="paper",
    ),
    "fair_no_gan": Variant(
        phases=("adaptation", "joint"),
        words="no discriminator in the later phases, in presets that have one",
        discriminator=False,
    ),
    "fair_light": Variant(
        phases=("joint",),
        words="joint training weighs the terms of latents and quantizers an eighth",
        joint=JOINT_LIGHT,
    ),
}
EVERY = (*PROTOCOLS, *VARIANTS)


def base(protocol: str) -> str:
    """Return the protocol whose settings of quantizers hold: of a variant, what it follows.

    Raises
    ------
    DomainError
        If the protocol is unknown.

    Examples
    --------
    >>> base("fair_decoder"), base("paper")
    ('fair', 'paper')
    """
    _check.one_of("protocol", protocol, EVERY)
    return VARIANTS[protocol].base if protocol in VARIANTS else protocol


def phases(protocol: str) -> tuple[str, ...]:
    """Return the phases in which a protocol has trainings of its own."""
    return VARIANTS[protocol].phases if protocol in VARIANTS else PHASES


def phases_of(tables: Iterable[int]) -> tuple[str, ...]:
    """Return the phases that some of the paper's tables have rows of: joint training is in Table 7 alone.

    Examples
    --------
    >>> phases_of([3]), phases_of([3, 7])
    (('substitution', 'adaptation'), ('substitution', 'adaptation', 'joint'))
    """
    return PHASES if 7 in tables else PHASES[:2]


def with_bases(protocols: Iterable[str]) -> list[str]:
    """Return protocols, each once, variants after those whose transplants they start from.

    Examples
    --------
    >>> with_bases(["fair_decoder", "fair_images"])
    ['fair', 'fair_decoder', 'fair_images']
    """
    return list(dict.fromkeys(name for given in protocols for name in (first_stage(given), given)))


def first_stage(protocol: str) -> str:
    """Return the protocol whose substitution the later phases start from.

    Examples
    --------
    >>> first_stage("fair_decoder"), first_stage("fair_images")
    ('fair', 'fair_images')
    """
    return protocol if "substitution" in phases(protocol) else base(protocol)


def substitution_recipe(protocol: str) -> Recipe:
    """Return loss and optimizer of the first stage.

    Examples
    --------
    >>> substitution_recipe("fair").loss, substitution_recipe("fair_images").loss
    ('1 latent + vq', '5 pixel + 1 latent + vq (no lpips)')
    """
    own = base(protocol)
    return RECIPES[VARIANTS[protocol].substitution or own if protocol in VARIANTS else own]


def image_recipe(phase: str, protocol: str) -> ImageRecipe:
    """Return loss, optimizer and trained modules of ``adaptation`` or ``joint``.

    Examples
    --------
    >>> image_recipe("adaptation", "fair_decoder").trainable
    ('decoder',)
    """
    own = base(protocol)
    if _check.one_of("phase", phase, PHASES[1:]) == "joint":
        return VARIANTS[protocol].joint if protocol in VARIANTS else JOINT
    return ADAPTATION[VARIANTS[protocol].adaptation or own if protocol in VARIANTS else own]


def recipe(phase: str, protocol: str) -> Recipe | ImageRecipe:
    """Return loss and optimizer of a phase."""
    return substitution_recipe(protocol) if phase == "substitution" else image_recipe(phase, protocol)


def adversarial_recipe(protocol: str) -> AdversarialRecipe:
    """Return the coefficients of LPIPS and of the adversarial term, this one 0 without a discriminator.

    Examples
    --------
    >>> adversarial_recipe("fair").adversarial, adversarial_recipe("fair_no_gan").adversarial
    (0.4, 0.0)
    """
    found = losses.ADAPTATION[base(protocol)]
    silent = protocol in VARIANTS and not VARIANTS[protocol].discriminator
    return replace(found, adversarial=0.0) if silent else found


def conduct(protocol: str) -> Conduct:
    """Return how the trainings of a protocol are run."""
    return CONDUCT[base(protocol)]


def chooses_epoch(phase: str, protocol: str) -> bool:
    """Return whether a training keeps its best epoch in place of the last.

    Examples
    --------
    >>> chooses_epoch("adaptation", "as_run"), chooses_epoch("substitution", "as_run")
    (True, False)
    """
    return phase in PHASES[1:] and conduct(protocol).best_epoch
