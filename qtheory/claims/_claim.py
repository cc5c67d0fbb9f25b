"""The model of the ledger: evidence, checks, claims, and running them.

A check returns the two sides of a relation; whether the relation holds is computed here, so that no
check can declare itself passed.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational, Real

from qtheory import _check
from qtheory.errors import DomainError

Number = int | float | Fraction

KINDS = ("symbolic", "certified", "exact", "numerical", "statistical", "transcribed")
RELATIONS = ("<", "<=", ">", ">=", "==", "~=")
VERDICTS = ("holds", "holds-amended", "refuted", "open")


def _number(name: str, value: object) -> Number:
    """Return `value` as an exact rational where it is one, else as a finite float."""
    if isinstance(value, bool):
        raise DomainError(f"{name} must be a number, got {value!r}; a check gives both sides of a relation")
    if isinstance(value, Rational):
        return Fraction(value) if value.denominator != 1 else int(value.numerator)
    if isinstance(value, Real):
        return _check.real(name, value)
    raise DomainError(f"{name} must be a number, got {value!r} of type {type(value).__name__}")


@dataclass(frozen=True)
class Evidence:
    """A computed value, a value to compare it with, and the relation that must hold between them.

    Parameters
    ----------
    kind : str
        ``symbolic`` (computer algebra), ``certified`` (ball arithmetic), ``exact`` (integers and
        fractions, with nothing rounded on the way), ``numerical`` (floating point: a margin, or for
        ``~=`` a tolerance, larger than rounding, the error of a quadrature, or the distance to a
        limit), ``statistical`` (the error rate stands in `detail`) or ``transcribed`` (recomputed from
        a printed table).
    computed : int, float or Fraction
        What the check computed. For certified evidence this is the endpoint of the ball that makes
        the relation hardest to satisfy.
    relation : str
        One of ``<  <=  >  >=  ==  ~=``.
    expected : int, float or Fraction
        The other side.
    tolerance : float
        Largest accepted difference, for ``~=`` only.
    detail : str
        What was computed, in words.

    Raises
    ------
    DomainError
        For unknown kinds and relations, booleans, NaN, a tolerance that the relation ignores, and a
        float on either side of exact evidence.

    Examples
    --------
    >>> Evidence("exact", Fraction(1, 3), "<", Fraction(1, 2)).holds
    True
    >>> Evidence("numerical", 2.0, "~=", 2.5, tolerance=0.1).margin
    -0.4
    """

    kind: str
    computed: Number
    relation: str
    expected: Number
    tolerance: float = 0.0
    detail: str = ""

    def __post_init__(self) -> None:
        _check.one_of("kind", self.kind, KINDS)
        _check.one_of("relation", self.relation, RELATIONS)
        object.__setattr__(self, "computed", _number("computed", self.computed))
        object.__setattr__(self, "expected", _number("expected", self.expected))
        if (self.relation == "~=") != (_check.real("tolerance", self.tolerance, minimum=0) > 0):
            raise DomainError(
                f"tolerance must be positive for '~=' and 0 otherwise, got {self.tolerance:g} "
                f"for {self.relation!r}"
            )
        if self.kind == "exact" and (isinstance(self.computed, float) or isinstance(self.expected, float)):
            raise DomainError(
                f"kind must be numerical where a side is a float, got 'exact' for {self.computed!r} "
                f"{self.relation} {self.expected!r}; exact evidence compares integers and fractions"
            )

    @property
    def _slack(self) -> Fraction:
        # every float is a rational, so no rounding can turn a relation around
        difference = Fraction(self.computed) - Fraction(self.expected)
        if self.relation in ("<", "<="):
            return -difference
        if self.relation in (">", ">="):
            return difference
        return Fraction(self.tolerance) - abs(difference)

    @property
    def margin(self) -> float:
        """Slack of the relation; negative when it fails."""
        return float(self._slack)

    @property
    def holds(self) -> bool:
        """Whether the relation holds, decided without rounding."""
        return self._slack > 0 if self.relation in ("<", ">") else self._slack >= 0


@dataclass(frozen=True)
class Check:
    """A named computation that returns `Evidence`.

    Parameters
    ----------
    name : str
        What must hold, in a few words.
    function : callable
        Takes nothing, returns `Evidence`.
    slow : bool
        Whether it takes more than a second or so.
    """

    name: str
    function: Callable[[], Evidence]
    slow: bool = False


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, its fate, and the evidence for it.

    Parameters
    ----------
    id : str
        Short name, such as ``prop2.lower``.
    title : str
        The statement in a few words.
    statement : str
        The statement as the paper makes it, in our words.
    source : str
        Where the paper makes it.
    verdict : str
        ``holds`` (as printed), ``holds-amended`` (after the change that `sharp` gives), ``refuted``
        (false as printed; `sharp` says what is true instead) or ``open``.
    sharp : str
        The best true statement; required unless the verdict is ``holds`` or ``open``.
    proof : str
        Its proof in plain text; required where `sharp` is.
    checks : tuple of Check
        At least one; names are unique within the claim, and one at least is not slow.
    group : str
        Family the claim belongs to, such as ``prop2``.

    Raises
    ------
    DomainError
        When a field that the verdict requires is missing, or names repeat.
    """

    id: str
    title: str
    statement: str
    source: str
    verdict: str
    checks: tuple[Check, ...]
    group: str
    sharp: str = ""
    proof: str = ""

    def __post_init__(self) -> None:
        _check.one_of("verdict", self.verdict, VERDICTS)
        for field in ("id", "title", "statement", "source", "group"):
            if not getattr(self, field).strip():
                raise DomainError(f"{field} of claim {self.id!r} must not be empty")
        if self.verdict in ("holds-amended", "refuted") and not (self.sharp.strip() and self.proof.strip()):
            raise DomainError(f"claim {self.id!r} is {self.verdict}: give the true statement and its proof")
        names = [check.name for check in self.checks]
        if len(set(names)) != len(names):
            raise DomainError(f"check names of claim {self.id!r} must be unique, got {names}")
        if all(check.slow for check in self.checks):
            raise DomainError(f"claim {self.id!r} must have a check that is not slow, got {names}")


