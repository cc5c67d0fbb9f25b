"""The kernel distance by blocks: against the matrices of all pairs, and against torchmetrics."""

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.image.kid import KernelInceptionDistance

from empirical import kernel_distance, metrics
from empirical.kernel_distance import KernelDistance
from qtheory.errors import DomainError, ShapeError

N, D = 23, 6


def features(shift=0.3, n=N):
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(n, D, generator=generator)
    return real, real + shift * torch.rand(n, D, generator=generator)


def filled(real, fake, batch=5):
    distance = KernelDistance(len(real), D)
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(1))
    for numbers in order.split(batch):
        distance.update(real[numbers].double(), fake[numbers].double(), numbers)
    return distance


@pytest.mark.parametrize("block", [(4, 7), (7, 4), (5, 5), (1024, 4096)])
def test_blocks_of_any_size_give_what_the_matrices_of_all_pairs_do(monkeypatch, block):
    monkeypatch.setattr(kernel_distance, "_ROWS", block[0])
    monkeypatch.setattr(kernel_distance, "_COLUMNS", block[1])
    real, fake = features()
    expected = metrics.kid(real.numpy(), fake.numpy(), np.arange(N))
    assert filled(real, fake).estimate() == pytest.approx(expected, rel=1e-9)
    assert expected[0] > 3 * expected[1] > 0


class Identity(nn.Module):
    """Passes features through torchmetrics, which takes them for images."""

    num_features = D

    def forward(self, x):
        return x


# on how torchmetrics stores features
@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_torchmetrics_differs_by_the_pairs_of_an_image_with_itself_alone():
    real, fake = features()
    metric = KernelInceptionDistance(feature=Identity(), subsets=1, subset_size=N, normalize=False)
    metric = metric.set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(fake.double(), real=False)
    usual, _ = metric.compute()
    kernel = (real.double() @ fake.double().T / D + 1) ** 3
    own = kernel.diagonal().mean()
    others = (kernel.sum() - kernel.diagonal().sum()) / (N * (N - 1))
    value, _ = filled(real, fake).estimate()
    assert value == pytest.approx(float(usual) + 2 / N * float(own - others), rel=1e-6)
    assert abs(value - float(usual)) > 0.01 * value


def test_the_standard_error_is_the_scatter_of_other_images_and_equal_distributions_are_at_zero():
    """On 40 sets; where the distance is 0 the jackknife's error is known to be too large."""
    generator = torch.Generator().manual_seed(2)
    for shift in (0.0, 1.0):
        sets = [torch.randn(2, 60, D, generator=generator) for _ in range(40)]
        values, errors = np.array([filled(real, fake + shift, 60).estimate() for real, fake in sets]).T
        scatter = values.std(ddof=1)
        if shift:
            assert errors.mean() == pytest.approx(scatter, rel=0.4)
            assert values.min() > 0
        else:
            assert abs(values.mean()) < 4 * scatter / np.sqrt(40)
            assert errors.mean() > scatter


def test_images_missing_or_added_twice_and_wrong_features_are_refused():
    real, fake = features()
    distance = KernelDistance(N, D)
    distance.update(real[:5], fake[:5], torch.arange(5))
    with pytest.raises(DomainError, match="each of 23 images must be added once, got 18 missing"):
        distance.estimate()
    distance.update(real[4:], fake[4:], torch.arange(4, N))
    with pytest.raises(
        DomainError, match="each of 23 images must be added once, got 0 missing and 1 doubled"
    ):
        distance.estimate()
    with pytest.raises(ShapeError, match=r"\(5, 6\), got \(5, 6\) and \(5, 5\)"):
        distance.update(real[:5], fake[:5, :5], torch.arange(5))
    with pytest.raises(DomainError, match="must be finite"):
        distance.update(real[:5], fake[:5] * torch.nan, torch.arange(5))
    with pytest.raises(DomainError, match="images must be at least 3, got 2"):
        KernelDistance(2, D)
