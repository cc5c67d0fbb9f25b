"""Checks of arguments, made once at each public boundary."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
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


def real(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    minimum: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a finite float with ``above < value < below`` and ``value >= minimum``."""
    value = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DomainError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError as error:
        raise DomainError(f"{name} must be in the range of floats, got an integer above 10^308") from error
    if not math.isfinite(number):
        raise DomainError(f"{name} must be finite, got {number}")
    if not number > above:
        raise DomainError(f"{name} must be greater than {above:g}, got {number:g}")
    if number < minimum:
        raise DomainError(f"{name} must be at least {minimum:g}, got {number:g}")
    if not number < below:
        raise DomainError(f"{name} must be less than {below:g}, got {number:g}")
    return number


def numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as a float64 array; texts and complex numbers are not taken for real ones."""
    try:
        given = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name} must have rows of equal length; pad or split it") from error
    try:
        return given.astype(
            np.float64, casting="unsafe" if given.dtype == object else "same_kind", copy=False
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise DomainError(f"{name} must hold real numbers, got {given.dtype}; convert it first") from error


def array(name: str, value: ArrayLike, *, ndim: int) -> NDArray[np.float64]:
    """Return `value` as a finite float64 array with `ndim` dimensions and no empty axis."""
    return _finite(name, numbers(name, value), ndim)


def floats(name: str, value: ArrayLike, *, ndim: int) -> NDArray[Any]:
    """Return what `array` does, but float32 as it is: a copy of many numbers takes long."""
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        return _finite(name, value, ndim)
    return array(name, value, ndim=ndim)


def _finite(name: str, result: NDArray[Any], ndim: int) -> NDArray[Any]:
    if result.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} dimension(s), got shape {result.shape}")
    if result.size == 0:
        raise ShapeError(f"{name} must not be empty, got shape {result.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(result.sum())  # a sum overflows at most, and then one looks closer
    bad = 0 if finite else int(np.count_nonzero(~np.isfinite(result)))
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


def generator(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is numpy's source of randomness; no seed is taken for one."""
    if not isinstance(value, np.random.Generator):
        raise DomainError(
            f"{name} must be a numpy.random.Generator, got {value!r}; give np.random.default_rng(seed)"
        )
    return value


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is among `known`."""
    names = list(known)
    if value not in names:
        raise DomainError(f"{name} must be one of {', '.join(names)}; got {value!r}")
    return value


def integers(name: str, value: Any, *, minimum: int = 1) -> tuple[int, ...]:
    """Return `value` as a tuple of integers, at least one, each at least `minimum`."""
    try:
        parts = tuple(value)
    except TypeError as error:
        raise ShapeError(f"{name} must be a sequence of integers, got {value!r}") from error
    if not parts:
        raise ShapeError(f"{name} must not be empty; give one integer or more")
    return tuple(integer(f"{name}[{i}]", part, minimum=minimum) for i, part in enumerate(parts))


def partition(name: str, value: Sequence[int], *, total: int) -> tuple[int, ...]:
    """Return `value` as positive integers, at least one, that sum to `total`."""
    parts = integers(name, value)
    if sum(parts) != total:
        raise ShapeError(f"{name} must sum to {total}, got {parts} with sum {sum(parts)}")
    return parts
