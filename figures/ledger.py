"""The ledger with its evidence, as the report shows it: read where it is current, else verified anew."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import formulas
from figures.recipe import Recipe
from figures.typeset import mathml, prose, symbols
from qtheory import claims
from qtheory.claims import report
from qtheory.results import write_bytes_atomically

STORED = Path("results") / "ledger.json"


def current(path: Path = STORED) -> dict[str, Any]:
    """Return the verified ledger: the file at `path` if this code wrote it, else verify and write it."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        stored = {}
    known = [claim.id for claim in claims.LEDGER]
    whole = [claim["id"] for claim in stored.get("claims", [])] == known
    if whole and stored.get("code") == report.verified_code():
        return stored
    verified = report.as_json(claims.verify())
    write_bytes_atomically(path, (json.dumps(verified, indent=1) + "\n").encode())
    return verified


def number(text: str) -> str:
    """Return a number as a reader wants it: exact where it is short, else six digits."""
    if len(text) <= 8 or (text.lstrip("-").isdigit() and len(text) <= 14):
        return text
    value: float
    if "/" in text:
        above, below = text.split("/")
        if len(text) <= 14:
            return text
        value = int(above) / int(below)
    else:
        value = float(text)
    return f"{value:.6g}"


_RELATIONS = {"<=": "≤", ">=": "≥", "==": "=", "~=": "≈"}


def _check(check: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    entry = {"name": prose(check["name"], names), "holds": check["passed"], "error": check["error"]}
    if check["error"]:
        return {**entry, "kind": ""}
    computed, relation, expected = check["shown"]
    tolerance = f" ± {check['tolerance']:g}" if check["tolerance"] else ""
    return {
        **entry,
        "kind": check["kind"],
        "computed": number(computed),
        "relation": _RELATIONS.get(relation, relation),
        "expected": number(expected) + tolerance,
        "margin": f"{check['margin']:.4g}",
        "detail": prose(check["detail"], names),
    }


def entries(ledger: Mapping[str, Any], recipes: Iterable[Recipe] = ()) -> list[dict[str, Any]]:
    """Return what the report shows of each claim, in the order of the ledger.

    Parameters
    ----------
    ledger : mapping
        As of `qtheory.claims.report.as_json`.
    recipes : iterable of Recipe
        Figures to which claims may lead.
    """
    shown = list(recipes)
    names = [claim["id"] for claim in ledger["claims"]]
    return [_entry(claim, names, shown) for claim in ledger["claims"]]


def _entry(claim: Mapping[str, Any], names: Sequence[str], recipes: Sequence[Recipe]) -> dict[str, Any]:
    others = [name for name in names if name != claim["id"]]
    display = formulas.CLAIMS.get(claim["id"], formulas.Display())
    plain = " ".join([claim["id"], claim["statement"], claim["sharp"], symbols(claim["title"])])
    return {
        **{key: claim[key] for key in ("id", "source", "verdict")},
        "title": prose(claim["title"]),
        "statement": prose(claim["statement"], others),
        "sharp": prose(claim["sharp"], others) if claim["sharp"] else "",
        "proof": [prose(part, others) for part in claim["proof"].split("\n") if part],
        "display": {side: mathml(latex) if latex else "" for side, latex in display._asdict().items()},
        "checks": [_check(check, others) for check in claim["checks"]],
        "kinds": sorted({check["kind"] for check in claim["checks"] if "kind" in check}),
        "figures": [
            {"name": one.name, "title": re.sub(r"^(Figure \d+):.*", r"\1", one.title)}
            for one in recipes
            if claim["id"] in one.claims
        ],
        "plain": plain,
    }
