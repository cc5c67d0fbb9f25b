"""Where the three protocols differ: each setting by name, its three values and its reference, in one table.

The values are read from the settings themselves, those of each quantizer beside its code and those of the
stages and launches in `empirical.protocol` and `empirical.losses`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from empirical import _quantizer_quirks
from empirical._quirk import RUN, Quirk
from empirical.arena.config import LEARNING_RATES
from empirical.arena.methods import OPTIONS
from empirical.quantizers import PROTOCOLS

if TYPE_CHECKING:
    import pandas as pd

_TRAINING = (
    Quirk(
        "pixel and LPIPS terms",
        ("substitution",),
        ("pixel", "perceptual"),
        f"{RUN}: through the frozen decoder, which equation (10) leaves out",
    ),
    Quirk(
        "what learns",
        ("adaptation",),
        "trainable",
        f"{RUN}: the head and the convolution after the quantizer too; the paper says the decoder",
    ),
    Quirk(
        "learning rate",
        ("arena",),
        lambda p: LEARNING_RATES[p],
        "Appendix G, of 40,000 steps; in the few steps of the arena that does little, fair suits them",
    ),
    Quirk(
        "most vectors and codewords of a step's distance of MMD VQ and VP2",
        ("arena",),
        lambda p: OPTIONS[p].get("mmd", {}).get("rows"),
        f"{RUN}: every pair; fair draws fewer here than elsewhere, where they would take most of the time",
    ),
)

_CONDUCT = (
    Quirk(
        "batch of the preset over that of a training",
        ("training",),
        "batch_divisor",
        f"{RUN}: 32 in each of two replicas whose gradients never met, where Appendix G has 64; of joint "
        "optimisation none is public, and as_run goes on as in adaptation",
    ),
    Quirk(
        "methods by what the batch of the second stage is divided once more, for as many more steps",
        ("training",),
        "second_stage_divisors",
        f"{RUN}: 16 in each replica for Vanilla VQ, 32 for all others; the paper has 64 for all",
    ),
    Quirk(
        "commitment beta of methods at numbers of quantizers a position",
        ("training",),
        "commitments",
        f"{RUN}: in Table 5 at 256, 1024 and 2048 tokens and in split rows of Table 6, beside 1 in Tables 3 "
        "and 4 and at 512 tokens; rows of one table differ in it; the paper does not say",
    ),
    Quirk(
        "most processes of a training",
        ("training",),
        "most_processes",
        f"{RUN}: gradients were not averaged, so that one replica is what was trained",
    ),
    Quirk(
        "most seeds of a method",
        ("training",),
        "seeds",
        f"{RUN}: one; the paper does not say, and its tables have no intervals",
    ),
    Quirk(
        "best epoch of the second stage kept instead of the last",
        ("training",),
        "best_epoch",
        f"{RUN}: the best of five by r-FID on the images of the table; the paper does not say",
    ),
)

_ADVERSARY = (
    Quirk(
        "coefficient lambda_G in the generator's loss",
        ("adversary",),
        "adversarial",
        f"{RUN}: the adaptive weight alone; Appendix G says 0.4",
    ),
    Quirk(
        "coefficient of the hinge loss",
        ("adversary",),
        "hinge",
        f"{RUN}: lambda_G weighs the discriminator's loss, where equation (11) has it in the generator's",
    ),
    Quirk(
        "learning rate of the discriminator",
        ("adversary",),
        "discriminator_learning_rate",
        f"{RUN}: the generator's, as Appendix G; the discriminator stayed at chance; fair has ten times that",
    ),
    Quirk(
        "discriminator in training mode in the generator's step",
        ("adversary",),
        "moves_in_generator_step",
        f"{RUN}: its batch and spectral norms move twice a step; the paper does not say",
    ),
    Quirk(
        "LeCAM and adaptive weight of all processes",
        ("adversary",),
        "synced",
        f"{RUN}: of each replica alone; the paper does not say",
    ),
    Quirk(
        "steps that the discriminator learns before the generator hears it",
        ("adversary",),
        "warmup_steps",
        f"{RUN}: none; the paper does not say; fair gives the discriminator a lead",
    ),
)

QUIRKS = _quantizer_quirks.QUIRKS + _TRAINING + _CONDUCT + _ADVERSARY

# choices where neither the paper nor public code says what to do
COMMON = (
    "joint optimisation, of which no code is public: the latent term of equation (10) is kept for the heads, "
    "with the encoder's latents as fixed target, and its gradient does not reach the encoder through the "
    "quantizers either; the encoder learns from the images and the quantizers' own terms, as it would "
    "else be drawn to ever larger latents",
)


def table() -> "pd.DataFrame":
    """Return one row a setting: name, methods, its value in each protocol, reference.

    Examples
    --------
    >>> table().set_index("methods").loc["fsq", ["as_run", "paper", "fair"]].tolist()
    ['1', '0', '0']
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "setting": quirk.name,
                "methods": ", ".join(quirk.subjects),
                **{protocol: _text(quirk.value(protocol)) for protocol in PROTOCOLS},
                "reference": quirk.reference,
            }
            for quirk in QUIRKS
        ]
    )


def _text(value: Any) -> str:
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_key(key)}: {_text(own)}" for key, own in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _key(key: str | tuple[str, int]) -> str:
    return key if isinstance(key, str) else " x".join(map(str, key))
