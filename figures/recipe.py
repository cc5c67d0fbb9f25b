"""What a figure is made of, and how it is drawn, stored and listed."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.style  # not loaded by matplotlib itself
from matplotlib.figure import Figure

from qtheory.errors import SchemaError
from qtheory.results import Table, read_table, write_bytes_atomically

STYLE = Path(__file__).with_name("style.mplstyle")
ROOT = Path(__file__).resolve().parents[1]
# a run of one's own comes first, then the tables that are stored with the code
TABLE_FOLDERS = (Path("results"), ROOT / "sims" / "results", ROOT / "empirical" / "results")
# without dates, two builds of one table give the same bytes
_METADATA = {"svg": {"Date": None, "Creator": "qtheory"}, "pdf": {"CreationDate": None, "Creator": "qtheory"}}


@dataclass(frozen=True)
class Recipe:
    """A figure: tables in, one drawing out.

    Attributes
    ----------
    name : str
        Name on the command line and of the files.
    title : str
        One line for lists.
    tables : tuple of str
        Names of the tables it needs, ``study/preset``.
    draw : callable
        Maps the tables, in that order, to a figure; a pure function of them.
    caption : callable
        Maps the tables to the caption: what is seen, n, the interval, the command.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    draw: Callable[..., Figure]
    caption: Callable[..., str]


def find_table(name: str, folders: Sequence[Path] = TABLE_FOLDERS) -> Table:
    """Return the first stored table called ``study/preset``.

    Raises
    ------
    FileNotFoundError
        If no folder holds it; the message names the folders.
    SchemaError
        If the first one found is not what its manifest says.
    """
    for folder in folders:
        path = folder / f"{name}.csv"
        if path.exists():
            table = read_table(path)
            if table.manifest.get("failures"):
                raise SchemaError(f"{path} lacks cells that failed; run the study again to complete it")
            return table
    looked = ", ".join(str(folder) for folder in folders)
    raise FileNotFoundError(f"table {name} is in none of {looked}; `make reproduce` makes it")


def draw(recipe: Recipe, tables: Sequence[Table]) -> Figure:
    """Draw a recipe in the common style."""
    with mpl.style.context(STYLE), mpl.rc_context({"backend": "agg"}):
        return recipe.draw(*tables)


def render(figure: Figure, kind: str) -> bytes:
    """Return the bytes of a figure as ``svg`` or ``pdf``."""
    buffer = io.BytesIO()
    with mpl.style.context(STYLE):
        figure.savefig(buffer, format=kind, metadata=_METADATA[kind])
    return buffer.getvalue()


def build(recipe: Recipe, out: Path, folders: Sequence[Path] = TABLE_FOLDERS) -> bytes:
    """Draw a recipe from its stored tables, write it as SVG and PDF, and return the SVG.

    Where the same SVG is there already, so is the PDF that was written before it.
    """
    figure = draw(recipe, [find_table(name, folders) for name in recipe.tables])
    svg = render(figure, "svg")
    paths = {kind: out / f"{recipe.name}.{kind}" for kind in ("svg", "pdf")}
    current = all(path.exists() for path in paths.values()) and paths["svg"].read_bytes() == svg
    if not current:
        write_bytes_atomically(paths["pdf"], render(figure, "pdf"))
        write_bytes_atomically(paths["svg"], svg)
    return svg
