"""The generated parts of the documents, between markers: the answers, the comparison and the ledger."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from figures import answers, pocket_answers
from figures.pocket_table import PHASES, summary
from figures.recipe import TABLE_FOLDERS, find_table
from qtheory.claims import LEDGER, report
from qtheory.errors import SchemaError
from qtheory.results import write_bytes_atomically

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {"README.md": ("answers", "comparison"), "docs/ledger.md": ("ledger",)}
# the documents show the tables stored with the code, never those of a run of one's own
STORED = TABLE_FOLDERS[1:]


def _markdown_table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _markdown_list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def sections() -> Mapping[str, str]:
    """Return the generated parts by the names of their markers."""
    tables = {name: find_table(name, STORED) for name in answers.TABLES}
    comparison = summary([tables[f"{phase}/pocket"].frame for phase in PHASES])
    table = _markdown_table(list(comparison.columns), comparison.to_numpy().tolist())
    return {
        "answers": _markdown_list(answers.answers(tables)),
        "comparison": f"{_markdown_list(pocket_answers.details(tables))}\n\n{table}",
        "ledger": report.markdown(LEDGER),
    }


def regenerate(document: str, text: str) -> str:
    """Return a document with its generated parts made anew.

    Parameters
    ----------
    document : str
        A key of `DOCUMENTS`.
    text : str
        Its text.

    Raises
    ------
    SchemaError
        If a marker is missing or stands there twice.
    """
    contents = sections()
    for name in DOCUMENTS[document]:
        found = re.findall(rf"<!-- {name} -->\n.*?<!-- /{name} -->", text, re.DOTALL)
        if len(found) != 1:
            raise SchemaError(
                f"{document} must have the markers of {name!r} once, got {len(found)}; put them back"
            )
        text = text.replace(found[0], f"<!-- {name} -->\n{contents[name]}\n<!-- /{name} -->")
    return text


def write() -> None:
    """Make the generated parts of all documents anew."""
    for document in DOCUMENTS:
        path = ROOT / document
        write_bytes_atomically(path, regenerate(document, path.read_text()).encode())
