"""The columns of the comparison: what their numbers are, and how tables show them.

Errors, image metrics
    Averages over crops of held-out photographs. Intervals resample photographs (bootstrap).
``quantizer_nmse``
    Squared error at the quantizer over the variance of its input, both *in the space in which it rounds*:
    after the tanh of FSQ and the normalisation of BSQ. It compares a quantizer with itself, with and
    without heads, and not with quantizers that map their input otherwise.
``latent_nmse``
    Squared error between the encoder's z_e and what the decoder gets, over the variance of z_e: this one
    compares quantizers. The intervals of both hold the denominator fixed.
``utilization``, ``perplexity``, ``kid_efflite0``
    Functions of counts or pairs and no averages over crops. Intervals come from the jackknife that leaves
    out one photograph at a time; they are symmetric and not cut at the range of the statistic. Use of
    codewords is a mean over a method's codebooks, of VAR's quantizer over its scales, of which the coarsest
    has one token a crop: too few crops use too few of its codewords.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtheory.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

UNQUANTIZED = "unquantized"
FAMILIES = {
    **dict.fromkeys(("vanilla", "ema", "online", "wasserstein", "mmd"), "VQ"),
    **dict.fromkeys(("vanilla_vp2", "ema_vp2", "online_vp2", "wasserstein_vp2", "mmd_vp2"), "PQ"),
    **dict.fromkeys(("fsq", "lfq", "bsq"), "SQ"),
}
"""Family of each method of the paper's Table 3."""


def in_tables(frame: "pd.DataFrame", *numbers: int) -> "pd.DataFrame":
    """Return those launched rows that stand in some of these tables of the paper.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of a launch, whose column ``tables`` has numbers in one text.
    *numbers : int
        Numbers of tables.

    Returns
    -------
    pandas.DataFrame
        The rows, as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> in_tables(pd.DataFrame({"tables": ["3 4", "5", "7"]}), 4, 7).index.tolist()
    [0, 2]
    """
    wanted = {str(number) for number in numbers}
    found = frame["tables"].map(lambda tables: not wanted.isdisjoint(str(tables).split()))
    return frame[found.astype(bool)]


@dataclass(frozen=True)
class Column:
    """A column of the comparison.

    Attributes
    ----------
    name : str
        In the stored table.
    heading : str
        In the tables to read.
    digits : int
        Digits after the point.
    interval : bool
        Whether the table has ``<name>_low`` and ``<name>_high``, of 95 % intervals.
    """

    name: str
    heading: str
    digits: int
    interval: bool = True


COLUMNS = (
    Column("quantizer_nmse", "NMSE at the quantizer", 3),
    Column("latent_nmse", "NMSE at the decoder", 3),
    Column("latent_distortion_per_dim", "E/d at the decoder", 3),
    Column("train_latent_distortion_per_dim", "E/d in sample", 3, interval=False),
    Column("latent_variance", "var(z_e)", 2, interval=False),
    Column("utilization", "utilization", 3),
    Column("perplexity", "perplexity", 0),
    Column("psnr", "PSNR (dB, RGB)", 2),
    Column("ssim", "SSIM", 3),
    Column("kid_efflite0", "KID-EffLite0", 3),
)


def main_head(method: str) -> str:
    """Return the head with which a quantizer enters comparisons: the published one, where it has heads.

    Parameters
    ----------
    method : str
        Name of a quantizer.

    Returns
    -------
    str
        ``full`` for the methods of Table 3, ``none`` for references and without a quantizer.

    Examples
    --------
    >>> main_head("ema"), main_head("kmeans")
    ('full', 'none')
    """
    return "full" if method in FAMILIES else "none"


def averages(frame: "pd.DataFrame") -> "pd.DataFrame":
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

    Examples
    --------
    >>> import pandas as pd
    >>> averages(pd.DataFrame({"method": ["ema"]}))
    Traceback (most recent call last):
    qtheory.errors.SchemaError: frame must have the columns of the comparison, it lacks head, ...
    """
    bounds = [f"{column.name}_{side}" for column in COLUMNS if column.interval for side in ("low", "high")]
    numbers = [column.name for column in COLUMNS] + bounds
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


def cell_text(row: "pd.Series", column: Column, missing: str = "") -> str:
    """Return a number with its interval, as text.

    Parameters
    ----------
    row : pandas.Series
        A row of `averages`.
    column : Column
        Which number.
    missing : str
        What stands for one that does not exist, as an error without a quantizer.

    Returns
    -------
    str
        The number, and in brackets the bounds of its interval where the column has one.

    Examples
    --------
    >>> import pandas as pd
    >>> row = pd.Series({"ssim": 0.71234, "ssim_low": 0.7, "ssim_high": 0.72})
    >>> cell_text(row, Column("ssim", "SSIM", 3))
    '0.712 [0.700, 0.720]'
    """
    value = float(row[column.name])
    if value != value:
        return missing
    text = f"{value:.{column.digits}f}"
    if column.interval:
        low, high = (float(row[f"{column.name}_{side}"]) for side in ("low", "high"))
        text += f" [{low:.{column.digits}f}, {high:.{column.digits}f}]"
    return text
