"""Tables 1 to 7 of the paper as printed, and what the authors' public logs add to them.

The CSV files beside this module hold the printed cells; the functions give them types. One schema serves
the result tables 3 to 7:

``approach``
    Name of the method. In Table 7 the frozen-encoder half repeats the Adaptation half of Table 3.
``type``
    VQ, PQ or SQ (Tables 3 and 7).
``phase``
    Substitution or Adaptation; in Table 7 the training strategy, Decoder-Only or Joint Optimization.
``tokens``, ``K``
    As integers; in Table 6 as printed, for there ``512×2`` tokens of ``256`` values face ``512`` tokens
    of ``256×256``.
``distortion_per_dim``
    The column E. It is not the squared norm of Definition 4 but, as the authors' logs have it, the mean
    over the elements of z_e of its squared difference to the output of the network behind the quantizer.
``utilization``
    The column U as a fraction; the paper prints per cent.
``psnr``, ``ssim``, ``lpips``, ``rfid``, ``ris``
    As printed: decibels, per cent, and plain numbers.
``bits``
    Not printed: tokens times log2 K, the bits an image.
``cited``
    Whether the paper marks the row as taken from VQ-Transplant (Tables 3 and 7).

Underlines and bold type, which mark the best rows, are not transcribed.

Examples
--------
>>> from qtheory import paper
>>> rows = paper.table(3)
>>> rows[rows.phase == "Adaptation"].sort_values("rfid").approach.iloc[0]
'MMD VQ'
"""

from importlib.resources import files
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING

from qtheory.errors import DomainError
from qtheory.information import output_bits

if TYPE_CHECKING:
    import pandas

__all__ = ["authors_epochs", "authors_logs", "authors_sizes", "printed_size", "table"]

TABLES = range(1, 8)

_REAL = ("distortion_per_dim", "psnr", "ssim", "lpips", "rfid", "ris")
_MILLION = 1_000_000


def _read(name: str) -> "pandas.DataFrame":
    """Return a CSV file of this package, every cell a string as it stands."""
    import pandas

    with files("qtheory.paper").joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pandas.read_csv(file, dtype=str, keep_default_na=False)


def printed_size(cell: str | int) -> int:
    """Return the number of tokens or codewords that a cell of Tables 4 to 6 stands for.

    Parameters
    ----------
    cell : str or int
        As in `table`.

    Returns
    -------
    int
        The product of its factors.

    Notes
    -----
    The finer form of Table 6 has ``512×2`` tokens, the other one ``256×256`` codewords.

    Examples
    --------
    >>> printed_size("512×2"), printed_size("128×128"), printed_size(4096)
    (1024, 16384, 4096)
    """
    return prod(int(factor) for factor in str(cell).split("×"))


def _fraction(cell: str) -> float:
    """Return a percentage as the float nearest to the printed decimal."""
    return float(f"{cell.removesuffix('%')}e-2")


def _confounders() -> "pandas.DataFrame":
    """Table 1: '-' becomes a missing value, counts become integers."""
    printed = _read("table1")
    frame = printed.mask(printed == "-").astype("string")
    millions = frame["parameters"].str.removesuffix("M").astype("Int64")
    return frame.assign(
        parameters=millions * _MILLION, training_epochs=frame["training_epochs"].astype("Int64")
    )


def _results(n: int) -> "pandas.DataFrame":
    """Tables 3 to 7 in the schema of this module."""
    frame = _read(f"table{n}")
    tokens, sizes = ([printed_size(cell) for cell in frame[name]] for name in ("tokens", "K"))
    bits = [output_bits(count, size) for count, size in zip(tokens, sizes, strict=True)]
    frame = frame.astype(dict.fromkeys(_REAL, float)).assign(
        utilization=frame["utilization"].map(_fraction), bits=bits
    )
    if n != 6:
        frame = frame.assign(tokens=tokens, K=sizes)
    if "type" in frame:
        frame = frame.assign(
            approach=frame["approach"].str.removesuffix("†"), cited=frame["approach"].str.endswith("†")
        )
    return frame


