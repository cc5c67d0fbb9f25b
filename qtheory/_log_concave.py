"""A law on the line given by the logarithm of a log-concave density."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory._marginals import Marginal, gauss_legendre
from qtheory.errors import DomainError

Array = NDArray[np.float64]

_DROP = 110.0  # the density is cut where it is exp(-110) of its maximum
_PANELS = 256


def _quiet(log_density: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Let far tails overflow to minus infinity without a warning."""

    def quiet(x: Array) -> Array:
        with np.errstate(over="ignore", divide="ignore"):
            return np.asarray(log_density(x), dtype=np.float64)

    return quiet


def _mode(log_density: Callable[[Array], Array], lower: float, upper: float) -> float:
    """Maximiser of a concave function, bracketed on a geometric grid and refined by golden section."""
    anchor = min(max(0.0, lower), upper)
    if math.isfinite(lower) and math.isfinite(upper):
        grid = np.linspace(lower, upper, 101)
    else:
        steps = np.geomspace(1e-6, 1e9, 121)
        grid = np.concatenate([anchor - steps[::-1], [anchor], anchor + steps])
        grid = grid[(grid >= lower) & (grid <= upper)]
    values = log_density(grid)
    if np.isnan(values).any() or not np.isfinite(values).any():
        raise DomainError(
            "log_density must be finite somewhere on its support and never NaN; "
            "pass support=(lower, upper) where the density is positive"
        )
    best = int(np.argmax(values))
    a, b = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(100):
        inner = np.array([b - ratio * (b - a), a + ratio * (b - a)])
        left, right = log_density(inner)
        a, b = (a, inner[1]) if left >= right else (inner[0], b)
    return float((a + b) / 2)


def _edge(log_density: Callable[[Array], Array], mode: float, end: float, floor: float) -> float:
    """Return the point between `mode` and `end` where the concave function falls to `floor`."""

    def above(x: float) -> bool:
        return bool(log_density(np.array([x]))[0] >= floor)

    if math.isfinite(end):
        if above(end):
            return end
        inside, outside = mode, end
    else:
        step = math.copysign(1e-3, end)
        while above(mode + step):
            step *= 2
            if abs(step) > 1e12:
                raise DomainError(
                    "log_density must fall to -infinity on an unbounded support, it does not within 1e12; "
                    "pass support=(lower, upper)"
                )
        inside, outside = mode, mode + step
    for _ in range(200):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if above(middle) else (inside, middle)
    return inside


class LogConcaveMarginal(Marginal):
    """Law with density proportional to ``exp(log_density)``, integrated by Gauss-Legendre panels.

    The moments of a cell are accurate to about 1e-14 where the density is smooth between its mode and
    the ends of its support.
    """

    log_concave = True

    def __init__(self, log_density: Callable[[Array], Array], support: tuple[float, float]) -> None:
        log_density = _quiet(log_density)
        lower, upper = support
        mode = _mode(log_density, lower, upper)
        peak = float(log_density(np.array([mode]))[0])
        ends = [_edge(log_density, mode, end, peak - _DROP) for end in (lower, upper)]
        share = min(max(round(_PANELS * (mode - ends[0]) / (ends[1] - ends[0])), 1), _PANELS - 1)
        inner = min(max(mode, math.nextafter(ends[0], math.inf)), math.nextafter(ends[1], -math.inf))
        self._panels = np.unique(
            np.concatenate(
                [np.linspace(ends[0], inner, share + 1), np.linspace(inner, ends[1], _PANELS - share + 1)]
            )
        )
        self._log_density = log_density
        self._check_concave()
        self._log_normaliser = peak
        weights, density = self._on_panels()[1:]
        self._log_normaliser = peak + math.log(float(np.sum(weights * density)))
        below = [np.cumsum(m) for m in self._raw_moments(self._panels[:-1], self._panels[1:])]
        self._below = np.array([np.concatenate([[0.0], m]) for m in below])
        above = [np.cumsum(m[::-1])[::-1] for m in self._raw_moments(self._panels[:-1], self._panels[1:])]
        self._above = np.array([np.concatenate([m, [0.0]]) for m in above])

    def _check_concave(self) -> None:
        x = np.linspace(self._panels[0], self._panels[-1], 2049)[1:-1]
        values = self._log_density(x)
        slopes = np.diff(values) / np.diff(x)
        slack = 1e-9 * (1 + np.abs(values).max()) / (x[1] - x[0])
        excess = np.diff(slopes)
        if excess.max() > slack:
            where = float(x[1 + int(np.argmax(excess))])
            raise DomainError(
                f"log_density must be concave, its slope rises by {excess.max():.3g} near x={where:.6g}; "
                "its optimal scalar quantizer may not be unique: use optimal_distortion_1d on a sample"
            )

    @property
    def panels(self) -> Array:
        """Ascending breakpoints of the quadrature."""
        return self._panels

    @property
    def mean(self) -> float:
        """Expectation."""
        return float(self._below[1, -1])

    @property
    def variance(self) -> float:
        """Variance."""
        return float(self._below[2, -1] - self.mean**2)

    def pdf(self, x: ArrayLike) -> Array:
        """Density at `x`."""
        x = np.asarray(x, dtype=np.float64)
        inside = (x >= self._panels[0]) & (x <= self._panels[-1])
        safe = np.where(inside, x, self._panels[len(self._panels) // 2])
        return np.where(inside, np.exp(self._log_density(safe) - self._log_normaliser), 0.0)

    def _raw_moments(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        nodes, weights = gauss_legendre(a, b)
        mass = weights * self.pdf(nodes)
        return mass.sum(axis=1), (mass * nodes).sum(axis=1), (mass * nodes**2).sum(axis=1)

    def _moments(self, a: ArrayLike, b: ArrayLike) -> Array:
        a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        shape = a.shape
        ends = [np.clip(x.ravel(), self._panels[0], self._panels[-1]) for x in (a, b)]
        last = len(self._panels) - 2
        start, stop = (np.clip(np.searchsorted(self._panels, x, side="right") - 1, 0, last) for x in ends)
        below = [
            self._below[:, k] + np.array(self._raw_moments(self._panels[k], x))
            for k, x in zip((start, stop), ends, strict=True)
        ]
        above = [
            self._above[:, k + 1] + np.array(self._raw_moments(x, self._panels[k + 1]))
            for k, x in zip((start, stop), ends, strict=True)
        ]
        # differences of the smaller tail keep the relative accuracy of small cells
        lower_half = below[1][0] <= 0.5
        return np.where(lower_half, below[1] - below[0], above[0] - above[1]).reshape(3, *shape)

    def mass(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Probability of the interval from `a` to `b`."""
        return self._moments(a, b)[0]

    def first_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Integral of ``x f(x)`` from `a` to `b`."""
        return self._moments(a, b)[1]

    def second_moment(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Integral of ``x^2 f(x)`` from `a` to `b`."""
        return self._moments(a, b)[2]

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` values by rejection from a histogram above the density."""
        # the mode is a breakpoint, so a panel's maximum is at one of its ends
        ends = self.pdf(self._panels)
        height = np.maximum(ends[:-1], ends[1:])
        area = height * np.diff(self._panels)
        kept: list[Array] = []
        missing = n
        while missing:
            k = rng.choice(len(area), size=missing, p=area / area.sum())
            x = rng.uniform(self._panels[k], self._panels[k + 1])
            accepted = x[rng.uniform(size=missing) * height[k] <= self.pdf(x)]
            kept.append(accepted)
            missing -= len(accepted)
        return np.concatenate(kept)
