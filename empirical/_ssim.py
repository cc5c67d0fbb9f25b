"""The structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004), in float64."""

import torch
from torch import Tensor

WINDOW = 11
_DEVIATION = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def structural_similarity(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the structural similarity of each pair of `(N, C, H, W)` float64 images in [0, 1]."""
    mean, mean_hat = _window_means(x), _window_means(x_hat)
    variance = _window_means(x * x) - mean * mean
    variance_hat = _window_means(x_hat * x_hat) - mean_hat * mean_hat
    covariance = _window_means(x * x_hat) - mean * mean_hat
    luminance = (2 * mean * mean_hat + _C1) / (mean * mean + mean_hat * mean_hat + _C1)
    structure = (2 * covariance + _C2) / (variance + variance_hat + _C2)
    return (luminance * structure).mean((1, 2, 3))


def _window_means(images: Tensor) -> Tensor:
    """Return Gaussian means over all whole windows: a product with a band matrix from either side."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * _DEVIATION**2))
    weights = weights / weights.sum()

    def band(size: int) -> Tensor:
        windows = size - WINDOW + 1
        matrix = torch.zeros(windows, size, dtype=torch.float64)
        for i in range(windows):
            matrix[i, i : i + WINDOW] = weights
        return matrix.to(images.device)

    return band(images.shape[2]) @ images @ band(images.shape[3]).T
