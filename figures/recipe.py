"""What a figure is made of, and how it is drawn, stored and listed."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
import matplotlib.style  # not loaded by matplotlib itself
from matplotlib.figure import Figure

from qtheory.errors import SchemaError
from qtheory.results import Table, code_digest, read_table, write_bytes_atomically

STYLE = Path(__file__).with_name("style.mplstyle")
ROOT = Path(__file__).resolve().parents[1]
# a run of one's own comes first, then the tables that are stored with the code
TABLE_FOLDERS = (
    Path("results"),
    ROOT / "sims" / "results",
    ROOT / "empirical" / "results",
    ROOT / "qtheory",
)
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
    section : str
        Where the report shows it: ``paper``, ``theory``, ``studies`` or ``comparison``.
    claims : tuple of str
        Ids of the claims that it bears on.
    optional : bool
        Whether it is left out, and not missed, while its tables are nowhere.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    draw: Callable[..., Figure]
    caption: Callable[..., str]
    section: str = "studies"
    claims: tuple[str, ...] = ()
    optional: bool = False

    def absent(self, folders: Sequence[Path] | None = None) -> str:
        """Return why an optional recipe is left out, empty where its tables are there."""
        folders = TABLE_FOLDERS if folders is None else folders
        missing = [n for n in self.tables if not any((folder / f"{n}.csv").exists() for folder in folders)]
        return f"left out while there is no table {', '.join(missing)}" if self.optional and missing else ""


def find_table(name: str, folders: Sequence[Path] = TABLE_FOLDERS) -> Table:
    """Return the first stored table called ``study/preset``.

    Raises
    ------
    FileNotFoundError
        If no folder holds it; the message names the folders.
    SchemaError
        If the first one found is not what its manifest says, or is a table of another study or preset
        under this name.
    """
    for folder in folders:
        path = folder / f"{name}.csv"
        if path.exists():
            table = read_table(path)
            if table.manifest.get("failures"):
                raise SchemaError(f"{path} lacks cells that failed; run the study again to complete it")
            _require_its_name(table, name)
            return table
    looked = ", ".join(str(folder) for folder in folders)
    raise FileNotFoundError(f"table {name} is in none of {looked}; `make reproduce` makes it")


def _require_its_name(table: Table, name: str) -> None:
    """Raise where a table was given the name of another: captions say what the recipe asked for."""
    study, preset = name.split("/")
    of, size = table.manifest["study"], table.manifest.get("preset", preset)
    if of != study or (preset != size and not preset.startswith(f"{size}-")):
        raise SchemaError(
            f"{table.path} must hold {name}, its manifest says {of}/{size}; put it back under its own name "
            f"and run {study} with its preset"
        )


def _require_one_configuration(recipe: Recipe, tables: Sequence[Table]) -> None:
    """Raise where tables of one study come from different seeds or configurations."""
    digests: dict[str, str] = {}
    for table in tables:
        digest = str(table.manifest.get("digest", ""))
        if digests.setdefault(table.manifest["study"], digest) != digest:
            listed = ", ".join(f"{t.path} (seed {t.manifest.get('seed')})" for t in tables)
            raise SchemaError(
                f"{recipe.name} must be drawn from one run, got tables of different configurations: "
                f"{listed}; run the study again to complete one"
            )


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


@cache
def _code() -> str:
    """Digest of what draws: this package, the ledger's words, and the libraries."""
    here = Path(__file__).parent
    code = code_digest(here, ROOT / "qtheory" / "claims", suffixes=(".py", ".mplstyle"))
    return f"{code} matplotlib {mpl.__version__}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _drawn_before(record: Path, drawn_from: dict[str, str], paths: Sequence[Path]) -> bytes | None:
    """Return the SVG if it and the PDF are those that were drawn from the same tables by the same code."""
    try:
        stored = json.loads(record.read_text())
        contents = [path.read_bytes() for path in paths]
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    same = stored == {"from": drawn_from, "files": [_sha256(content) for content in contents]}
    return contents[0] if same else None


def build(recipe: Recipe, out: Path, folders: Sequence[Path] = TABLE_FOLDERS) -> bytes:
    """Draw a recipe from its stored tables, write it as SVG and PDF, and return the SVG.

    What was drawn before from the same tables by the same code is left as it is.
    """
    tables = [find_table(name, folders) for name in recipe.tables]
    _require_one_configuration(recipe, tables)
    svg_path, pdf_path = (out / f"{recipe.name}.{kind}" for kind in ("svg", "pdf"))
    record = out / ".drawn" / f"{recipe.name}.json"
    sums = {name: table.manifest["sha256"] for name, table in zip(recipe.tables, tables, strict=True)}
    drawn_from = {"code": _code(), **sums}
    before = _drawn_before(record, drawn_from, (svg_path, pdf_path))
    if before is not None:
        return before
    figure = draw(recipe, tables)
    svg, pdf = render(figure, "svg"), render(figure, "pdf")
    write_bytes_atomically(pdf_path, pdf)
    write_bytes_atomically(svg_path, svg)
    content = {"from": drawn_from, "files": [_sha256(svg), _sha256(pdf)]}
    write_bytes_atomically(record, (json.dumps(content) + "\n").encode())
    return svg
