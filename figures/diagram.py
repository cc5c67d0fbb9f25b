"""Boxes and arrows, measured in inches, for diagrams that are drawn from tables of structure."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from figures.look import BLACK, GREY, PANEL

FONT = 7.5
SMALL = 6.2


def count(number: Any) -> str:
    """Return a number of parameters for people.

    Examples
    --------
    >>> count(44_107_872), count(9248), count(512)
    ('44.1 M', '9.2 k', '512')
    """
    if number >= 1e6:
        return f"{number / 1e6:.1f} M"
    return f"{number / 1e3:.1f} k" if number >= 1e3 else f"{number:.0f}"


class Canvas:
    """A figure without axes, in inches from its lower left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height))
        self.inches = self.figure.dpi_scale_trans

    def text(self, x: float, y: float, words: str, *, size: float = FONT, align: str = "center",
             colour: str = BLACK, weight: str = "normal") -> None:  # fmt: skip
        """Write words, centred on (x, y) or from there on."""
        self.figure.text(
            x, y, words, transform=self.inches, ha=align, va="center", size=size, color=colour, weight=weight
        )

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = PANEL, edge: str = BLACK,
            line: str = "-", weight: float = 0.8) -> None:  # fmt: skip
        """Draw a box with its lower left corner at (x, y)."""
        style = "round,pad=0,rounding_size=0.04"
        self.figure.add_artist(
            FancyBboxPatch((x, y), width, height, boxstyle=style, transform=self.inches, facecolor=fill,
                           edgecolor=edge, linestyle=line, linewidth=weight)
        )  # fmt: skip

    def cell(self, x: float, y: float, width: float, height: float, *, fill: str, edge: str = BLACK) -> None:
        """Draw a plain rectangle."""
        self.figure.add_artist(
            Rectangle(
                (x, y), width, height, transform=self.inches, facecolor=fill, edgecolor=edge, linewidth=0.5
            )
        )

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw an arrow."""
        self.figure.add_artist(
            FancyArrowPatch(start, end, transform=self.inches, arrowstyle="-|>", mutation_scale=7,
                            color=BLACK, linewidth=0.8, shrinkA=0, shrinkB=0)
        )  # fmt: skip

    def line(self, start: tuple[float, float], end: tuple[float, float], *, colour: str = GREY) -> None:
        """Draw a thin line."""
        (x0, y0), (x1, y1) = start, end
        self.figure.add_artist(Line2D([x0, x1], [y0, y1], transform=self.inches, color=colour, linewidth=0.6))
