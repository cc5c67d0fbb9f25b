"""How VQ, PQ and SQ compare on photographs, in sentences made of the stored contrasts."""

from collections.abc import Mapping

import pandas as pd

from figures.pocket_words import IN, contrast, difference, interval, listed, sign

_ERROR = "latent_nmse"
# what images are judged by: its name, the sign of what is better, digits and unit
_QUALITIES: Mapping[str, tuple[str, int, int, str]] = {
    "kid_efflite0": ("KID", -1, 3, ""),
    "psnr": ("PSNR", 1, 2, " dB"),
}
_PLACES = {
    "substitution, heads none": "without heads after substitution",
    "substitution, heads full": "with them after substitution",
    "adaptation, heads full": IN["adaptation"],
    "joint, heads full": IN["joint"],
}


def _order(*signs: int) -> str:
    """Return the order of VQ, PQ and SQ by error, of the signs of PQ less VQ and of SQ less PQ."""
    if signs == (1, 1):
        return "VQ before PQ before SQ"
    words = [
        {1: f"{first} before {second}", -1: f"{second} before {first}", 0: f"{first} and {second} undecided"}[
            found
        ]
        for found, (first, second) in zip(signs, (("VQ", "PQ"), ("PQ", "SQ")), strict=True)
    ]
    return ", ".join(words)


def _turned(contrasts: pd.DataFrame) -> str:
    """Say what images say where a class of less freedom has the lower error."""
    parts = []
    for place, words in _PLACES.items():
        for name in ("PQ - VQ", "SQ - PQ"):
            if sign(contrast(contrasts, f"{name}, {place}", _ERROR)) < 0:
                first, second = name.split(" - ")
                found = [
                    f"{difference(contrasts, f'{name}, {place}', column, digits)}{unit} of {title}"
                    for column, (title, _, digits, unit) in _QUALITIES.items()
                ]
                parts.append(f" {words[0].upper()}{words[1:]}, {first} less {second} is {listed(found)}.")
    return "".join(parts)


def gaps(contrasts: pd.DataFrame, place: str) -> str:
    """Return NMSE of PQ less VQ and of SQ less PQ in a phase, and the order that follows."""
    rows = [contrast(contrasts, f"{name}, {place}", _ERROR) for name in ("PQ - VQ", "SQ - PQ")]
    return f"{listed([interval(row, 'difference', 3) for row in rows])} ({_order(*map(sign, rows))})"


def hierarchy(contrasts: pd.DataFrame) -> str:
    """Say whether VQ beats PQ beats SQ in each phase."""
    parts = [f"{words} {gaps(contrasts, place)}" for place, words in _PLACES.items()]
    return (
        f"Does VQ beat PQ beat SQ? NMSE of PQ less VQ, and of SQ less PQ: {'; '.join(parts)}."
        f"{_turned(contrasts)}"
    )


def reservations() -> str:
    """Say what the order of the classes rests on."""
    return (
        "What that order rests on: without heads SQ has fixed levels and nothing to tune, and FSQ and LFQ "
        "are one quantizer, counted once."
    )


def _agreement(rows: pd.DataFrame, column: str) -> str:
    """Say how often the class of lower error has the better images, where intervals decide both."""
    title, better, digits, unit = _QUALITIES[column]
    sides = {
        name: (sign(contrast(rows, name, _ERROR)), better * sign(contrast(rows, name, column)))
        for name in rows["contrast"].unique()
    }
    decided = {name: found for name, found in sides.items() if all(found)}
    odd = [name for name, (error, quality) in decided.items() if error == quality]
    text = f"by {title} in {len(decided) - len(odd)} of {len(decided)}"
    cited = [
        f"{name}: {difference(rows, name, _ERROR, 3)} of NMSE and "
        f"{difference(rows, name, column, digits)}{unit} of {title}"
        for name in odd
    ]
    return f"{text}, the other way in {'; '.join(cited)}" if odd else text


def agreement(contrasts: pd.DataFrame) -> str:
    """Say whether error and quality agree on the order of the classes."""
    rows = contrasts[contrasts["question"] == "hierarchy"]
    n = rows["contrast"].nunique()
    found = "; ".join(_agreement(rows, column) for column in _QUALITIES)
    return (
        f"Does the class of lower error have the better images? Of the {n} contrasts between neighbours, "
        f"where both intervals exclude 0: {found}."
    )


def levels(contrasts: pd.DataFrame) -> str:
    """Say how far optimal levels go."""
    off, to_pq, to_vq = (
        difference(contrasts, f"{name}, no heads", _ERROR, 3)
        for name in ("SQ - optimal SQ", "optimal SQ - k-means PQ", "optimal SQ - k-means VQ")
    )
    return (
        f"Optimal levels instead of fixed ones take {off} of NMSE off SQ without heads; from there {to_pq} "
        f"are left to k-means PQ, and {to_vq} to k-means VQ."
    )


def heads(contrasts: pd.DataFrame) -> str:
    """Say what the heads hide."""
    vq, pq, sq = (
        difference(contrasts, f"{kind}: no heads - full heads", _ERROR, 3) for kind in ("VQ", "PQ", "SQ")
    )
    return f"The published heads take {vq} of NMSE off VQ, {pq} off PQ and {sq} off SQ."
