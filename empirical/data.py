"""Photographs: an image folder, its split by photograph, and crops in [-1, 1]."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from empirical.listing import Listing, examined, listed, stamp_of, usable
from empirical.pixels import Image, to_tensor
from qtheory import _check
from qtheory.errors import DomainError

POCKET_PHOTOS = Path(__file__).parent / "pocket" / "photos"
_HELDOUT_SHARE = 0.25
_LEAST_HELDOUT = 3  # intervals and kernel distances are over photographs


@dataclass(frozen=True)
class ImageSet(Listing):
    """The photographs of a folder.

    Attributes
    ----------
    images : list of (H, W, 3) uint8 array
        RGB, in the order of `names`.
    """

    images: list[Image]


def load_images(folder: Path | str = POCKET_PHOTOS, smallest: int = 1) -> ImageSet:
    """Read all photographs below a folder, and set aside those that cannot serve.

    They stay in memory, and are read again by this process only where a file has changed since.

    Parameters
    ----------
    folder : pathlib.Path or str
        Searched recursively for jpg, jpeg, png and webp files. The default is the photographs
        that come with the package, under free licences (``CREDITS.csv`` beside them).
    smallest : int
        Least number of pixels on the short side.

    Returns
    -------
    ImageSet
        In the order of the names, whatever the file system's order.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    SchemaError
        If it holds no image file, or if more than 1 % of them are damaged or too small.

    Examples
    --------
    >>> photographs = load_images()
    >>> len(photographs.names), photographs.skipped
    (127, {})
    """
    root = Path(folder)
    files = listed(root)
    return _loaded(root, tuple(files.items()), smallest, stamp_of(files, smallest))


@lru_cache(maxsize=1)
def _loaded(root: Path, files: tuple[tuple[str, Path], ...], smallest: int, stamp: str) -> ImageSet:
    """Return the photographs in files, which are in the state that the stamp stands for."""
    found = {name: examined(path, smallest) for name, path in files}
    kept = usable(root, {name: (sha256, wrong) for name, (_, sha256, wrong) in found.items()}, smallest)
    images = [image for name in kept.names if (image := found[name][0]) is not None]
    for image in images:
        image.setflags(write=False)  # all who load them share them
    return ImageSet(kept.names, kept.skipped, kept.digest, images)


def split(names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split photographs into a training and a held-out part.

    Crops of one photograph are dependent, so the split is by photograph. The quarter whose
    SHA-256 of the name comes first is held out: no seed, and the order of the names is irrelevant.

    Parameters
    ----------
    names : sequence of str
        At least 2 different names.

    Returns
    -------
    train, heldout : (T,), (H,) int64 arrays
        Increasing indices into `names`; H is a quarter, rounded, at least 1.

    Raises
    ------
    DomainError
        If there are fewer than 2 names, or if some are equal.

    Examples
    --------
    >>> train, heldout = split([f"{i}.jpg" for i in range(127)])
    >>> len(train), len(heldout)
    (95, 32)
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise DomainError(
            f"names must be at least 2 different photographs, got {len(names)} names, "
            f"{len(set(names))} different"
        )
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode()).hexdigest())
    count = max(1, round(_HELDOUT_SHARE * len(names)))
    return np.array(sorted(order[count:]), dtype=np.int64), np.array(sorted(order[:count]), dtype=np.int64)


def require_heldout(count: int, data: Path | str) -> None:
    """Raise unless so many held-out photographs are enough to measure on.

    Raises
    ------
    DomainError
        If they are fewer than 3.
    """
    if count < _LEAST_HELDOUT:
        raise DomainError(
            f"data must have photographs enough to hold {_LEAST_HELDOUT} out, got {count} in {data}, where a "
            "folder of training images gives a quarter; add some, or take those of the package"
        )


def require_image_each(processes: int, images: int) -> None:
    """Raise `DomainError` where a process would have none of the images on which latents are measured."""
    if processes > images:
        raise DomainError(
            f"processes must be at most the {images} images that they share when they measure, got "
            f"{processes}; take --processes {images} or fewer, or a folder of more images"
        )


def _check_images(images: Sequence[Image], size: int) -> None:
    _check.integer("size", size)
    if not images:
        raise DomainError("images must not be empty, got 0 photographs")
    shortest = min(min(image.shape[:2]) for image in images)
    if shortest < size:
        raise DomainError(
            f"images must measure at least size={size} on their short side, got one of {shortest}; "
            "choose a smaller size or leave that photograph out"
        )


def eval_crops(images: Sequence[Image], size: int = 64) -> tuple[Tensor, NDArray[np.int64]]:
    """Cut each photograph into a centred grid of crops that do not overlap.

    Parameters
    ----------
    images : sequence of (H, W, 3) uint8 array
        Photographs.
    size : int
        Side of a crop, in pixels.

    Returns
    -------
    crops : (N, 3, size, size) float32 tensor
        In [-1, 1], photograph by photograph, rows from top to bottom.
    photo_index : (N,) int64 array
        The photograph of each crop. Crops of one photograph are dependent: resample photographs.

    Raises
    ------
    DomainError
        If there is no photograph, or one is smaller than a crop.

    Examples
    --------
    >>> crops, photo_index = eval_crops([np.zeros((130, 200, 3), dtype=np.uint8)])
    >>> crops.shape, photo_index.tolist()
    (torch.Size([6, 3, 64, 64]), [0, 0, 0, 0, 0, 0])
    """
    _check_images(images, size)
    crops, photo_index = [], []
    for index, image in enumerate(images):
        rows, columns = image.shape[0] // size, image.shape[1] // size
        top, left = (image.shape[0] - rows * size) // 2, (image.shape[1] - columns * size) // 2
        grid = image[top : top + rows * size, left : left + columns * size]
        cut = grid.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)
        crops.append(cut)
        photo_index.extend([index] * len(cut))
    return to_tensor(np.concatenate(crops)), np.array(photo_index, dtype=np.int64)


def train_crops(images: Sequence[Image], n: int, size: int = 64, *, generator: torch.Generator) -> Tensor:
    """Draw random crops: photograph, position and horizontal flip uniform and independent.

    Parameters
    ----------
    images : sequence of (H, W, 3) uint8 array
        Photographs.
    n : int
        Number of crops.
    size : int
        Side of a crop, in pixels.
    generator : torch.Generator
        Source of randomness, on the CPU; one of its own for every step makes a resumed run equal
        to a straight one.

    Returns
    -------
    (n, 3, size, size) float32 tensor
        In [-1, 1].

    Raises
    ------
    DomainError
        If there is no photograph, or one is smaller than a crop.
    """
    _check_images(images, size)
    n = _check.integer("n", n)
    draws = torch.rand(n, 4, generator=generator, dtype=torch.float64).numpy()
    crops = np.empty((n, size, size, 3), dtype=np.uint8)
    for crop, (which, row, column, flip) in zip(crops, draws, strict=True):
        image = images[int(which * len(images))]
        top = int(row * (image.shape[0] - size + 1))
        left = int(column * (image.shape[1] - size + 1))
        cut = image[top : top + size, left : left + size]
        crop[...] = cut[:, ::-1] if flip < 0.5 else cut
    return to_tensor(crops)


def with_short_side(image: Image, short: int) -> Image:
    """Return an image resized so that its short side has `short` pixels, as ADM and LlamaGen do it.

    Both sides are halved with a box filter while the short side is at least twice `short`; a bicubic
    resize does the rest, up or down.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        A photograph.
    short : int
        Pixels.

    Examples
    --------
    >>> with_short_side(np.zeros((600, 1100, 3), dtype=np.uint8), 256).shape
    (256, 469, 3)
    """
    from PIL import Image as PilImage

    short = _check.integer("short", short)
    picture = PilImage.fromarray(image)
    while min(picture.size) >= 2 * short:
        halved = (picture.width // 2, picture.height // 2)
        picture = picture.resize(halved, PilImage.Resampling.BOX)
    scale = short / min(picture.size)
    resized = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(resized, PilImage.Resampling.BICUBIC))


def centre_crop(image: Image, size: int = 256) -> Image:
    """Return the centre crop that ADM and LlamaGen evaluate on.

    The photograph is resized by `with_short_side` and the centre is cut out.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        A photograph.
    size : int
        Side of the crop, in pixels.

    Returns
    -------
    (size, size, 3) uint8 array
        The crop.

    References
    ----------
    P. Dhariwal, A. Nichol, "Diffusion models beat GANs on image synthesis", NeurIPS 2021.

    Examples
    --------
    >>> centre_crop(np.zeros((600, 1100, 3), dtype=np.uint8)).shape
    (256, 256, 3)
    """
    size = _check.integer("size", size)
    pixels = with_short_side(image, size)
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]
