"""Mathematics that stands in plain text, as readable HTML; LaTeX as MathML.

Statements and proofs of the ledger are written in ASCII, so that a terminal can show them:
``sum_m d_m / (3 n_m^2) <= K^(-2/d)``. In HTML, subscripts and superscripts are raised and lowered, and
names of symbols become the symbols. Nothing is added or left out.
"""

import html
import re
from collections.abc import Collection
from functools import cache

from markupsafe import Markup

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ", "mu": "μ",
    "pi": "π", "phi": "φ", "rho": "ρ", "sigma": "σ", "theta": "θ", "Gamma": "Γ", "Sigma": "Σ",
}  # fmt: skip
_RELATIONS = (("->", "→"), (">=", "≥"), ("<=", "≤"), ("!=", "≠"), ("+-", "±"))
# one level of parentheses within, as in K^(-2/(d+2))
_GROUP = r"\((?:[^()]|\([^()]*\))*\)"
_BRACED = r"\{[^{}]*\}"
_EXPONENT = re.compile(
    rf"\^({_GROUP}|{_BRACED}|[a-zA-Z]_(?:eff|[a-z0-9])(?![a-z])|-?\d*\.\d+|-?[A-Za-zπσ0-9]+\*?)"
)
_LETTER = r"(?:(?<![A-Za-z0-9_])(?:min|max|[A-Za-zα-ωΣΠ])|(?<=[*|)\]]))"
_SUBSCRIPT = re.compile(rf"({_LETTER})_({_BRACED}|{_GROUP}|[A-Za-zα-ω]+(?![A-Za-z])|\d+)")
_MATHEMATICAL = r"(?=\s(?:\d|\(|[A-Za-z](?:\b|_)|\|)|_)"


def symbols(text: str) -> str:
    """Return text with names of symbols and ASCII relations as the symbols.

    Examples
    --------
    >>> symbols("E >= d / (2 pi e), int f g^(-2/d)")
    'E ≥ d / (2 π e), ∫ f g^(-2/d)'
    """
    for ascii_, symbol in _RELATIONS:
        text = text.replace(ascii_, symbol)
    text = re.sub(rf"(?<![A-Za-z])({'|'.join(_SYMBOLS)})(?![A-Za-z])", lambda found: _SYMBOLS[found[1]], text)
    text = re.sub(r"\bsqrt\s?(?=\(|[A-Za-z0-9]\b)", "√", text)
    text = re.sub(rf"\bint{_MATHEMATICAL}", "∫", text)
    text = re.sub(rf"\bsum{_MATHEMATICAL}", "Σ", text)
    text = re.sub(rf"\bprod{_MATHEMATICAL}", "Π", text)
    text = re.sub(r"(?<=[\w)\]|}*]) - (?=[\w(\[|√∫ΣΠ])", " − ", text)
    return re.sub(r"(?<=\d) x (?=\d)", " × ", text)


def _inner(group: str) -> str:
    """Return the content of a sub- or superscript, without the brackets that only grouped it."""
    return group[1:-1] if group[0] in "({" else group


def mathematics(text: str) -> Markup:
    """Return plain text as HTML with its mathematics typeset.

    Examples
    --------
    >>> mathematics("E*_VQ >= (M/3) K^(-2/M)")
    Markup('E*<sub>VQ</sub> ≥ (M/3) K<sup>−2/M</sup>')
    """
    text = symbols(text)
    text = html.escape(text, quote=False)

    def sup(found: re.Match[str]) -> str:
        return f"<sup>{_inner(found[1]).replace('-', '−')}</sup>"

    def sub(found: re.Match[str]) -> str:
        return f"{found[1]}<sub>{_inner(found[2])}</sub>"

    text = _EXPONENT.sub(sup, text)
    text = _SUBSCRIPT.sub(sub, text)
    return Markup(_SUBSCRIPT.sub(sub, text))  # what stood within a sub- or superscript


def prose(text: str, names: Collection[str] = ()) -> Markup:
    """Return a text as HTML: mathematics typeset, backticks as code, names of claims as links.

    Parameters
    ----------
    text : str
        Plain text.
    names : collection of str
        Ids of the entries of the page, which become links wherever they stand.

    Examples
    --------
    >>> prose("see prop5, `K`", ["prop5"])
    Markup('see <a href="#prop5"><code>prop5</code></a>, <code>K</code>')
    """
    known = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    link = rf"(?<![\w.])(?:{known})(?![\w-]|\.\w)" if known else r"(?!)"
    parts = re.split(rf"(`[^`]+`|{link})", text)
    return Markup("").join(_part(part, names) for part in parts if part)


def _part(part: str, names: Collection[str]) -> Markup:
    code = part.strip("`")
    if code in names:
        return Markup('<a href="#{0}"><code>{0}</code></a>').format(code)
    return Markup("<code>{}</code>").format(code) if part.startswith("`") else mathematics(part)


@cache
def mathml(latex: str, *, block: bool = True) -> Markup:
    """Return LaTeX as MathML."""
    from latex2mathml.converter import convert

    made = convert(latex, display="block" if block else "inline")
    # the bars of a norm are as high as the letter between them, not as its exponents
    return Markup(made.replace("<mo>&#x02016;</mo>", '<mo stretchy="false">&#x02016;</mo>'))
