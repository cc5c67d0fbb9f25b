"""Drawings inside a page: unique ids, and colours that follow the page's light or dark scheme."""

import html
import re

from markupsafe import Markup

from figures import look

# fixed colours of the style and of `look`, and the page's variables that take their place
_COLOURS = {
    "#000000": "ink", "#ffffff": "paper", "#e4e4e4": "grid", look.GREY: "grey", look.BLUE: "blue",
    look.SKY: "sky", look.GREEN: "green", look.ORANGE: "orange", look.VERMILION: "vermilion",
    look.PURPLE: "purple", look.YELLOW: "yellow", look.PANEL: "panel",
}  # fmt: skip
_VARIABLES = {colour.lower(): f"var(--f-{name})" for colour, name in _COLOURS.items()}


def inline_svg(content: bytes, name: str, label: str) -> Markup:
    """Return an SVG for inclusion in HTML.

    Parameters
    ----------
    content : bytes
        The drawing.
    name : str
        Goes before its ids, which are then unique in the page.
    label : str
        What a screen reader says.
    """
    text = content.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # the same picture has the same id wherever it stands, and nothing refers to it
    text = re.sub(r'(<image\b[^>]*?) id="[^"]*"', r"\1", text)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"#[0-9a-f]{6}\b", lambda colour: _VARIABLES.get(colour[0], colour[0]), text)
    label = html.escape(label, quote=True)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))
