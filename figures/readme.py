"""The generated parts of README: the answers, the comparison and the ledger, between markers."""

import re
from collections.abc import Mapping
from pathlib import Path

from figures import answers
from figures.pocket_table import readable
from figures.recipe import TABLE_FOLDERS, find_table
from qtheory.claims import LEDGER, report
from qtheory.errors import SchemaError

README = Path(__file__).resolve().parents[1] / "README.md"
# the README shows the tables stored with the code, never those of a run of one's own
STORED = TABLE_FOLDERS[1:]


def _markdown_table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def sections() -> Mapping[str, str]:
    """Return the generated parts by the names of their markers."""
    tables = {name: find_table(name, STORED) for name in answers.TABLES}
    comparison = readable(tables["substitution/pocket"].frame)
    return {
        "answers": "\n".join(f"- {answer}" for answer in answers.answers(tables)),
        "comparison": _markdown_table(list(comparison.columns), comparison.to_numpy().tolist()),
        "ledger": report.markdown(LEDGER),
    }


def regenerate(text: str) -> str:
    """Return the README with its generated parts made anew; raise `SchemaError` where a marker lacks."""
    for name, content in sections().items():
        found = re.findall(rf"<!-- {name} -->\n.*?<!-- /{name} -->", text, re.DOTALL)
        if len(found) != 1:
            raise SchemaError(
                f"README.md must have the markers of {name!r} once, got {len(found)}; put them back"
            )
        text = text.replace(found[0], f"<!-- {name} -->\n{content}\n<!-- /{name} -->")
    return text
