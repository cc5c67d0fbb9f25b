"""Where the three protocols differ: each setting by name, its three values and its reference, in one table.

The values are read from the settings themselves, those of each quantizer beside its code and those of the
stages in `empirical.protocol`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from empirical.cells import PRESETS
from empirical.protocol import ADAPTATION, RECIPES
from empirical.quantizers import PROTOCOLS, bsq, ema, fsq, lfq, mmd, online, vanilla, wasserstein

if TYPE_CHECKING:
    import pandas as pd

_RUN = "settings and logs of the published run"


@dataclass(frozen=True)
class Quirk:
    """A setting in which protocols differ.

    Attributes
    ----------
    name : str
        What it sets.
    methods : str
        Whom it concerns.
    value : callable
        Maps a protocol to its value.
    reference : str
        What the published run did or the paper says, and what it departs from.
    """

    name: str
    methods: str
    value: Callable[[str], Any]
    reference: str


QUIRKS = (
    Quirk(
        "anchor of unused codewords",
        "online, online_vp2",
        lambda p: online.SETTINGS[p].anchor,
        f"{_RUN}: a slip of sign; Zheng and Vedaldi (2023) take the closest vector",
    ),
    Quirk(
        "commitment",
        "fsq",
        lambda p: fsq.COMMITMENT[p],
        f"{_RUN}; FSQ has no such loss (Mentzer et al. 2024); a later run without it is better",
    ),
    Quirk(
        "entropy term",
        "lfq",
        lambda p: lfq.SETTINGS[p].entropy,
        f"{_RUN}: none, against the advice of Yu et al. (2024)",
    ),
    Quirk(
        "entropy term",
        "bsq",
        lambda p: bsq.SETTINGS[p].entropy,
        f"{_RUN}: none; Zhao et al. (2025) have one, and no commitment",
    ),
    Quirk(
        "gradient times 1/sqrt(d)",
        "bsq",
        lambda p: bsq.SETTINGS[p].scaled_gradient,
        f"{_RUN}: it scaled after the straight-through step",
    ),
    Quirk(
        "codewords start from data",
        "vanilla, online, wasserstein, mmd and their products",
        lambda p: vanilla.SETTINGS[p].data_init,
        f"{_RUN}: uniform in +-1/K, 1.5e-5 at K = 65536; the paper does not say",
    ),
    Quirk(
        "codewords start from data",
        "ema, ema_vp2",
        lambda p: ema.SETTINGS[p].data_init,
        f"{_RUN}: noise of deviation 1/K; the paper does not say",
    ),
    Quirk(
        "learning rate of the codebook over that of the heads",
        "wasserstein, mmd",
        lambda p: mmd.SETTINGS[p].gradient.learning_rate_ratio,
        f"{_RUN}: 1e-2 beside 1e-4, and 5 in the products; vanilla and online have 1",
    ),
    Quirk(
        "learning rate of the codebook decays",
        "wasserstein, mmd, all products",
        lambda p: vanilla.VP2_SETTINGS[p].decays,
        f"{_RUN}: constant; those of the heads, of vanilla and online decay to a tenth",
    ),
    Quirk(
        "decay of the averages",
        "ema, ema_vp2",
        lambda p: ema.SETTINGS[p].decay,
        f"{_RUN}: the default of a library; Razavi et al. (2019) have 0.99",
    ),
    Quirk(
        "revival below this share of the mean count",
        "ema, ema_vp2",
        lambda p: ema.SETTINGS[p].revive_below,
        f"{_RUN}: none on purpose, but epsilon revives codewords that were never hit",
    ),
    Quirk(
        "queue starts from noise",
        "wasserstein, wasserstein_vp2",
        lambda p: wasserstein.SETTINGS[p].noise_queue,
        f"{_RUN}: the first steps match noise",
    ),
    Quirk(
        "coefficient gamma",
        "wasserstein",
        lambda p: wasserstein.SETTINGS[p].gamma,
        f"{_RUN}; the paper's 0.2 is the commitment of the run",
    ),
    Quirk(
        "coefficient gamma",
        "mmd",
        lambda p: mmd.SETTINGS[p].gamma,
        f"{_RUN}; the paper says 0.5",
    ),
    Quirk(
        "pairs of a vector with itself left out",
        "mmd, mmd_vp2",
        lambda p: mmd.SETTINGS[p].unbiased,
        f"{_RUN}: kept, so that the distance of equal distributions is not zero",
    ),
    Quirk(
        "statistics of all processes",
        "all learned codebooks",
        lambda p: vanilla.SETTINGS[p].synced,
        f"{_RUN}: two replicas that never met; utilization was counted over both",
    ),
    Quirk(
        "batch in the paper's preset",
        "substitution",
        lambda p: PRESETS["paper"].budget("substitution", p).batch_size,
        f"{_RUN}: 32 in each of two replicas whose gradients never met, of which one was kept",
    ),
    Quirk(
        "pixel and LPIPS terms",
        "substitution",
        lambda p: (RECIPES[p].pixel, RECIPES[p].perceptual),
        f"{_RUN}: through the frozen decoder, which equation (10) leaves out",
    ),
    Quirk(
        "what learns beside the decoder",
        "adaptation",
        lambda p: [name for name in ADAPTATION[p].trainable if name != "decoder"],
        f"{_RUN}: the head and the convolution after the quantizer too; the paper says the decoder",
    ),
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
                "methods": quirk.methods,
                **{protocol: _text(quirk.value(protocol)) for protocol in PROTOCOLS},
                "reference": quirk.reference,
            }
            for quirk in QUIRKS
        ]
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "nothing"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
