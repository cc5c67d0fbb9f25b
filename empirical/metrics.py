"""Metrics of reconstructions, image by image, in float64.

Every function returns one value an image (or needs the photograph of each), because crops of one
photograph are dependent: intervals and standard errors resample photographs, never crops.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from empirical._ssim import WINDOW, structural_similarity
from empirical.pixels import check_crops
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

_LUMA = (65.481, 128.553, 24.966)
_RESAMPLES = 2000


def _check_pair(x: Tensor, x_hat: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in float64, scaled to [0, 1]; the reconstruction clamped, as a picture would be."""
    check_crops("x", x)
    check_crops("x_hat", x_hat)
    if x.shape != x_hat.shape:
        raise ShapeError(f"x_hat must have the shape of x, {tuple(x.shape)}, got {tuple(x_hat.shape)}")
    if x.abs().max() > 1:
        raise DomainError(f"x must lie in [-1, 1], got a maximum of |x| of {float(x.abs().max()):g}")
    return (x.double() + 1) / 2, (x_hat.double().clamp(-1, 1) + 1) / 2


def psnr(x: Tensor, x_hat: Tensor, *, luma: bool = False) -> Tensor:
    """Return the peak signal-to-noise ratio of each image.

    Parameters
    ----------
    x : (N, 3, H, W) tensor
        Originals in [-1, 1].
    x_hat : (N, 3, H, W) tensor
        Reconstructions; clamped to [-1, 1].
    luma : bool
        Compare the BT.601 luma in its studio range 16 to 235, with a peak of 255, instead of RGB
        with a peak of its whole range. The luma value of the same grey error is 1.32 dB higher, and
        for colour errors the gap is larger: never compare one form with the other.

    Returns
    -------
    (N,) float64 tensor
        In dB, at most 80: the published run adds 1e-8 to each error, and here that is the least one. Of
        one perfect image, which has none, the mean of all would be infinite.

    Raises
    ------
    ShapeError
        If the shapes differ or are not (N, 3, H, W).
    DomainError
        If a value is NaN or infinite, or an original lies outside [-1, 1].

    Examples
    --------
    >>> x = torch.zeros(1, 3, 8, 8)
    >>> psnr(x, x + 0.2).round(decimals=4).tolist()  # 0.2 of a range of 2: 20 dB
    [20.0]
    >>> (psnr(x, x + 0.2, luma=True) - psnr(x, x + 0.2)).round(decimals=2).tolist()
    [1.32]
    """
    x, x_hat = _check_pair(x, x_hat)
    error = x_hat - x
    if luma:
        weights = torch.tensor(_LUMA, dtype=torch.float64, device=x.device) / 255
        error = torch.einsum("nchw,c->nhw", error, weights)
    return -10 * error.square().flatten(1).mean(1).clamp(min=1e-8).log10()


def ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the structural similarity of each image.

    Gaussian window of 11 x 11 pixels and deviation 1.5, whole windows only, RGB channel by
    channel on a range of 1, K1 = 0.01, K2 = 0.03.

    Parameters
    ----------
    x : (N, 3, H, W) tensor
        Originals in [-1, 1], at least 11 pixels on a side.
    x_hat : (N, 3, H, W) tensor
        Reconstructions; clamped to [-1, 1].

    Returns
    -------
    (N,) float64 tensor
        Between -1 and 1; 1 for a perfect reconstruction.

    Raises
    ------
    ShapeError
        If the shapes differ, are not (N, 3, H, W) or smaller than the window.
    DomainError
        If a value is NaN or infinite, or an original lies outside [-1, 1].

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE Trans. Image Processing 13, 2004.

    Examples
    --------
    >>> x = torch.zeros(1, 3, 16, 16)
    >>> ssim(x, x).tolist()
    [1.0]
    """
    x, x_hat = _check_pair(x, x_hat)
    if min(x.shape[2:]) < WINDOW:
        raise ShapeError(f"x must be at least {WINDOW} pixels high and wide, got {tuple(x.shape)}")
    return structural_similarity(x, x_hat)


def _check_features(
    features_real: ArrayLike, features_fake: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    real = _check.array("features_real", features_real, ndim=2)
    fake = _check.array("features_fake", features_fake, ndim=2)
    if real.shape != fake.shape:
        raise ShapeError(
            f"features_fake must have the shape of features_real, {real.shape}, got {fake.shape}: row i "
            "of both belongs to crop i"
        )
    return real, fake


def _check_groups(groups: ArrayLike, n: int, minimum: int) -> NDArray[np.int64]:
    """Return groups numbered from 0, one for each of n rows."""
    labels, numbered = np.unique(np.asarray(groups), return_inverse=True)
    if np.shape(groups) != (n,):
        raise ShapeError(
            f"groups must name one photograph for each of {n} crops, got shape {np.shape(groups)}"
        )
    if len(labels) < minimum:
        raise DomainError(
            f"groups must name at least {minimum} photographs, got {len(labels)}: crops of one "
            "photograph are dependent, so their number does not replace photographs"
        )
    return numbered.astype(np.int64)


def kid(features_real: ArrayLike, features_fake: ArrayLike, groups: ArrayLike) -> tuple[float, float]:
    """Return the kernel distance of reconstructions from their originals, and its standard error.

    The squared maximum mean discrepancy with the kernel (x.y / d + 1)^3. Rows are paired, original
    and reconstruction of one crop, so with h_ij = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)
    the estimate is the mean of h_ij over all pairs of crops from *different* photographs. That is
    unbiased although crops of a photograph, and the two of a pair, are dependent; the usual
    estimator, which keeps those pairs, is not. The standard error is the jackknife's that leaves
    out one photograph at a time.

    Parameters
    ----------
    features_real : (N, d) array
        Features of the originals.
    features_fake : (N, d) array
        Features of the reconstructions, in the same order.
    groups : (N,) array
        Photograph of each crop, at least 3 different.

    Returns
    -------
    value, standard_error : float, float
        The value is 0 (up to rounding) for equal features, and can be negative by chance near 0.

    Raises
    ------
    ShapeError
        If shapes do not match.
    DomainError
        If a feature is NaN or infinite, or there are fewer than 3 photographs.

    References
    ----------
    M. Binkowski, D. J. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs", ICLR 2018.

    Examples
    --------
    >>> real = np.random.default_rng(0).random((12, 4))
    >>> value, standard_error = kid(real, real, np.arange(12) // 3)
    >>> abs(value) < 1e-12, standard_error < 1e-12
    (True, True)
    """
    value, left_out = kid_left_out(features_real, features_fake, groups)
    standard_error = np.sqrt((len(left_out) - 1) * left_out.var())
    return value, float(standard_error)


def kid_left_out(
    features_real: ArrayLike, features_fake: ArrayLike, groups: ArrayLike
) -> tuple[float, NDArray[np.float64]]:
    """Return the distance of `kid`, and the (P,) distances without each of the photographs in turn."""
    real, fake = _check_features(features_real, features_fake)
    numbered = _check_groups(groups, len(real), minimum=3)
    membership = np.eye(numbered.max() + 1)[numbered]
    cross = _cubic(real, fake)
    h = _cubic(real, real) + _cubic(fake, fake) - cross - cross.T
    sums = membership.T @ h @ membership
    sizes = membership.sum(0)
    pairs = np.outer(sizes, sizes)
    np.fill_diagonal(sums, 0)
    np.fill_diagonal(pairs, 0)
    left_out = (sums.sum() - 2 * sums.sum(1)) / (pairs.sum() - 2 * pairs.sum(1))
    return float(sums.sum() / pairs.sum()), left_out


def _cubic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = (x @ y.T / x.shape[1] + 1) ** 3
    return result


def frechet_distance(features_real: ArrayLike, features_fake: ArrayLike) -> float:
    """Return the squared Frechet distance of the Gaussians with the features' moments.

    Its bias grows with d / N, and with N <= d both covariances are singular: compare two values
    only if they come from the same N, and prefer `kid` on small samples.

    Parameters
    ----------
    features_real : (N, d) array
        Features of the originals.
    features_fake : (N, d) array
        Features of the reconstructions.

    Returns
    -------
    float
        ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`` with covariances over N - 1.

    Raises
    ------
    ShapeError
        If shapes do not match.
    DomainError
        If a feature is NaN or infinite, or N is below 2.

    Examples
    --------
    >>> real = np.random.default_rng(0).random((50, 4))
    >>> round(frechet_distance(real, real + 0.5), 9)  # a shift of 0.5 in 4 dimensions
    1.0
    """
    real, fake = _check_features(features_real, features_fake)
    n = _check.integer("N, the number of crops,", len(real), minimum=2)
    a, b = ((x - x.mean(0)) / np.sqrt(n - 1) for x in (real, fake))
    # tr (C1 C2)^(1/2) with C = A'A is the sum of the singular values of A B'
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    shift = np.square(real.mean(0) - fake.mean(0)).sum()
    return float(shift + np.square(a).sum() + np.square(b).sum() - 2 * overlap)


def bootstrap_interval(
    values: ArrayLike, groups: ArrayLike, *, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """Return a percentile bootstrap interval for the mean of crops, resampling photographs.

    Parameters
    ----------
    values : (N,) array
        One value a crop.
    groups : (N,) array
        Photograph of each crop, at least 2 different.
    rng : numpy.random.Generator
        Source of randomness.
    level : float
        Nominal coverage, between 0 and 1. With few photographs the interval is somewhat short.

    Returns
    -------
    low, high : float, float
        Quantiles of the mean over 2000 resamples.

    Raises
    ------
    ShapeError
        If there is not one photograph a value.
    DomainError
        If a value is NaN or infinite, there are fewer than 2 photographs, or the level is not
        between 0 and 1.

    Examples
    --------
    >>> bootstrap_interval([2.0, 2.0, 2.0], [0, 0, 1], rng=np.random.default_rng(0))
    (2.0, 2.0)
    """
    sample = _check.array("values", values, ndim=1)
    numbered = _check_groups(groups, len(sample), minimum=2)
    level = _check.real("level", level, above=0)
    if level >= 1:
        raise DomainError(f"level must be below 1, got {level:g}; 0.95 is usual")
    sizes = np.bincount(numbered)
    sums = np.bincount(numbered, weights=sample)
    shares = np.full(len(sizes), 1 / len(sizes))
    drawn = _check.generator("rng", rng).multinomial(len(sizes), shares, size=_RESAMPLES)
    means = drawn @ sums / (drawn @ sizes)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
