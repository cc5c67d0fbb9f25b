"""The report: one self-contained HTML file with the ledger, a calculator, the figures and their tables."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from figures import answers, formulas, ledger, pocket_answers
from figures.inline import inline_svg
from figures.paper_tables import TABLES, PaperTable, Parts
from figures.pocket_table import readable
from figures.recipe import Recipe, find_table
from figures.typeset import mathml, prose
from qtheory import claims
from qtheory.results import Table, write_bytes_atomically

PAGE = Path(__file__).with_name("page")
COMPARISON = "substitution/pocket"
CALCULATOR = ("theory/bounds", "theory/levels", "theory/dimensions")
SCRIPTS = ("numbers.js", "allocation.js", "quadrature.js", "calculator.js", "report.js")
VERDICTS = ("holds", "holds-amended", "refuted", "open")
SECTIONS = {
    "paper": "The paper's diagrams",
    "theory": "Theory",
    "studies": "Studies",
    "comparison": "Comparison on photographs",
}


def _names() -> list[str]:
    return [claim.id for claim in claims.LEDGER]


def _figure_entry(recipe: Recipe, tables: Sequence[Table], drawn: bytes) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "svg": inline_svg(drawn, recipe.name, recipe.title),
        "caption": prose(recipe.caption(*tables), _names()),
        "claims": recipe.claims,
        "section": recipe.section,
    }


def _table_entry(table: PaperTable, parts: Parts) -> dict[str, Any]:
    shown = [(heading, _html(frame)) for heading, frame in parts]
    return {
        "name": table.name,
        "title": table.title,
        "parts": shown,
        "caption": prose(table.caption, _names()),
    }


def _html(frame: pd.DataFrame) -> Markup:
    return Markup(frame.to_html(index=False, border=0))


def _provenance_entry(name: str, table: Table) -> dict[str, Any]:
    manifest = table.manifest
    made = manifest["provenance"]
    seed = manifest.get("seed")
    return {
        "name": name,
        "rows": manifest["rows"],
        "seed": "none" if seed is None else seed,
        "digest": str(manifest.get("digest", ""))[:12],
        "sha256": manifest["sha256"][:12],
        "revision": made["revision"] or "",
        "hardware": ", ".join([f"{made['cpu']} × {made['cores']}", *made["gpus"]]),
    }


def calculator_data(tables: Mapping[str, Table]) -> Markup:
    """Return the numbers that the page's calculator looks up, as JSON for a script element.

    Parameters
    ----------
    tables : mapping of str to Table
        Those of `CALCULATOR`.
    """
    bounds, levels, dimensions = (tables[name].frame for name in CALCULATOR)
    zador = dimensions[dimensions["dim"] <= 64].sort_values("dim")
    data = {
        "bounds": bounds.fillna("").to_dict("records"),
        "levels": {
            source: part.sort_values("levels")["distortion"].tolist()
            for source, part in levels.groupby("source")
        },
        "zador": [
            {"lower": row.zador_lower, "upper": row.zador_upper, "source": row.attained_by}
            for row in zador.itertuples()
        ],
    }
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _script(name: str) -> Markup:
    text = (PAGE / name).read_text()
    if re.search(r"</script", text, re.IGNORECASE):
        raise ValueError(f"{name} must not close its own script element")
    return Markup(text)


def _sections(figures: Iterable[dict[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    shown = list(figures)
    listed = [
        (name, title, [one for one in shown if one["section"] == name]) for name, title in SECTIONS.items()
    ]
    return [section for section in listed if section[2] or section[0] == "comparison"]


def render_report(
    drawn: Mapping[Recipe, bytes], parts: Mapping[str, Parts], verified: Mapping[str, Any]
) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    drawn : mapping of Recipe to bytes
        The figures as SVG.
    parts : mapping of str to list
        Parts of each table of the paper.
    verified : mapping
        The ledger with its evidence, as of `qtheory.claims.report.as_json`.
    """
    named = [name for recipe in drawn for name in recipe.tables]
    named += [name for table in TABLES.values() for name in table.tables]
    stored = {name: find_table(name) for name in dict.fromkeys([*answers.TABLES, *named, *CALCULATOR])}
    entries = ledger.entries(verified, drawn)
    checks = [check for entry in entries for check in entry["checks"]]
    verdicts = Counter(entry["verdict"] for entry in entries)
    figures = [
        _figure_entry(recipe, [stored[name] for name in recipe.tables], svg) for recipe, svg in drawn.items()
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((PAGE / "report.html.j2").read_text())
    display = {**formulas.BOUNDS, **formulas.QUANTIZERS}
    return template.render(
        css=Markup((PAGE / "report.css").read_text()),
        scripts=[_script(name) for name in SCRIPTS],
        calculator_data=calculator_data(stored),
        formulas={name: mathml(latex, block=False) for name, latex in display.items()},
        answers=[prose(answer, _names()) for answer in answers.answers(stored)],
        claims=entries,
        checks=len(checks),
        failed=sum(not check["holds"] for check in checks),
        verdicts={verdict: verdicts[verdict] for verdict in VERDICTS if verdicts[verdict]},
        kinds=sorted({kind for entry in entries for kind in entry["kinds"]}),
        sections=_sections(figures),
        tables=[_table_entry(table, parts[name]) for name, table in TABLES.items() if name in parts],
        details=[prose(detail, _names()) for detail in pocket_answers.details(stored)],
        comparison=_html(readable(stored[COMPARISON].frame)),
        provenance=[_provenance_entry(name, table) for name, table in stored.items()],
    )


def build_report(drawn: Mapping[Recipe, bytes], parts: Mapping[str, Parts], path: Path) -> list[str]:
    """Write the report with the drawn figures and the current ledger; return its answers."""
    page = render_report(drawn, parts, ledger.current())
    write_bytes_atomically(path, page.encode())
    return answers.answers({name: find_table(name) for name in answers.TABLES})
