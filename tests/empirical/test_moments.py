"""FID and Inception score from sums: against other implementations, and merged in any order."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from empirical.metrics import frechet_distance
from empirical.moments import Moments, Scores, fid, gaussian_distance
from qtheory.errors import DomainError, ShapeError

D = 6


def features(n=40, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(D, D, generator=generator, dtype=torch.float64)
    return scale * torch.randn(n, D, generator=generator, dtype=torch.float64) @ mixing + seed


def moments(rows):
    found = Moments(D)
    for part in rows.split(7):
        found.update(part)
    return found


class Identity(nn.Module):
    """Passes features through torchmetrics, which takes them for images."""

    num_features = D

    def forward(self, x):
        return x


def test_moments_are_those_of_numpy_whatever_the_batches():
    rows = features()
    np.testing.assert_allclose(moments(rows).mean, rows.numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments(rows).covariance, np.cov(rows.numpy().T), rtol=1e-10)


def test_the_distance_is_that_of_scipy_torchmetrics_and_the_features_own():
    real, fake = features(seed=0), features(seed=1, scale=1.3)
    found = fid(moments(real), moments(fake))
    one, other = (np.cov(x.numpy().T) for x in (real, fake))
    root = scipy.linalg.sqrtm(one @ other)
    shift = np.square(real.numpy().mean(0) - fake.numpy().mean(0)).sum()
    expected = shift + np.trace(one + other - 2 * root.real)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(found, frechet_distance(real, fake), rtol=1e-9)
    metric = FrechetInceptionDistance(feature=Identity(), normalize=True).set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    np.testing.assert_allclose(found, float(metric.compute()), rtol=1e-6)


@pytest.mark.parametrize("c", [0.5, 3.0])
def test_the_distance_scales_with_the_square(c):
    real, fake = features(seed=0), features(seed=1)
    scaled = fid(moments(c * real), moments(c * fake))
    np.testing.assert_allclose(scaled, c**2 * fid(moments(real), moments(fake)), rtol=1e-9)
    assert abs(fid(moments(real), moments(real))) < 1e-9


def test_commuting_covariances_have_a_closed_form():
    a, b = np.array([1.0, 4.0, 0.0]), np.array([9.0, 4.0, 1.0])
    found = gaussian_distance(np.zeros(3), np.diag(a), np.ones(3), np.diag(b))
    assert found == pytest.approx(3 + np.square(np.sqrt(a) - np.sqrt(b)).sum(), rel=1e-12)


def test_sets_of_other_sizes_nan_and_wrong_shapes_are_refused():
    with pytest.raises(DomainError, match="same number of images, got 40 and 39"):
        fid(moments(features()), moments(features(39)))
    with pytest.raises(DomainError, match="at least 2 images, got 1"):
        fid(moments(features(1)), moments(features(1)))
    with pytest.raises(DomainError, match="must be finite"):
        Moments(D).update(torch.full((2, D), torch.nan))
    with pytest.raises(ShapeError, match=r"\(N, 6\), got \(2, 5\)"):
        Moments(D).update(torch.zeros(2, 5))
    with pytest.raises(ShapeError, match="equal dimension"):
        gaussian_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(2))


def probabilities(n=60, classes=5):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(1)


# on how torchmetrics stores features, and on its deviation over a single split
@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`:UserWarning", "ignore:std:UserWarning")
def test_the_score_of_one_split_is_torchmetrics():
    class Passed(nn.Module):
        def forward(self, x):
            return x

    p = probabilities()
    scores = Scores(60, 5, splits=1)
    for numbers in torch.randperm(60, generator=torch.Generator().manual_seed(1)).split(11):
        scores.update(p[numbers], numbers)
    metric = InceptionScore(feature=Passed(), splits=1).set_dtype(torch.float64)
    metric.update(p.log())
    mean, _ = metric.compute()
    assert scores.score() == pytest.approx(float(mean), rel=1e-9)


def test_the_score_is_the_mean_over_fixed_splits_of_equal_size():
    p = probabilities()
    scores = Scores(60, 5)
    scores.update(p, torch.arange(60))
    assert scores.counts.tolist() == [6.0] * 10
    order = np.random.default_rng(0).permutation(60) * 10 // 60
    expected = []
    for split in range(10):
        part = p.numpy()[order == split]
        divergence = (part * np.log(part / part.mean(0))).sum(1).mean()
        expected.append(np.exp(divergence))
    assert scores.score() == pytest.approx(np.mean(expected), rel=1e-12)


def test_certain_and_equally_frequent_classes_score_their_number():
    scores = Scores(20, 4, splits=1)
    scores.update(torch.eye(4).repeat(5, 1), torch.arange(20))
    assert scores.score() == pytest.approx(4, rel=1e-12)


def test_images_missing_or_counted_twice_are_refused():
    scores = Scores(20, 4, splits=2)
    scores.update(torch.eye(4).repeat(5, 1)[:19], torch.arange(19))
    with pytest.raises(DomainError, match="each of 20 images must be counted once, got 19"):
        scores.score()
    with pytest.raises(DomainError, match="at least splits=10, got 9"):
        Scores(9, 4)