def table(n: int) -> "pandas.DataFrame":
    """Return a table of the paper, cell for cell as printed, with typed columns.

    Parameters
    ----------
    n : int
        Number of the table, 1 to 7.

    Returns
    -------
    pandas.DataFrame
        Table 1: ``tokenizer, parameters, architecture, discriminator, training_dataset,
        training_epochs, training_gpu_hours``, with missing values where the paper prints ``-``.
        Table 2: a row a ``quantity``, a column a scheme, cells the printed formulas in Python's notation.
        Tables 3 to 7: the schema in the docstring of this module. Each call returns a new frame.

    Raises
    ------
    DomainError
        For other numbers.

    Notes
    -----
    Table 1 prints 104M for VAR, whose encoder and decoder hold 108.8 million numbers: it counts in units
    of 2^20. `parameters` keeps the printed digits times 10^6.

    Examples
    --------
    >>> table(4).query("phase == 'Substitution'").distortion_per_dim.tolist()
    [0.318, 0.296, 0.273, 0.252, 0.234, 0.215, 0.201]
    >>> table(2).set_index("quantity").loc["compression_ratio", "SQ"]
    '32/log2(K_2)'
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n not in TABLES:
        raise DomainError(f"n must be the number of a table of the paper, an integer from 1 to 7; got {n!r}")
    if n == 1:
        return _confounders()
    return _read("table2") if n == 2 else _results(int(n))


def authors_logs() -> "pandas.DataFrame":
    """Return the results of the first stage with the digits of the authors' public training logs.

    Returns
    -------
    pandas.DataFrame
        The Substitution rows of Table 3 and two of Table 5, and a later rerun of FSQ. Columns as for
        `table`, further ``variant`` (how two runs of one approach differ) and ``perplexity`` of the
        codes, missing where no log gives it. The source is the authors' logs throughout: nothing here
        was measured by this project, and nothing of it stands in the paper.

    Examples
    --------
    >>> logs = authors_logs()
    >>> logs.sort_values("distortion_per_dim").approach.iloc[1:3].tolist()
    ['Wasserstein VQ', 'MMD VQ']
    """
    return _logs("authors_logs")


def authors_sizes() -> "pandas.DataFrame":
    """Return the two runs at K = 32768 behind Table 4, from the authors' public logs.

    Returns
    -------
    pandas.DataFrame
        Columns as for `authors_logs`, at the end of substitution. The Substitution row that Table 4 prints
        for MMD VQ at this size is the run of Wasserstein VQ; the other one is that of MMD VQ.

    Examples
    --------
    >>> authors_sizes().set_index("approach").rfid.to_dict(), table(4).rfid[5]
    ({'MMD VQ': 1.729, 'Wasserstein VQ': 1.793}, np.float64(1.79))
    """
    return _logs("authors_sizes")


def _logs(name: str) -> "pandas.DataFrame":
    """Return a file of logged results with types, what the logs lack missing."""
    frame = _read(name)
    frame = frame.mask((frame == "") & (frame.columns != "variant"))
    real = dict.fromkeys((*_REAL, "utilization"), float)
    perplexity = frame["perplexity"].astype("Int64")
    return frame.astype({**real, "tokens": int, "K": int}).assign(perplexity=perplexity)


def authors_epochs() -> "pandas.DataFrame":
    """Return r-FID after each of the five epochs of decoder adaptation, from the authors' public logs.

    Returns
    -------
    pandas.DataFrame
        Columns ``approach, variant, tokens, K, epoch, rfid``; five rows a run. Not in the paper.

    Examples
    --------
    >>> epochs = authors_epochs()
    >>> run = epochs[(epochs.approach == "MMD VQ") & (epochs.tokens == 512)]
    >>> run.rfid.tolist()
    [0.987, 0.992, 0.943, 0.864, 0.901]
    """
    wide = _read("authors_epochs")
    run = ["approach", "variant", "tokens", "K"]
    wide.columns = wide.columns.str.removeprefix("epoch")
    tidy = wide.reset_index().melt(id_vars=["index", *run], var_name="epoch", value_name="rfid")
    tidy = tidy.astype({"tokens": int, "K": int, "epoch": int, "rfid": float})
    return tidy.sort_values(["index", "epoch"], ignore_index=True).drop(columns="index")