@dataclass(frozen=True)
class Outcome:
    """What came of a check: its evidence, or the error it raised.

    Attributes
    ----------
    claim : Claim
        The claim the check belongs to.
    check : Check
        The check.
    evidence : Evidence or None
        What it returned.
    error : str
        Type and message of what it raised; empty when it returned.
    seconds : float
        Time it took.
    """

    claim: Claim
    check: Check
    evidence: Evidence | None
    error: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether there is evidence and its relation holds."""
        return self.evidence is not None and self.evidence.holds


def run_check(claim: Claim, check: Check) -> Outcome:
    """Run one check; an exception becomes a failed outcome that carries its message."""
    start = time.perf_counter()
    evidence, error = None, ""
    try:
        evidence = check.function()
        if not isinstance(evidence, Evidence):
            raise TypeError(f"check {check.name!r} must return Evidence, got {evidence!r}")
    except Exception as raised:
        evidence, error = None, f"{type(raised).__name__}: {raised}"
    return Outcome(claim, check, evidence, error, time.perf_counter() - start)


def smallest_margin(outcomes: Iterable[Outcome]) -> float | None:
    """Return the smallest margin among the inequalities and approximations, None if there are none.

    An equality has no slack to report.

    Parameters
    ----------
    outcomes : iterable of Outcome
        What the checks gave.

    Returns
    -------
    float or None
        In the units of each relation; negative when one fails.

    Examples
    --------
    >>> smallest_margin([]) is None
    True
    """
    margins = [
        outcome.evidence.margin
        for outcome in outcomes
        if outcome.evidence is not None and outcome.evidence.relation != "=="
    ]
    return min(margins, default=None)
