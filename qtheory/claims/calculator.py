"""The calculator: every bound, limit and known quantizer that applies to one problem, as rows of data."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from qtheory import _check
from qtheory._bound import in_range
from qtheory.bounds import BOUNDS
from qtheory.claims._known import WORST_CASE, Entry, carrier, entries
from qtheory.errors import DomainError
from qtheory.limits import shannon_lower_bound
from qtheory.optimal import Allocation
from qtheory.sources import Source, Subspace, Uniform


@dataclass(frozen=True)
class Row:
    """One value of the calculator.

    Attributes
    ----------
    section : str
        ``limit`` (of every quantizer), ``high rate``, ``quantizer`` or ``worst case`` (over all laws on
        [-1, 1]^d, on its diagonal, or on subspaces).
    name : str
        Unique within a calculation; for worst cases the key of ``BOUNDS``.
    side : str
        ``lower`` or ``upper`` bound on the quantity, ``equal`` to it, ``limit`` (what it approaches as K
        grows; no bound at finite K), or ``attained`` (the error of a quantizer that exists).
    value : float
        Squared error, summed over the d coordinates.
    decibel : float or None
        ``10 log10`` of the value over Shannon's lower bound; None where float64 cannot hold that. The bound
        is that of the source; for worst cases on the diagonal, of the uniform law there; for those on
        subspaces, of the uniform law on a section of the cube of the largest volume that sections of that
        dimension have.
    quantity, formula : str
        What the value bounds or is, and how it is computed.
    hypotheses : tuple of str
        What is assumed; all of it holds.
    claim : str
        Id of the claim of the ledger that proves or judges it.
    verdict : str
        ``holds``; of a bound as printed that is not proved at this d and K, ``refuted`` where it fails in
        this dimension at large K, or ``open``.
    """

    section: str
    name: str
    side: str
    value: float
    decibel: float | None
    quantity: str
    formula: str
    hypotheses: tuple[str, ...]
    claim: str
    verdict: str = "holds"


@dataclass(frozen=True)
class Calculation:
    """All that is known of a source at one codebook size.

    Attributes
    ----------
    d, K : int
        Dimension and number of codewords.
    shannon : float
        Shannon's lower bound for the source: the zero of the decibels.
    rows : tuple of Row
        What applies, by section.
    silent : tuple of (str, str)
        Names of what does not apply, with the reason.
    """

    d: int
    K: int
    shannon: float
    rows: tuple[Row, ...]
    silent: tuple[tuple[str, str], ...]


def _largest_section(d: int, support_dim: int) -> Source:
    """Cube with the largest volume of a section of [-1, 1]^d, 2^k (d / k)^(k / 2) (K. Ball 1989)."""
    return Uniform(support_dim, half_width=math.sqrt(d / support_dim))


def _on_the_cube(
    source: Source, K: int, support_dim: int | None, block_dims: Sequence[int] | None
) -> Iterator[tuple[Entry, Source]]:
    """Bounds of Propositions 2 and 3, each with the law whose Shannon bound is its zero of decibels."""
    d = source.dim
    for bound in BOUNDS.values():
        if "K" not in bound.needs:
            continue
        reference = source
        if bound.law == "diagonal":
            reference = Subspace.diagonal(d).source
        elif bound.law == "subspace" and support_dim is not None:
            reference = _largest_section(d, support_dim)
        entry = Entry(
            WORST_CASE, bound.id, "equal" if bound.exact else bound.side, bound.quantity, bound.formula,
            tuple(hypothesis.text for hypothesis in bound.hypotheses), bound.claim,
            partial(bound, d=d, K=K, support_dim=support_dim, block_dims=block_dims),
        )  # fmt: skip
        yield entry, reference


def calculate(
    source: Source, K: int, *, support_dim: int | None = None, block_dims: Sequence[int] | None = None
) -> Calculation:
    """Return every bound, limit and known quantizer that applies to a source at one codebook size.

    The uniform law on [-1, 1]^d also gets the worst cases over all laws on that cube.

    Parameters
    ----------
    source : Source
        With known differential entropy; or a `Subspace` of such a source.
    K : int
        Number of codewords.
    support_dim : int, optional
        Dimension of a supporting subspace, for the worst cases of Proposition 3.
    block_dims : sequence of int, optional
        Dimensions of the blocks of a product quantizer, summing to d.

    Returns
    -------
    Calculation
        Its rows, and the reasons why other values do not apply.

    Raises
    ------
    ShapeError
        If the blocks do not sum to the dimension.
    DomainError
        If an argument is no positive integer, `support_dim` is above the dimension, or the entropy of the
        source is not known.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> found = calculate(Gaussian(8), 4096)
    >>> for row in found.rows:
    ...     if row.section == "quantizer":
    ...         print(f"{row.name} {row.value:.5f} {row.decibel:.3f}")
    optimal-sq 1.79511 2.541
    entropy-coded-sq 1.42163 1.528
    matched-vq 1.47665 1.693
    best-random-vq 1.47532 1.689
    """
    K = _check.integer("K", K)
    if support_dim is not None:
        support_dim = _check.integer("support_dim", support_dim)
        if support_dim > source.dim:
            raise DomainError(
                f"support_dim must be at most d={source.dim}, got {support_dim}: no subspace is larger than "
                "the space; leave it out for laws that fill it"
            )
    if block_dims is not None:
        block_dims = _check.partition("block_dims", block_dims, total=source.dim)
    law = carrier(source)
    shannon = shannon_lower_bound(law, K)
    listed = [(entry, law) for entry in entries(source, K, block_dims)]
    silent: list[tuple[str, str]] = []
    larger = "a larger variance, or a smaller K"
    if isinstance(source, Uniform) and source.half_width == 1 and not source.mean.any():
        larger = "or a smaller K"
        listed += _on_the_cube(source, K, support_dim, block_dims)
    else:
        silent.append(("worst cases", "known for laws on [-1, 1]^d; ask for the uniform law there"))
    rows = []
    for entry, reference in listed:
        try:
            rows.append(_row(entry, reference, source.dim, K, larger))
        except DomainError as reason:
            silent.append((entry.name, str(reason)))
    return Calculation(source.dim, K, shannon, tuple(rows), tuple(silent))


def _verdict(name: str, d: int, K: int) -> str:
    """Return what the ledger says at d and K (prop2.lower, its game and its open dimensions)."""
    if name != "prop2.lower.paper" or d <= 46 or _up_to_the_game(d, K):
        return "holds"
    return "open" if d <= 64 else "refuted"


def _up_to_the_game(d: int, K: int) -> bool:
    """Whether K <= 2^(4.04 d), in integers: K^25 <= 2^(101 d)."""
    bits = K.bit_length()  # 2^(bits - 1) <= K < 2^bits decides unless they are close
    if 25 * bits <= 101 * d or 25 * (bits - 1) > 101 * d:
        return 25 * bits <= 101 * d
    return (K**25 - 1).bit_length() <= 101 * d


def _row(entry: Entry, reference: Source, d: int, K: int, larger: str) -> Row:
    found, formula = entry.value(), entry.formula
    if isinstance(found, Allocation):
        formula = f"{formula} {' '.join(map(str, found.levels))}"
        found = found.distortion
    value = in_range(entry.name, lambda: found, larger)
    limit = shannon_lower_bound(reference, K)
    known = limit >= sys.float_info.min
    return Row(
        entry.section, entry.name, entry.side, value,
        10 * (math.log10(value) - math.log10(limit)) if known else None,
        entry.quantity, formula, entry.hypotheses, entry.claim, _verdict(entry.name, d, K),
    )  # fmt: skip
