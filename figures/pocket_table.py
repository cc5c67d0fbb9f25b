"""The comparison as a table to read: means over seeds, with intervals over photographs."""

import pandas as pd

from figures.look import LOOKS

# column of the stored table, heading, digits
COLUMNS = (
    ("quantizer_nmse", "NMSE at the quantizer", 3),
    ("latent_nmse", "NMSE at the decoder", 3),
    ("latent_distortion_per_dim", "E/d at the decoder", 3),
    ("train_latent_distortion_per_dim", "E/d in sample", 3),
    ("utilization", "utilization", 3),
    ("perplexity", "perplexity", 0),
    ("psnr", "PSNR (dB, RGB)", 2),
    ("ssim", "SSIM", 3),
    ("kid_efflite0", "KID-EffLite0", 3),
)


def _cell(row: pd.Series, name: str, digits: int) -> str:
    if pd.isna(row[name]):
        return "–"
    text = f"{row[name]:.{digits}f}"
    if f"{name}_low" in row.index:
        text += f" [{row[f'{name}_low']:.{digits}f}, {row[f'{name}_high']:.{digits}f}]"
    return text


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, one row a method and head, best error first.

    An interval is the mean of the seeds' intervals: it covers the choice of photographs.
    """
    order = ["method", "head"]
    means = frame.groupby(order, sort=False).mean(numeric_only=True).reset_index()
    means = means.sort_values("latent_nmse", na_position="first", kind="stable")
    labels = [LOOKS[name].label if name in LOOKS else "no quantizer" for name in means["method"]]
    heads = ["trained" if head == "full" else "none" for head in means["head"]]
    columns = {
        heading: [_cell(row, name, digits) for _, row in means.iterrows()]
        for name, heading, digits in COLUMNS
    }
    return pd.DataFrame({"method": labels, "heads": heads, **columns})
