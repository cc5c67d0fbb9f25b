"""What joint training does to quality, latents and codewords, in sentences made of the stored tables."""

from collections.abc import Hashable

import pandas as pd

from figures.look import in_comparison
from figures.pocket_classes import gaps
from figures.pocket_ranks import ranks_by_phase, verdict
from qtheory import paper
from qtheory.results import Table

_QUALITY = "kid_efflite0"


def _label(method: Hashable) -> str:
    return in_comparison(str(method)).label.removesuffix(" (reference)")


def _better(adapted: pd.DataFrame, joint: pd.DataFrame) -> tuple[int, int]:
    """Return how many methods with heads have the better images after joint training, and of how many."""
    before, after = (
        frame[frame["head"] == "full"].groupby("method")[_QUALITY].mean() for frame in (adapted, joint)
    )
    return int((after < before.reindex(after.index)).sum()), len(after)


def _printed() -> tuple[int, int]:
    """Return the same of Table 7, by r-FID."""
    table = paper.table(7).pivot(index="approach", columns="phase", values="rfid").astype(float)
    return int((table["Joint Optimization"] < table["Decoder-Only"]).sum()), len(table)


def weights(
    adapted: pd.DataFrame,
    joint: pd.DataFrame,
    light: pd.DataFrame,
    correlations: pd.DataFrame,
    contrasts: pd.DataFrame,
) -> str:
    """Say what of joint training hangs on what the terms of its loss weigh.

    Parameters
    ----------
    adapted, joint : pandas.DataFrame
        Rows of both phases.
    light : pandas.DataFrame
        Rows of joint training in which latents and quantizers weigh an eighth.
    correlations, contrasts : pandas.DataFrame
        Of the latter.
    """
    own, n = _better(adapted, joint)
    other, m = _better(adapted, light)
    there, all_printed = _printed()
    chosen = correlations[correlations["phase"] == "joint"]
    relative = chosen[(chosen["quality"] == _QUALITY) & (chosen["predictor"] == "latent_nmse")].iloc[0]
    return (
        f"What joint training shows hangs on the weights of its loss (`{joint['loss'].iloc[0]}`), of which "
        "the paper publishes no code. With the terms of latents and quantizers at an eighth (`fair_light`), "
        f"Spearman's ρ with KID is, for E and for perplexity: {ranks_by_phase(chosen)}. NMSE then "
        f"predicts KID, against perplexity and utilization, {verdict(relative)}; NMSE of PQ less VQ, "
        f"and of SQ less PQ, is {gaps(contrasts, 'joint, heads full')}. KID is better than after adaptation "
        f"for {own} of {n} methods, and for {other} of {m} with the lighter terms; the paper prints a better "
        f"r-FID for {there} of {all_printed}, with LPIPS and a discriminator, which these losses lack."
    )


def moving_latents(first: Table, joint: Table) -> str:
    """Say what happens to latents and codewords where the encoder moves too, means of the trials."""
    before, after = (table.frame.set_index(["method", "head", "trial"]) for table in (first, joint))
    ratios = after["latent_variance"] / before["latent_variance"].reindex(after.index)
    grown = ratios.dropna().groupby(level=["head", "method"]).mean()
    heads, bare = (grown[head].sort_values() for head in ("full", "none"))
    fitted = " and ".join(f"{ratio:.1f} ({_label(name)})" for name, ratio in bare.items())
    used = after["utilization"].groupby(level="method").mean()
    return (
        f"Trained jointly (means of {after.index.unique('trial').size} trials), the variance of the latents "
        f"becomes {heads.iloc[0]:.2f} ({_label(heads.index[0])}) to {heads.iloc[-1]:.2f} "
        f"({_label(heads.index[-1])}) times what it was for the {len(heads)} methods, and times {fitted} for "
        "the references, which have no heads: so E/d no longer compares methods. Codewords fall out of use: "
        f"{_label(used.idxmin())} uses the fewest, {100 * used.min():.0f} %."
    )
