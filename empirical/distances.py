"""Distances between two sets of images, from sums that add up over batches and processes."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from empirical import features, inception, metrics
from empirical.columns import Row, with_normal_interval
from empirical.inception import Inception
from empirical.kernel_distance import KernelDistance
from empirical.moments import Moments, Scores, fid
from empirical.processes import summed_over_ranks

_CROP = "centre, halved with a box filter while twice the size, then bicubic"
_SPLITS = 10
_ESTIMATE = "all pairs of different images, (x.y / {dim} + 1)^3, jackknife over images"


class Statistics(ABC):
    """Statistics of a whole set of originals and reconstructions."""

    @abstractmethod
    def update(self, x: Tensor, x_hat: Tensor, numbers: Tensor) -> None:
        """Add originals and reconstructions (B, 3, H, W) in [-1, 1] with their numbers (B,)."""

    @abstractmethod
    def columns(self) -> Row:
        """Return the columns of the table, over all processes."""


class InceptionStatistics(Statistics):
    """r-FID, KID and r-IS, against the centre crops that were reconstructed.

    Parameters
    ----------
    network : Inception
        The extractor.
    images : int
        Images that will come, at least 3.
    """

    def __init__(self, network: Inception, images: int) -> None:
        device = str(network.fc.weight.device)
        self.network = network
        self.real, self.fake = (Moments(network.FEATURES, device) for _ in range(2))
        self.kernel = KernelDistance(images, network.FEATURES, device)
        splits = min(_SPLITS, images)
        self.scores = [Scores(images, network.CLASSES, splits, device) for _ in range(2)]

    def update(self, x: Tensor, x_hat: Tensor, numbers: Tensor) -> None:
        """Add a batch; the network sees pixels rounded to whole numbers."""
        pairs = zip((x, x_hat), (self.real, self.fake), self.scores, strict=True)
        both = []
        for images, moments, scores in pairs:
            found, probabilities = self.network.measure(images)
            moments.update(found)
            scores.update(probabilities, numbers)
            both.append(found)
        self.kernel.update(both[0], both[1], numbers)

    def columns(self) -> Row:
        """Return r-FID, KID with its interval over images, the scores, and how they were computed."""
        real, fake = self.real.merge(), self.fake.merge()
        originals, reconstructions = (scores.score() for scores in self.scores)
        return {
            "r_fid": fid(real, fake),
            **with_normal_interval("kid_inception", *self.kernel.estimate()),
            "kid_estimate": _ESTIMATE.format(dim=self.network.FEATURES),
            "r_is": reconstructions,
            "original_is": originals,
            "fid_images": int(real.count),
            "fid_reference": "the originals' own crops",
            "fid_crop": _CROP,
            "fid_resize": inception.EXTRACTOR["resize"],
            "fid_uint8": inception.EXTRACTOR["uint8"],
            "fid_sha256": self.network.sha256,
        }


class EffLiteStatistics(Statistics):
    """Kernel distance on EfficientNet-Lite0, for which nothing has to be downloaded.

    Parameters
    ----------
    images : int
        Images that will come; their features are kept, and the time grows with the square.
    """

    def __init__(self, images: int) -> None:
        self.features = torch.zeros(2, images, 1280, dtype=torch.float64)

    def update(self, x: Tensor, x_hat: Tensor, numbers: Tensor) -> None:
        """Add a batch."""
        for own, images in zip(self.features, (x, x_hat), strict=True):
            own[numbers] = torch.from_numpy(features.efflite0(images.cpu()))

    def columns(self) -> Row:
        """Return the distance with its interval, over photographs."""
        real, fake = summed_over_ranks(self.features.clone()).numpy()
        return with_normal_interval("kid_efflite0", *metrics.kid(real, fake, np.arange(len(real))))
