"""One setting in which the protocols differ, read where it is set."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from empirical import losses, protocol
from empirical.quantizers import PROTOCOLS, bsq, ema, fsq, lfq, mmd, online, vanilla, wasserstein

RUN = "settings and logs of the published run"

# of each quantizer and of what all share, the settings of each protocol
SETTINGS: dict[str, Mapping[str, Any]] = {
    "vanilla": vanilla.SETTINGS,
    "ema": ema.SETTINGS,
    "online": online.SETTINGS,
    "wasserstein": wasserstein.SETTINGS,
    "mmd": mmd.SETTINGS,
    "vanilla_vp2": vanilla.VP2_SETTINGS,
    "ema_vp2": ema.SETTINGS,
    "online_vp2": online.VP2_SETTINGS,
    "wasserstein_vp2": wasserstein.VP2_SETTINGS,
    "mmd_vp2": mmd.VP2_SETTINGS,
    "fsq": {name: {"commitment": beta} for name, beta in fsq.COMMITMENT.items()},
    "lfq": lfq.SETTINGS,
    "bsq": bsq.SETTINGS,
    "substitution": protocol.RECIPES,
    "adaptation": protocol.ADAPTATION,
    "joint": dict.fromkeys(PROTOCOLS, protocol.JOINT),
    "adversary": losses.ADAPTATION,
    "training": protocol.CONDUCT,
}


def settings(subject: str, protocol: str) -> dict[str, Any]:
    """Return the settings of a subject, those within settings beside the others.

    Parameters
    ----------
    subject : str
        A key of `SETTINGS`.
    protocol : str
        ``as_run``, ``paper`` or ``fair``.

    Examples
    --------
    >>> settings("online", "fair")["anchor"], settings("online", "fair")["commitment"]
    ('closest', 0.25)
    """
    return dict(_leaves(SETTINGS[subject][protocol]))


def _leaves(found: Any) -> Iterator[tuple[str, Any]]:
    named = {f.name: getattr(found, f.name) for f in fields(found)} if is_dataclass(found) else found
    for name, value in named.items():
        yield from _leaves(value) if is_dataclass(value) else [(name, value)]


@dataclass(frozen=True)
class Quirk:
    """A setting in which protocols differ.

    Attributes
    ----------
    name : str
        What it sets.
    subjects : tuple of str
        Whom it concerns, all with the same values.
    source : str, tuple of str or callable
        The fields of their `settings`, or what maps a protocol to the value.
    reference : str
        What the published run did or the paper says, and what it departs from.
    """

    name: str
    subjects: tuple[str, ...]
    source: str | tuple[str, ...] | Callable[[str], Any]
    reference: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it reads; none where it reads something else than `settings`."""
        if isinstance(self.source, str):
            return (self.source,)
        return self.source if isinstance(self.source, tuple) else ()

    def value(self, protocol: str, subject: str | None = None) -> Any:
        """Return its value in a protocol, of its first subject unless another is named."""
        if not isinstance(self.source, str | tuple):
            return self.source(protocol)
        found = settings(subject or self.subjects[0], protocol)
        return found[self.source] if isinstance(self.source, str) else [found[name] for name in self.source]
