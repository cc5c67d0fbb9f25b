"""All methods at desk size on photographs of ImageNet, phase by phase: error and use against quality."""

import pandas as pd
from matplotlib.figure import Figure

from figures.pocket import PHASES, draw_phases
from figures.pocket_answers import require_sources
from figures.recipe import Recipe
from qtheory.command import counted
from qtheory.results import Table
from qtheory.results.comparison import FAMILIES, UNQUANTIZED, in_tables

_TABLES = (3, 7)
_ROWS = (("latent_nmse", "error: NMSE at the decoder", 1.0), ("perplexity", "perplexity (codewords)", 1.0))


def of_phases(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of Tables 3 and 7 with full heads, averages over seeds, and the tokenizer alone."""
    own = in_tables(frame, *_TABLES)
    ablated = own["method"].isin(list(FAMILIES)) & (own["head"] != "full")
    means = own[~ablated].groupby(["phase", "method"], sort=False).mean(numeric_only=True).reset_index()
    alone = means[means["method"] == UNQUANTIZED]
    return pd.concat([means, *(alone.assign(phase=phase) for phase in PHASES)], ignore_index=True)


def draw(*tables: Table) -> Figure:
    """Draw the phases of a launch."""
    launched, correlations = tables
    require_sources(correlations, [launched])
    return draw_phases(of_phases(launched.frame), correlations.frame, _ROWS, height=5.2)


def caption(*tables: Table) -> str:
    """Say what is seen, n, the interval and the command."""
    table, correlations = tables
    frame = table.frame
    seeds, photographs = counted(frame["seed"].nunique(), "seed"), int(frame["photographs"].max())
    size = int(frame.loc[frame["method"] == "ema", "codebook_size"].iloc[0])
    return (
        "Tables 3 and 7 at desk size: the quantizers with their published heads, and references without, in "
        f"one frozen tokenizer at equal bits (two tokens a position, K = {size} each), then with an adapted "
        f"decoder, or trained jointly with encoder and decoder. A point is a method, {seeds}, on "
        f"{photographs} held-out photographs of ImageNet; lower is better. The grey cross is a typical 95 % "
        "interval over photographs, most of it common to all methods. The dashed line is the tokenizer as it "
        "was pretrained, without a quantizer. ρ is Spearman's correlation over the methods of Table 3 with "
        "its bootstrap interval over methods and the exact permutation p-value. KID-EffLite0 compares with "
        f"no published FID. Made by `{table.manifest['command']}` and `{correlations.manifest['command']}`."
    )


RECIPE = Recipe(
    name="desk-methods",
    title="All methods at desk size: error, use of the codebook and quality",
    tables=("launch/desk", "correlations/desk"),
    draw=draw,
    caption=caption,
    section="comparison",
    claims=("spearman.paramount", "text.joint"),
    optional=True,
)
