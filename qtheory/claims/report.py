"""The ledger as text, Markdown and JSON."""

import textwrap
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from qtheory.claims._claim import Claim, Evidence, Number, Outcome, smallest_margin
from qtheory.results import code_digest

_COLUMNS = ("claim", "verdict", "checks", "evidence", "margin", "statement")


def grouped(outcomes: Iterable[Outcome]) -> dict[Claim, list[Outcome]]:
    """Return the outcomes of each claim, in the order of the outcomes.

    Parameters
    ----------
    outcomes : iterable of Outcome
        What the checks gave.

    Returns
    -------
    dict of Claim to list of Outcome
        Claims in the order of their first outcome.

    Examples
    --------
    >>> grouped([])
    {}
    """
    result: dict[Claim, list[Outcome]] = {}
    for outcome in outcomes:
        result.setdefault(outcome.claim, []).append(outcome)
    return result


def table(outcomes: Iterable[Outcome], width: int) -> str:
    """Return one line a claim, two where lines are short: id, verdict, checks, evidence, margin, title.

    Parameters
    ----------
    outcomes : iterable of Outcome
        What the checks gave.
    width : int
        Characters a line, at least enough for the columns before the title.

    Returns
    -------
    str
        The table: checks passed, kinds of evidence, smallest margin; a claim with a failed check is
        marked by ``FAILED``.

    Examples
    --------
    >>> from qtheory.claims import verify
    >>> print(table(verify(["finding1.identity"]), 120).splitlines()[0].split())
    ['claim', 'verdict', 'checks', 'evidence', 'margin', 'statement']
    """
    rows = [_COLUMNS, *(_row(claim, results) for claim, results in grouped(outcomes).items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS) - 1)]
    room = width - sum(widths) - 2 * len(widths)
    own_line = room < max(len(row[-1]) for row in rows)
    lines = []
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=False))
        if own_line:
            lines += [line.rstrip(), "    " + _short(row[-1], width - 4)]
        else:
            lines.append(f"{line}  {_short(row[-1], room)}")
    lines.insert(len(lines) // len(rows), "-" * max(map(len, lines)))
    return "\n".join(lines)


def _short(title: str, room: int) -> str:
    return textwrap.shorten(title, max(room, 20), placeholder=" ...")


def _row(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    passed = sum(outcome.passed for outcome in outcomes)
    margin = smallest_margin(outcomes)
    return (
        claim.id,
        claim.verdict if passed == len(outcomes) else "FAILED",
        f"{passed}/{len(outcomes)}",
        " ".join(dict.fromkeys(o.evidence.kind for o in outcomes if o.evidence is not None)),
        "" if margin is None else f"{margin:.2g}",
        claim.title,
    )


def full(outcomes: Iterable[Outcome], width: int) -> str:
    """Return statement, verdict, true statement, proof and evidence of each claim.

    Parameters
    ----------
    outcomes : iterable of Outcome
        What the checks gave.
    width : int
        Characters a line.

    Returns
    -------
    str
        One section a claim.

    Examples
    --------
    >>> from qtheory.claims import verify
    >>> print(full(verify(["finding1.identity"]), 100).splitlines()[0])
    finding1.identity: 2T tokens of K values carry as many bits as T tokens of K^2 values
    """
    return "\n\n".join(_section(claim, results, width) for claim, results in grouped(outcomes).items())


def _section(claim: Claim, outcomes: Sequence[Outcome], width: int) -> str:
    lines = [f"{claim.id}: {claim.title}", "=" * min(width, len(claim.id) + 2 + len(claim.title))]
    fields = {
        "Source": claim.source,
        "Statement": claim.statement,
        "Verdict": claim.verdict,
        "What is true": claim.sharp,
        "Proof": claim.proof,
    }
    for name, text in fields.items():
        if text:
            lines.append(f"{name}:")
            lines += [line for part in text.split("\n") for line in _indented(part, width)]
    lines.append("Evidence:")
    lines += [line for outcome in outcomes for line in _evidence(outcome, width)]
    return "\n".join(lines)


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def _evidence(outcome: Outcome, width: int) -> list[str]:
    mark = "ok" if outcome.passed else "FAILED"
    lines = _indented(f"[{mark}] {outcome.check.name}", width)
    evidence = outcome.evidence
    if evidence is None:
        return lines + ["  " + line for line in _indented(outcome.error, width - 2)]
    lines.append(f"    {evidence.kind}: {relation(evidence)}, margin {evidence.margin:.3g}")
    return lines + ["  " + line for line in _indented(evidence.detail, width - 2)]


def relation(evidence: Evidence) -> str:
    """Return both sides of the evidence and the relation between them.

    Parameters
    ----------
    evidence : Evidence
        What a check returned.

    Returns
    -------
    str
        Computed value, relation, expected value and tolerance, if any.

    Examples
    --------
    >>> relation(Evidence("numerical", Fraction(1, 3), "<", 0.5))
    '1/3 < 0.5'
    """
    text = f"{number(evidence.computed)} {evidence.relation} {number(evidence.expected)}"
    return f"{text} within {evidence.tolerance:g}" if evidence.tolerance else text


def number(value: Number) -> str:
    """Return a number for people: short fractions and integers as they are, else ten digits.

    Parameters
    ----------
    value : int, float or Fraction
        The number.

    Returns
    -------
    str
        Its digits, or a fraction with a denominator below 10^6.

    Examples
    --------
    >>> number(Fraction(17, 240)), number(Fraction(1, 3**40)), number(12)
    ('17/240', '8.22526334e-20', '12')
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction) and value.denominator < 10**6:
        return str(value)
    return f"{float(value):.10g}"


def markdown(claims: Iterable[Claim]) -> str:
    """Return the ledger as a Markdown table, without running anything.

    Parameters
    ----------
    claims : iterable of Claim
        The rows.

    Returns
    -------
    str
        Id, statement in a few words, source, verdict and number of checks of each claim.

    Examples
    --------
    >>> from qtheory.claims import claim
    >>> markdown([claim("prop5")]).splitlines()[2][:10]
    '| `prop5` '
    """
    lines = ["| Claim | The paper says | Where | Verdict | Checks |", "|---|---|---|---|---|"]
    for claim in claims:
        cells = (f"`{claim.id}`", claim.title, claim.source, claim.verdict, str(len(claim.checks)))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def as_json(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the ledger with its evidence as plain data.

    Parameters
    ----------
    outcomes : iterable of Outcome
        What the checks gave.

    Returns
    -------
    dict
        ``passed``, ``code`` (digest of the code that was verified), and under ``claims`` the fields of
        each claim with ``passed`` and its ``checks``.

    Examples
    --------
    >>> from qtheory.claims import verify
    >>> as_json(verify(["finding1.identity"]))["passed"]
    True
    """
    claims = [
        {
            "id": claim.id,
            "group": claim.group,
            "title": claim.title,
            "statement": claim.statement,
            "source": claim.source,
            "verdict": claim.verdict,
            "sharp": claim.sharp,
            "proof": claim.proof,
            "passed": all(outcome.passed for outcome in results),
            "checks": [_plain(outcome) for outcome in results],
        }
        for claim, results in grouped(outcomes).items()
    ]
    return {"passed": all(entry["passed"] for entry in claims), "code": verified_code(), "claims": claims}


def verified_code() -> str:
    """Return the digest of the code that a verification of the ledger depends on.

    Returns
    -------
    str
        SHA-256 over the package, see `code_digest`.

    Examples
    --------
    >>> verified_code() == verified_code()
    True
    """
    return code_digest(Path(__file__).resolve().parents[1])


def _plain(outcome: Outcome) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": outcome.check.name,
        "passed": outcome.passed,
        "error": outcome.error,
        "seconds": round(outcome.seconds, 3),
    }
    evidence = outcome.evidence
    if evidence is not None:
        plain |= {
            "kind": evidence.kind,
            "shown": [number(evidence.computed), evidence.relation, number(evidence.expected)],
            "computed": float(evidence.computed),
            "relation": evidence.relation,
            "expected": float(evidence.expected),
            "tolerance": evidence.tolerance,
            "margin": evidence.margin,
            "detail": evidence.detail,
        }
    return plain
