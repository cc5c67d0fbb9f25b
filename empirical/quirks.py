"""Where the three protocols differ: each setting by name, its three values and its reference, in one table.

The values are read from the settings themselves, those of each quantizer beside its code and those of the
stages in `empirical.protocol`, `empirical.losses` and `empirical.cells`.
"""

from typing import TYPE_CHECKING, Any

from empirical import _quantizer_quirks
from empirical._quirk import RUN, Quirk
from empirical.arena.config import LEARNING_RATES
from empirical.cells import PRESETS, CellSpec, Phase, matrix
from empirical.protocol import KEEPS_BEST_EPOCH
from empirical.quantizers import PROTOCOLS
from empirical.setup import Launch

if TYPE_CHECKING:
    import pandas as pd

_STAGES: tuple[Phase, ...] = ("substitution", "adaptation", "joint")
_SIZES = PRESETS["paper"]


def _cells(protocol: str) -> list[CellSpec]:
    """Return the trainings of one method in one stage."""
    cells = matrix(_SIZES, [protocol], tables=[3], methods=["mmd"])
    return [cell for cell in cells if cell.phase == "adaptation"]


def _processes(protocol: str) -> int:
    """Return the processes of a training that is launched on two."""
    launch = Launch("", _SIZES, out="", train="", heldout="", tokenizer="", processes=2)
    return launch.ranks(_cells(protocol)[0])


def _batch(protocol: str) -> list[int]:
    """Return the batch, of each stage if they differ."""
    return sorted({_SIZES.budget(phase, protocol).batch_size for phase in _STAGES})


_TRAINING = (
    Quirk(
        "pixel and LPIPS terms",
        ("substitution",),
        ("pixel", "perceptual"),
        f"{RUN}: through the frozen decoder, which equation (10) leaves out",
    ),
    Quirk(
        "batch in the paper's preset",
        _STAGES,
        _batch,
        f"{RUN}: 32 in each of two replicas whose gradients never met, of which one was kept; of joint "
        "optimisation none is public, and as_run goes on as in adaptation",
    ),
    Quirk(
        "processes of a training that is launched on two",
        _STAGES,
        _processes,
        f"{RUN}: gradients were not averaged, so that one replica is what was trained",
    ),
    Quirk(
        "seeds in the paper's preset",
        _STAGES,
        lambda p: len({cell.seed for cell in _cells(p)}),
        f"{RUN}: one; the paper does not say, and its tables have no intervals",
    ),
    Quirk(
        "what learns",
        ("adaptation",),
        "trainable",
        f"{RUN}: the head and the convolution after the quantizer too; the paper says the decoder",
    ),
    Quirk(
        "best epoch kept instead of the last",
        _STAGES[1:],
        lambda p: KEEPS_BEST_EPOCH[p],
        f"{RUN}: the best of five by r-FID on the images of the table; the paper does not say",
    ),
    Quirk(
        "learning rate",
        ("arena",),
        lambda p: LEARNING_RATES[p],
        "Appendix G, of 40,000 steps; in the few steps of the arena that does little, fair suits them",
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

QUIRKS = _quantizer_quirks.QUIRKS + _TRAINING + _ADVERSARY


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
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)
