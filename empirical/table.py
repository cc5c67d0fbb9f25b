"""The comparison as a table to read: averages over trials, with intervals over photographs."""

from typing import TYPE_CHECKING

from qtheory.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

# column, heading, digits, whether the table holds an interval for it
_COLUMNS = (
    ("quantizer_nmse", "NMSE at quantizer", 4, True),
    ("latent_distortion_per_dim", "E/d after head", 4, True),
    ("train_latent_distortion_per_dim", "in sample", 4, False),
    ("latent_nmse", "NMSE after head", 4, True),
    ("latent_variance", "var(z_e)", 3, False),
    ("utilization", "U", 3, True),
    ("perplexity", "PPL", 1, True),
    ("psnr", "PSNR", 2, True),
    ("ssim", "SSIM", 4, True),
    ("kid_efflite0", "KID-EffLite0", 4, True),
)


def comparison(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the averages over trials, a row a method, head and phase.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of the comparison, one a method, head, phase and trial.

    Returns
    -------
    pandas.DataFrame
        Indexed by method, head and phase, in the order of the table, phases of the same method and
        head one below the other; ``trials`` counts them. An interval is the average of the trials'
        intervals: it covers the choice of photographs, not that of seeds, whose standard deviation
        of the latent error stands in ``latent_distortion_per_dim_sd``.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    bounds = [f"{name}_{side}" for name, _, _, interval in _COLUMNS if interval for side in ("low", "high")]
    numbers = [name for name, *_ in _COLUMNS] + bounds
    missing = sorted({"method", "head", "phase", "trial", *numbers} - set(frame.columns))
    if missing:
        raise SchemaError(
            f"frame must have the columns of the comparison, it lacks {', '.join(missing)}; "
            "run the command of the phase again"
        )
    order = frame.groupby(["method", "head"], sort=False).ngroup()
    groups = frame.iloc[order.argsort(kind="stable")].groupby(["method", "head", "phase"], sort=False)
    result = groups[numbers].mean()
    result["latent_distortion_per_dim_sd"] = groups["latent_distortion_per_dim"].std(ddof=1)
    result.insert(0, "trials", groups.size())
    return result


def render(frame: "pd.DataFrame") -> str:
    """Return the comparison as text: mean over trials, and the interval over photographs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of the comparison, one a method, head, phase and trial.
    """
    import pandas as pd

    means = comparison(frame)
    text = pd.DataFrame(index=means.index)
    for name, heading, digits, interval in _COLUMNS:
        cells = []
        for _, row in means.iterrows():
            if pd.isna(row[name]):
                cells.append("")
                continue
            cell = f"{row[name]:.{digits}f}"
            if interval:
                cell += f" [{row[f'{name}_low']:.{digits}f}, {row[f'{name}_high']:.{digits}f}]"
            cells.append(cell)
        text[heading] = cells
    return text.reset_index().to_string(index=False, justify="left")
