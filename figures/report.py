"""The report: one self-contained HTML file with the ledger, the figures and their tables."""

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from figures import answers
from figures.pocket_table import readable
from figures.recipe import Recipe, find_table
from qtheory import claims
from qtheory.claims import Outcome
from qtheory.results import Table, write_bytes_atomically

TEMPLATE = Path(__file__).with_name("report.html.j2")
COMPARISON = "substitution/pocket"
VERDICTS = ("holds", "holds-amended", "refuted", "open")


def number(value: object) -> str:
    """Return a number as a reader wants it: exact where it is short, else six digits."""
    text = str(value)
    if isinstance(value, float) or len(text) > 14:
        return f"{float(value):.6g}"  # type: ignore[arg-type]
    return text


def _check_entry(outcome: Outcome) -> dict[str, Any]:
    evidence = outcome.evidence
    entry = {"name": outcome.check.name, "holds": outcome.passed, "error": outcome.error}
    if evidence is None:
        return {
            **entry,
            "kind": "",
            "computed": "",
            "relation": "",
            "expected": "",
            "margin": "",
            "detail": "",
        }
    tolerance = f" ± {evidence.tolerance:g}" if evidence.tolerance else ""
    return {
        **entry,
        "kind": evidence.kind,
        "computed": number(evidence.computed),
        "relation": evidence.relation,
        "expected": number(evidence.expected) + tolerance,
        "margin": number(evidence.margin),
        "detail": evidence.detail,
    }


def ledger_entries(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return what the report shows of each claim, in the order of the ledger."""
    entries: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        claim = outcome.claim
        entry = entries.setdefault(
            claim.id,
            {
                "id": claim.id,
                "title": claim.title,
                "statement": claim.statement,
                "source": claim.source,
                "verdict": claim.verdict,
                "sharp": claim.sharp,
                "proof": claim.proof,
                "checks": [],
            },
        )
        entry["checks"].append(_check_entry(outcome))
    for entry in entries.values():
        entry["kinds"] = sorted({check["kind"] for check in entry["checks"]} - {""})
    return list(entries.values())


def inline_svg(content: bytes, name: str) -> str:
    """Return an SVG for inclusion in HTML: no prologue, and ids that are unique to this figure."""
    text = content.decode()
    text = text[text.index("<svg") :]
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)


def _code_html(text: str) -> Markup:
    """Escape a text for HTML: backticks make code, and names of claims lead to their entries."""
    known = {claim.id for claim in claims.LEDGER}

    def code(match: re.Match[str]) -> str:
        name = match[1]
        return f'<a href="#{name}"><code>{name}</code></a>' if name in known else f"<code>{name}</code>"

    return Markup(re.sub(r"`([^`]+)`", code, html.escape(text)))


def _figure_entry(recipe: Recipe, tables: Sequence[Table], drawn: bytes) -> dict[str, str]:
    svg = inline_svg(drawn, recipe.name)
    label = html.escape(recipe.title, quote=True)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "svg": Markup(svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)),
        "caption": _code_html(recipe.caption(*tables)),
    }


def _provenance_entry(name: str, table: Table) -> dict[str, Any]:
    manifest = table.manifest
    made = manifest["provenance"]
    return {
        "name": name,
        "rows": manifest["rows"],
        "seed": manifest["seed"],
        "digest": manifest["digest"][:12],
        "sha256": manifest["sha256"][:12],
        "revision": made["revision"] or "",
        "hardware": ", ".join([f"{made['cpu']} × {made['cores']}", *made["gpus"]]),
    }


def render_report(drawn: Mapping[Recipe, bytes], outcomes: Sequence[Outcome]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    drawn : mapping of Recipe to bytes
        The figures as SVG.
    outcomes : sequence of Outcome
        What came of the checks of the ledger.
    """
    stored = {name: find_table(name) for recipe in drawn for name in recipe.tables}
    found_tables = {name: find_table(name) for name in answers.TABLES}
    found = answers.answers(found_tables)
    entries = ledger_entries(outcomes)
    verdicts = Counter(entry["verdict"] for entry in entries)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text())
    figures = [
        _figure_entry(recipe, [stored[name] for name in recipe.tables], svg) for recipe, svg in drawn.items()
    ]
    return template.render(
        answers=[_code_html(answer) for answer in found],
        claims=entries,
        checks=len(outcomes),
        failed=sum(not outcome.passed for outcome in outcomes),
        verdicts={verdict: verdicts[verdict] for verdict in VERDICTS if verdicts[verdict]},
        kinds=sorted({kind for entry in entries for kind in entry["kinds"]}),
        figures=figures,
        comparison=Markup(readable(found_tables[COMPARISON].frame).to_html(index=False, border=0)),
        provenance=[_provenance_entry(name, table) for name, table in stored.items()],
    )


def build_report(drawn: Mapping[Recipe, bytes], path: Path) -> list[str]:
    """Verify the ledger, write the report with the drawn figures and return its answers."""
    write_bytes_atomically(path, render_report(drawn, claims.verify()).encode())
    return answers.answers({name: find_table(name) for name in answers.TABLES})
