"""Entropy, perplexity and utilization of codes, in bits."""

import math

import numpy as np
from numpy.typing import ArrayLike

from qtheory import _check
from qtheory.errors import DomainError, ShapeError


def entropy(pmf: ArrayLike) -> float:
    """Return the Shannon entropy of a probability vector.

    Parameters
    ----------
    pmf : (n,) array
        Probabilities.

    Returns
    -------
    float
        Entropy in bits, between 0 and ``log2(n)``.

    Raises
    ------
    DomainError
        When `pmf` has negative entries or does not sum to 1.

    Notes
    -----
    Equation 15 of the paper.

    Examples
    --------
    >>> entropy([0.5, 0.25, 0.125, 0.125])
    1.75
    """
    p = _check.pmf("pmf", pmf)
    p = p[p > 0]
    return math.fsum(-p * np.log2(p)) + 0.0


def perplexity(pmf: ArrayLike) -> float:
    """Return ``2 ** entropy``: the size of a uniform alphabet with the same entropy.

    Parameters
    ----------
    pmf : (K,) array
        Probabilities of the codewords.

    Returns
    -------
    float
        Between 1 and K.

    Raises
    ------
    DomainError
        When `pmf` has negative entries or does not sum to 1.

    Notes
    -----
    Of the entropy in equation 15 of the paper.

    Examples
    --------
    >>> perplexity([0.5, 0.5, 0, 0])
    2.0
    """
    return 2.0 ** entropy(pmf)


def utilization(counts: ArrayLike) -> float:
    """Return the share of codewords with positive mass.

    Parameters
    ----------
    counts : (K,) array
        How often each codeword was used, or its probability.

    Returns
    -------
    float
        Between 1/K and 1.

    Raises
    ------
    DomainError
        When a count is negative or all are zero.

    Notes
    -----
    U(f) of Section 4.2. It counts cells, whatever their mass; `perplexity` weighs them.

    Examples
    --------
    >>> utilization([10, 0, 5, 1])
    0.75
    """
    values = _check.array("counts", counts, ndim=1)
    if (values < 0).any():
        raise DomainError(f"counts must be non-negative, got a minimum of {values.min():g}")
    if not values.any():
        raise DomainError("counts must have a positive entry, got zeros only; count some codes first")
    return float(np.count_nonzero(values)) / values.size


def conditional_entropy(pmf: ArrayLike, codes: ArrayLike) -> float:
    """Return H(X | f(X)) for a deterministic map f of a finite alphabet.

    Parameters
    ----------
    pmf : (n,) array
        Probabilities of the values of X.
    codes : (n,) array of int
        f of each value.

    Returns
    -------
    float
        Conditional entropy in bits; equal to ``H(X) - H(f(X))``, since f(X) is a function of X.

    Raises
    ------
    ShapeError
        When there is not one code a value.
    DomainError
        When the codes are not integers.

    Notes
    -----
    The "information loss" L(f) of Section 4.2.

    Examples
    --------
    >>> conditional_entropy([0.5, 0.25, 0.125, 0.125], [0, 1, 1, 1])
    0.75
    """
    p = _check.pmf("pmf", pmf)
    labels = np.asarray(codes)
    if labels.shape != p.shape:
        raise ShapeError(f"codes must have one entry a value of pmf, {p.shape}, got shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DomainError(f"codes must be integers, got dtype {labels.dtype}")
    cells = [p[labels == label] for label in np.unique(labels)]
    masses = [math.fsum(cell) for cell in cells]
    terms = [m * entropy(cell / m) for cell, m in zip(cells, masses, strict=True) if m > 0]
    return math.fsum(terms)
