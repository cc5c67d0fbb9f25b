"""The ledger: every statement the paper makes, with a verdict and checks that anyone can rerun.

Statement, proof and evidence have separate fates: a true statement may come with a wrong proof, and a
proof may outlive the data shown beside it.

Examples
--------
>>> from qtheory.claims import LEDGER, verify
>>> all(outcome.passed for outcome in verify(["finding1.identity"]))
True
"""

from collections.abc import Sequence

from qtheory import _check
from qtheory.claims import (
    appendix_j,
    architecture,
    comparisons,
    conditions,
    correlations,
    definitions,
    finding1,
    finite_sample,
    hierarchy,
    high_rate,
    joint_training,
    mmd,
    paper_text,
    prop1,
    prop2_lower,
    prop2_practical,
    prop2_upper,
    prop3,
    prop45,
    random_codebooks,
    scalar_quantizers,
    scaling,
    size_effects,
    theorems,
    tokens,
    utilization,
    worst_case_game,
)
from qtheory.claims._claim import Check, Claim, Evidence, Outcome, run_check, smallest_margin
from qtheory.errors import DomainError

__all__ = ["LEDGER", "Check", "Claim", "Evidence", "Outcome", "claim", "smallest_margin", "verify"]


def _collect(*families: Sequence[Claim]) -> tuple[Claim, ...]:
    ledger = tuple(entry for family in families for entry in family)
    ids = [entry.id for entry in ledger]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise DomainError(f"claim ids must be unique, got {', '.join(repeated)} more than once")
    return ledger


LEDGER: tuple[Claim, ...] = _collect(
    architecture.CLAIMS,
    tokens.CLAIMS,
    definitions.CLAIMS,
    finding1.CLAIMS,
    prop1.CLAIMS,
    prop45.CLAIMS,
    utilization.CLAIMS,
    scaling.CLAIMS,
    conditions.CLAIMS,
    hierarchy.CLAIMS,
    prop2_lower.CLAIMS,
    prop2_practical.CLAIMS,
    worst_case_game.CLAIMS,
    prop2_upper.CLAIMS,
    prop3.CLAIMS,
    paper_text.CLAIMS,
    size_effects.CLAIMS,
    comparisons.CLAIMS,
    joint_training.CLAIMS,
    correlations.CLAIMS,
    appendix_j.CLAIMS,
    mmd.CLAIMS,
    random_codebooks.CLAIMS,
    scalar_quantizers.CLAIMS,
    theorems.CLAIMS,
    high_rate.CLAIMS,
    finite_sample.CLAIMS,
)


def claim(name: str) -> Claim:
    """Return the claim with id `name`.

    Parameters
    ----------
    name : str
        Id of the claim.

    Returns
    -------
    Claim
        The entry of `LEDGER` with that id.

    Raises
    ------
    DomainError
        When there is none.

    Examples
    --------
    >>> claim("prop2.lower").verdict
    'refuted'
    """
    _check.one_of("claim id", name, [entry.id for entry in LEDGER])
    return next(entry for entry in LEDGER if entry.id == name)


def verify(ids: Sequence[str] | None = None, *, slow: bool = True) -> list[Outcome]:
    """Run the checks of the ledger.

    Parameters
    ----------
    ids : sequence of str, optional
        Claims or groups to check; all by default.
    slow : bool
        Whether to run the slow checks too.

    Returns
    -------
    list of Outcome
        One a check, in the order of the ledger. A check that raises is a failed one.

    Raises
    ------
    DomainError
        When a name is neither a claim nor a group.

    Examples
    --------
    >>> [outcome.passed for outcome in verify(["prop1.b"])]
    [True, True, True, True, True]
    """
    known = {entry.id for entry in LEDGER} | {entry.group for entry in LEDGER}
    for name in ids or ():
        _check.one_of("claim id or group", name, sorted(known))
    chosen = [entry for entry in LEDGER if ids is None or {entry.id, entry.group} & set(ids)]
    return [run_check(entry, check) for entry in chosen for check in entry.checks if slow or not check.slow]
