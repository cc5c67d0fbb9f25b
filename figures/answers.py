"""What the project finds, in a few sentences: the head of the report and of the README.

Each sentence is computed from a stored table or stands on a claim of the ledger, whose verdict is
looked up: a changed verdict breaks the build, not the reader's trust.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from figures import desk_answers, pocket_answers
from figures.intervals import mean_and_halfwidth
from figures.look import LOOKS
from qtheory.claims import LEDGER, Claim
from qtheory.errors import DomainError
from qtheory.results import Table
from qtheory.results.comparison import FAMILIES
from qtheory.results.slope import slope_of_variance

TABLES = ("variance-scaling/paper", *pocket_answers.TABLES, *desk_answers.TABLES, "arena/paper")

# claim, the verdict that the sentence stands on, and the sentence
_FROM_CLAIMS = (
    (
        "prop2.lower",
        "refuted",
        "Proposition 2's lower bound d/(4K^(2/d)) is true in dimensions up to 46 and false "
        "in every dimension from 65 on, at very large K; in between it is open. Up to K = 16^d it holds in "
        "every dimension. The constant that always holds is 2/(πe) = 0.2342, and it is sharp. The printed "
        "proof is valid in no dimension.",
    ),
    (
        "prop2.upper",
        "holds",
        "Its upper bound 8d/K^(2/d) holds; the sharp constant is 5/(2e) = 0.92, attained at d = 2, K = 5.",
    ),
    (
        "scaling.sq",
        "refuted",
        "Scalar quantization does not lack linearity: the optimal error of any class of codebooks that is "
        "closed under scaling is exactly linear in the variance, which settles the paper's Limitation I.",
    ),
    (
        "appendixD.matched",
        "refuted",
        "Codewords drawn from the source are not optimal: the optimal density is f^(d/(d+2)), and below "
        "d = 3 a matched codebook does not even have the optimal rate.",
    ),
    (
        "text.theory-validated",
        "refuted",
        "Table 3 cannot test the hierarchy of Section 4.4: between learned maps the three classes have "
        "the same optimal error.",
    ),
    (
        "spearman.paramount",
        "refuted",
        "Over the n = 13 methods, error predicts r-FID with a frozen encoder (ρ = 0.996 adapted, p = 2.6e-9; "
        "0.894 substituted, p = 8.9e-5), but not after joint training (0.168, p = 0.58), where utilization "
        "does (-0.638, p = 0.022); exact permutation p.",
    ),
)

_VERDICTS = {
    "holds": "hold",
    "holds-amended": "hold as amended",
    "refuted": "are refuted",
    "open": "are open",
}


def _claim(name: str, verdict: str) -> Claim:
    found = [claim for claim in LEDGER if claim.id == name]
    if not found or found[0].verdict != verdict:
        raise DomainError(
            f"an answer stands on claim {name} with verdict {verdict}, the ledger has "
            f"{found[0].verdict if found else 'no such claim'}; rewrite the sentence in figures/answers.py"
        )
    return found[0]


def _ledger(ledger: Sequence[Claim]) -> str:
    verdicts = Counter(claim.verdict for claim in ledger)
    parts = [f"{verdicts[verdict]} {words}" for verdict, words in _VERDICTS.items()]
    return f"{len(ledger)} statements judged, each with checks that rerun in seconds: {', '.join(parts)}."


def _linear_law(table: Table) -> str:
    slope = slope_of_variance(table.frame)
    return (
        f"Figure 2 needs no fit: its slope is {slope.exact:.4f} by quadrature, "
        f"{slope.value:.4f} ± {slope.error:.4f} by simulation."
    )


# fitted once in the arena, with their maps, and their names in its sentence
_FITTED = {
    ("rq", "none"): "RQ",
    ("opq", "none"): "OPQ",
    ("pq", "none"): "k-means PQ",
    ("lloyd_max", "principal"): "optimal scalar levels on principal axes",
}
# classes of trained quantizers in it, the maps between which they work, and how it names them
_TRAINED = {"VQ": ("none", "VQ"), "PQ": ("none", "PQ"), "SQ": ("affine", "SQ between trained affine maps")}


def _with_interval(values: pd.Series) -> str:
    centre, half = mean_and_halfwidth(values)
    return f"{centre:.2f} ± {half:.2f}"


def _best_to_worst(above: pd.Series, kind: str) -> str:
    """Say how far the best and the worst trained method of a class lie above k-means."""
    maps, words = _TRAINED[kind]
    own = above.xs(maps, level="maps")
    means = own[own.index.map(FAMILIES) == kind].groupby(level="method").mean()
    ends = [
        f"{_with_interval(own.loc[str(name)])} ({LOOKS[str(name)].label})"
        for name in (means.idxmin(), means.idxmax())
    ]
    return f"{words} {' to '.join(ends)}"


def _arena(table: Table) -> str:
    frame = table.frame
    size = int(frame["codebook_size"].max())
    part = frame[(frame["source"] == "pocket") & (frame["codebook_size"] == size)]
    above = part.set_index(["method", "maps"])["kmeans_db"].sort_index()
    trained = ", ".join(_best_to_worst(above, kind) for kind in _TRAINED)
    fitted = ", ".join(f"{name} {_with_interval(above.loc[entry])}" for entry, name in _FITTED.items())
    return (
        f"On the same latents of photographs, K = {size}, no heads and no decoder, held-out dB above k-means "
        f"VQ, from the best to the worst trained method of each class: {trained}; fitted references: {fitted}"
        f" (mean and 95 % t interval, n = {part['trial'].nunique()} trials)."
    )


def answers(tables: Mapping[str, Table]) -> list[str]:
    """Return the answers, in the order in which a reader wants them.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables named in `TABLES`.

    Raises
    ------
    DomainError
        If a sentence stands on a verdict that the ledger no longer has.
    """
    from_claims = [f"{sentence} (`{_claim(name, verdict).id}`)" for name, verdict, sentence in _FROM_CLAIMS]
    return [
        _ledger(LEDGER),
        *from_claims,
        _linear_law(tables["variance-scaling/paper"]),
        *pocket_answers.answers(tables),
        *desk_answers.answers(tables),
        _arena(tables["arena/paper"]),
    ]
