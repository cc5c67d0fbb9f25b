"""How each quantizer looks, the same in every figure: colour, marker and line style.

Colours are Okabe and Ito's, which stay apart for colour-blind readers; marker and line style tell
the same in grey. Vector quantizers are blue and round, product quantizers green and square, scalar
ones vermilion and triangular; references are open and black.
"""

from dataclasses import dataclass, replace

from qtheory.results.comparison import FAMILIES

BLACK = "#000000"
WHITE = "#ffffff"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#767676"
PANEL = "#f3f3f1"
ON_COLOUR = "#010101"  # text on a coloured box, which stays dark where the page is


@dataclass(frozen=True)
class Look:
    """Label, colour, marker, line style and fill of a quantizer."""

    label: str
    colour: str
    marker: str
    line: str
    filled: bool = True


LOOKS = {
    "vanilla": Look("Vanilla VQ", SKY, "o", "-"),
    "ema": Look("EMA VQ", BLUE, "o", "-"),
    "online": Look("Online VQ", SKY, "D", "-"),
    "wasserstein": Look("Wasserstein VQ", BLUE, "D", "-"),
    "mmd": Look("MMD VQ", PURPLE, "o", "-"),
    "vanilla_vp2": Look("Vanilla VP2", GREEN, "P", "--"),
    "ema_vp2": Look("EMA VP2", GREEN, "s", "--"),
    "online_vp2": Look("Online VP2", GREEN, "X", "--"),
    "wasserstein_vp2": Look("Wasserstein VP2", GREEN, "p", "--"),
    "mmd_vp2": Look("MMD VP2", GREEN, "h", "--"),
    "fsq": Look("FSQ", VERMILION, "^", ":"),
    "lfq": Look("LFQ", ORANGE, "v", ":"),
    "bsq": Look("BSQ", ORANGE, "<", ":"),
    "kmeans": Look("k-means VQ (reference)", BLACK, "o", "-", filled=False),
    "pq": Look("PQ (reference)", BLACK, "s", "--", filled=False),
    "opq": Look("OPQ (reference)", BLACK, "D", "-.", filled=False),
    "var": Look("VAR's multi-scale (reference)", BLACK, "p", "-.", filled=False),
    "lloyd_max": Look("Lloyd-Max SQ (reference)", BLACK, "^", ":", filled=False),
    # the methods of the simulation studies
    "kmeans-vq": Look("VQ, k-means", BLUE, "o", "-"),
    "matched-vq": Look("VQ, random matched", SKY, "o", "-", filled=False),
    "kmeans-pq": Look("PQ, k-means", GREEN, "s", "--"),
    "matched-pq": Look("PQ, random matched", GREEN, "s", "--", filled=False),
    "vq": Look("VQ", BLUE, "o", "-"),
    "pq-2": Look("PQ, 2 blocks", GREEN, "s", "--"),
    "pq-4": Look("PQ, 4 blocks", GREEN, "D", "--"),
    "pq-8": Look("PQ, 8 blocks", GREEN, "P", "--"),
    "opq-4": Look("OPQ, 4 blocks", SKY, "D", "-."),
    "opq-8": Look("OPQ, 8 blocks", SKY, "P", "-."),
    "sq-pca": Look("SQ after rotation", ORANGE, "^", ":", filled=False),
    "rq": Look("RQ", PURPLE, "h", "-."),
    "ecsq": Look("entropy-coded SQ", BLACK, "v", ":", filled=False),
    "ecsq-pca": Look("entropy-coded SQ after rotation", BLACK, "v", "-.", filled=False),
    "sq": Look("SQ, Lloyd-Max", VERMILION, "^", ":"),
    "fsq-paper": Look("FSQ, as printed", VERMILION, "^", ":", filled=False),
    "fsq-official": Look("FSQ, reference form", VERMILION, "v", "--", filled=False),
    "fsq-scaled": Look("FSQ, best scale", ORANGE, "^", ":"),
}


def in_comparison(method: str) -> Look:
    """Return how a quantizer of the comparison looks: those that Table 3 has not are references.

    Examples
    --------
    >>> in_comparison("rq").label, in_comparison("rq").filled, LOOKS["rq"].filled
    ('RQ (reference)', False, True)
    """
    look = LOOKS[method]
    if method in FAMILIES or not look.filled:
        return look
    return replace(look, label=f"{look.label} (reference)", colour=BLACK, filled=False)
