"""Crops and latents by the numbers of visits: read, decoded or encoded when they are asked for."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from empirical.data import centre_crop, with_short_side
from empirical.images import Folder
from empirical.pixels import Image
from empirical.runtime import Runtime
from empirical.tokenizers import Tokenizer
from qtheory import _check
from qtheory.errors import DomainError
from qtheory.results import stream

_LARGEST_SHORT_SIDE = 1.25  # of the resized image that a training crop is cut from, over the crop's side


def training_crop(image: Image, size: int = 256, *, rng: np.random.Generator) -> Image:
    """Return a random crop of a photograph, as the published training drew it.

    The photograph is resized to a short side uniform between `size` and 5/4 of it, cut at a uniform
    position, and mirrored with probability 1/2.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        A photograph.
    size : int
        Side of the crop, in pixels.
    rng : numpy.random.Generator
        Source of randomness.

    Examples
    --------
    >>> image = np.zeros((600, 1100, 3), dtype=np.uint8)
    >>> training_crop(image, 256, rng=np.random.default_rng(0)).shape
    (256, 256, 3)
    """
    short = int(rng.integers(size, int(_LARGEST_SHORT_SIDE * size) + 1))
    pixels = with_short_side(image, short)
    top, left = (int(rng.integers(side - size + 1)) for side in pixels.shape[:2])
    crop = pixels[top : top + size, left : left + size]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


class Crops(Dataset[Tensor]):
    """Crops of the images of a folder, read when they are asked for.

    Parameters
    ----------
    folder : Folder
        The images.
    size : int
        Side of the crops, in pixels.
    chosen : sequence of int, optional
        Images to use; all by default.
    seed : int, optional
        Draw a training crop for each visit; without it all visits get the centre crop.

    Notes
    -----
    A crop has the number of a visit: visit v is to image v mod N, and its crop depends on seed, name
    and v alone. So neither workers nor processes nor a resumed training change what is seen.
    """

    def __init__(
        self, folder: Folder, size: int, chosen: list[int] | None = None, *, seed: int | None = None
    ) -> None:
        self.folder, self.size, self.seed = folder, _check.integer("size", size), seed
        self.chosen = list(range(len(folder.names))) if chosen is None else chosen
        if not self.chosen:
            raise DomainError("chosen must name at least 1 image, got none")

    def __len__(self) -> int:
        return len(self.chosen)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return tuple(self.folder.names[index] for index in self.chosen)

    def __getitem__(self, visit: int) -> Tensor:
        """Return a crop as (3, size, size) uint8."""
        index = self.chosen[int(visit) % len(self)]
        image = self.folder.read(index)
        if self.seed is None:
            crop = centre_crop(image, self.size)
        else:
            rng = stream(self.seed, "training crop", self.folder.names[index], str(int(visit)))
            crop = training_crop(image, self.size, rng=rng)
        return torch.from_numpy(crop.copy()).movedim(-1, 0)

    def batches(self, visits: list[list[int]], workers: int = 0) -> Iterator[Tensor]:
        """Yield the crops of each list of visits, (B, 3, size, size) uint8, read ahead by workers."""
        # a generator of its own: the loader would take its seed from the global one
        yield from DataLoader(self, batch_sampler=visits, num_workers=workers, generator=torch.Generator())


def to_float(crops: Tensor, device: str = "cpu") -> Tensor:
    """Return uint8 crops as float32 in [-1, 1] on a device: x/127.5 - 1."""
    return crops.to(device).float() / 127.5 - 1


class StreamedImages:
    """Training images by the numbers of visits, read ahead of their use.

    Parameters
    ----------
    crops : Crops
        Where they come from.
    device : str, optional
        Where they go.
    workers : int, optional
        Processes that decode; with 0 it is done in this one.
    """

    def __init__(self, crops: Crops, *, device: str = "cpu", workers: int = 0) -> None:
        self.crops, self.device, self.workers = crops, device, workers
        self._ahead: Iterator[tuple[list[int], Tensor]] = iter(())
        self._last: tuple[list[int], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.crops)

    def schedule(self, batches: Tensor) -> None:
        """Have the batches of coming steps, (steps, B), read in this order."""
        visits = batches.tolist()
        self._ahead = zip(visits, self.crops.batches(visits, self.workers), strict=True)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        """Return the images of visits (B,) as (B, 3, size, size) in [-1, 1]."""
        visits = chosen.tolist()
        if self._last is None or self._last[0] != visits:
            scheduled, crops = next(self._ahead, (None, None))
            if crops is None or scheduled != visits:
                self._ahead = iter(())  # asked for others: what was read ahead is of no use
                crops = next(self.crops.batches([visits]))
            self._last = visits, to_float(crops, self.device)
        return self._last[1]


class EncodedImages:
    """Latents of training images, by the encoder as it is when they are asked for.

    Parameters
    ----------
    tokenizer : Tokenizer
        Its encoder is used, without gradients.
    images : StreamedImages
        The images.
    runtime : Runtime, optional
        Precision of the encoder.
    """

    def __init__(self, tokenizer: Tokenizer, images: StreamedImages, runtime: Runtime | None = None) -> None:
        self.tokenizer, self.images, self.runtime = tokenizer, images, runtime or Runtime()

    def __len__(self) -> int:
        return len(self.images)

    @torch.no_grad()
    def __getitem__(self, chosen: Tensor) -> Tensor:
        """Return the latents of visits (B,) as (B, C, h, w) float32."""
        with self.runtime.autocast():
            return self.tokenizer.encode(self.images[chosen]).float()


def evenly(chosen: list[int], most: int) -> list[int]:
    """Return at most so many of the numbers, evenly spaced: the first would be of a few classes.

    Examples
    --------
    >>> evenly([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    most = min(most, len(chosen))
    return [chosen[position] for position in np.linspace(0, len(chosen) - 1, most).astype(int)]


def epochs(images: int, steps: int, batch_size: int, *, rng: np.random.Generator) -> Tensor:
    """Return the visits of a training that sees every image once an epoch, each epoch in a new order.

    Parameters
    ----------
    images : int
        Number N of images.
    steps, batch_size : int
        Size of the result.
    rng : numpy.random.Generator
        Order of the images.

    Returns
    -------
    (steps, batch_size) tensor of int64
        Visit v is to image v mod N, in epoch v // N.

    Examples
    --------
    >>> visits = epochs(3, steps=2, batch_size=3, rng=np.random.default_rng(0))
    >>> sorted(visits[0].tolist()), sorted(visits[1].tolist())
    ([0, 1, 2], [3, 4, 5])
    """
    images, total = _check.integer("images", images), steps * batch_size
    orders = [rng.permutation(images) + epoch * images for epoch in range(-(-total // images))]
    return torch.from_numpy(np.concatenate(orders)[:total].reshape(steps, batch_size))
