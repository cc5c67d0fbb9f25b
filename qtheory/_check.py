"""Checks of arguments, made once at each public boundary."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory.errors import DomainError, ShapeError


def integer(name: str, value: Any, *, minimum: int = 1) -> int:
    """Return `value` as an int that is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise DomainError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if value < minimum:
        raise DomainError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def real(name: str, value: Any, *, above: float = -math.inf, minimum: float = -math.inf) -> float:
    """Return `value` as a finite float with ``value > above`` and ``value >= minimum``."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DomainError(f"{name} must be a real number, got {value!r}") from error
    if not math.isfinite(number):
        raise DomainError(f"{name} must be finite, got {number}")
    if not number > above:
        raise DomainError(f"{name} must be greater than {above:g}, got {number:g}")
    if number < minimum:
        raise DomainError(f"{name} must be at least {minimum:g}, got {number:g}")
    return number


def array(name: str, value: ArrayLike, *, ndim: int) -> NDArray[np.float64]:
    """Return `value` as a finite float64 array with `ndim` dimensions and no empty axis."""
    result = np.asarray(value, dtype=np.float64)
    if result.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} dimension(s), got shape {result.shape}")
    if result.size == 0:
        raise ShapeError(f"{name} must not be empty, got shape {result.shape}")
    bad = int(np.count_nonzero(~np.isfinite(result)))
    if bad:
        raise DomainError(
            f"{name} must be finite, got {bad} NaN or infinite value(s) of {result.size}; "
            "remove or impute them first"
        )
    return result


def rows(name: str, value: ArrayLike, dim: int) -> NDArray[np.float64]:
    """Return `value` as a finite float64 matrix with `dim` columns."""
    result = array(name, value, ndim=2)
    if result.shape[1] != dim:
        raise ShapeError(f"{name} must have {dim} columns, got shape {result.shape}")
    return result


def pmf(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as a probability vector, summing to one within 1e-9, renormalised exactly."""
    result = array(name, value, ndim=1)
    if (result < 0).any():
        raise DomainError(f"{name} must be non-negative, got a minimum of {result.min():g}")
    total = math.fsum(result)
    if abs(total - 1.0) > 1e-9:
        raise DomainError(f"{name} must sum to 1, got {total:.12g}; divide it by its sum first")
    return result / total


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is among `known`."""
    names = list(known)
    if value not in names:
        raise DomainError(f"{name} must be one of {', '.join(names)}; got {value!r}")
    return value


def partition(name: str, value: Sequence[int], *, total: int) -> tuple[int, ...]:
    """Return `value` as positive integers, at least one, that sum to `total`."""
    if len(value) == 0:
        raise ShapeError(f"{name} must not be empty; give one number a block")
    parts = tuple(integer(f"{name}[{i}]", part) for i, part in enumerate(value))
    if sum(parts) != total:
        raise ShapeError(f"{name} must sum to {total}, got {parts} with sum {sum(parts)}")
    return parts
