"""The ledger at a glance: every claim a tile, by verdict."""

from collections import Counter

from matplotlib.figure import Figure

from figures.diagram import FONT, SMALL, Canvas
from figures.look import BLACK, GREEN, GREY, ON_COLOUR, ORANGE, VERMILION, WHITE
from figures.recipe import Recipe
from qtheory.claims import LEDGER

_COLOURS = {"holds": GREEN, "holds-amended": ORANGE, "refuted": VERMILION, "open": WHITE}
# letters tell verdicts apart in grey and for the colour-blind
_LETTERS = {"holds": "", "holds-amended": "a", "refuted": "×", "open": "?"}
_TILE, _PITCH, _LEFT = 0.2, 0.225, 2.2
_GROUPS = {
    "tables": "Table 1", "tokens": "Token index, Section 2", "definitions": "Definitions 1 to 4",
    "finding1": "Finding 1", "prop1": "Proposition 1", "prop4": "Proposition 4", "prop5": "Proposition 5",
    "utilization": "Utilization and stability", "scaling": "Scaling with variance",
    "conditions": "Conditions 1 and 2",
    "prop2": "Proposition 2", "prop3": "Proposition 3",
    "text": "Results in the text", "spearman": "Correlations",
    "appendixJ": "Appendix J", "scalar": "Scalar quantizers", "theorems": "Theorems it rests on",
}  # fmt: skip


def draw() -> Figure:
    """Draw a row a group of claims, a tile a claim, in the order of the ledger."""
    groups: dict[str, list[str]] = {}
    for claim in LEDGER:
        groups.setdefault(claim.group, []).append(claim.verdict)
    canvas = Canvas(6.6, _PITCH * 1.15 * len(groups) + 0.42)
    for place, (group, verdicts) in enumerate(groups.items()):
        y = 0.36 + 1.15 * _PITCH * (len(groups) - 1 - place)
        canvas.text(0.05, y + _TILE / 2, _GROUPS.get(group, group), align="left", size=FONT)
        for column, verdict in enumerate(sorted(verdicts, key=list(_COLOURS).index)):
            _tile(canvas, _LEFT + column * _PITCH, y, verdict)
    counts = Counter(claim.verdict for claim in LEDGER)
    for column, verdict in enumerate(_COLOURS):
        x = 0.4 + 1.5 * column
        _tile(canvas, x, 0.06, verdict)
        canvas.text(
            x + 0.27, 0.06 + _TILE / 2, f"{counts[verdict]} {verdict}", align="left", size=SMALL + 0.6
        )
    return canvas.figure


def _tile(canvas: Canvas, x: float, y: float, verdict: str) -> None:
    canvas.cell(x, y, _TILE, _TILE, fill=_COLOURS[verdict], edge=GREY if verdict == "open" else WHITE)
    canvas.text(
        x + _TILE / 2,
        y + _TILE / 2,
        _LETTERS[verdict],
        size=SMALL,
        colour=BLACK if verdict == "open" else ON_COLOUR,
    )


def caption() -> str:
    """Say what is seen, n and the command."""
    checks = sum(len(claim.checks) for claim in LEDGER)
    return (
        f"Verdicts on {len(LEDGER)} statements, one tile each, by the part of the paper that makes them. "
        f"Each stands on checks that anyone can rerun, {checks} in all: `python -m qtheory verify`."
    )


RECIPE = Recipe(
    name="ledger",
    title="The ledger at a glance",
    tables=(),
    draw=draw,
    caption=caption,
    section="theory",
)
