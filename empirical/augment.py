"""DiffAug: augmentations of what a discriminator sees, differentiable in the images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from empirical.pixels import check_crops
from qtheory import _check
from qtheory.errors import DomainError

_SHIFT = 0.125  # largest translation as a share of the side


@dataclass(frozen=True)
class Policy:
    """How strongly images are augmented.

    Attributes
    ----------
    probability : float
        Chance of each augmentation to be applied, to the whole batch at once.
    cutout : float
        Side of the square that is cut out, as a share of the image's.
    """

    probability: float
    cutout: float

    def __post_init__(self) -> None:
        for name in ("probability", "cutout"):
            if _check.real(name, getattr(self, name), minimum=0.0) > 1:
                raise DomainError(f"{name} must be at most 1, got {getattr(self, name):g}")


WEAK = Policy(probability=0.5, cutout=0.2)  # what discriminator and generator are trained on
STRONG = Policy(probability=1.0, cutout=0.5)  # the second view of the consistency term


def _uniform(n: int, low: float, high: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return (n, 1, 1, 1) numbers, the same on every device."""
    drawn = torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)
    return (low + (high - low) * drawn).to(like)


def _integers(n: int, low: int, high: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return (n, 1) integers in [low, high]."""
    return torch.randint(low, high + 1, (n, 1), generator=generator, device=generator.device).to(like.device)


def colour(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Change brightness, saturation and contrast of each image.

    Parameters
    ----------
    x : (B, 3, H, W) tensor
        Images in [-1, 1]; the result may leave that range.
    generator : torch.Generator
        Adds U(-0.5, 0.5); multiplies the deviation from grey by U(0, 2) and the deviation from the
        image's mean by U(0.5, 1.5).
    """
    x = x + _uniform(len(x), -0.5, 0.5, x, generator)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _uniform(len(x), 0.0, 2.0, x, generator)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * _uniform(len(x), 0.5, 1.5, x, generator)


def translate(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """Move each image by up to an eighth of its sides and fill with zeros.

    Parameters
    ----------
    x : (B, C, H, W) tensor
        Images.
    generator : torch.Generator
        Whole pixels, uniform in both directions.
    """
    n, _, height, width = x.shape
    largest = [int(side * _SHIFT + 0.5) for side in (height, width)]
    down = _integers(n, -largest[0], largest[0], x, generator)
    right = _integers(n, -largest[1], largest[1], x, generator)
    rows = torch.arange(height, device=x.device) - down
    columns = torch.arange(width, device=x.device) - right
    inside_rows, inside_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    which = torch.arange(n, device=x.device)[:, None, None]
    rows, columns = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]
    moved = x.movedim(1, -1)[which, rows, columns].movedim(-1, 1)
    inside = inside_rows[:, None, :, None] & inside_columns[:, None, None]
    return moved * inside.to(moved)


def cut_out(x: Tensor, share: float, *, generator: torch.Generator) -> Tensor:
    """Set a square of each image to zero.

    Parameters
    ----------
    x : (B, C, H, W) tensor
        Images.
    share : float
        Side of the square over that of the image.
    generator : torch.Generator
        The square's centre, uniform over the image: the square may reach beyond the border.
    """
    kept = []
    for side in x.shape[2:]:
        cut = int(side * share + 0.5)
        first = _integers(len(x), 0, side - cut % 2, x, generator) - cut // 2
        position = torch.arange(side, device=x.device)
        kept.append((position < first) | (position >= first + cut))
    return x * (kept[0][:, None, :, None] | kept[1][:, None, None]).to(x)


def augment(x: Tensor, policy: Policy, *, generator: torch.Generator) -> Tensor:
    """Return images after a random choice of colour, translation and cutout, in this order.

    Parameters
    ----------
    x : (B, 3, H, W) tensor
        Images in [-1, 1].
    policy : Policy
        `WEAK`, `STRONG` or another.
    generator : torch.Generator
        All randomness; on the CPU it gives the same on every device.

    Returns
    -------
    (B, 3, H, W) tensor
        Gradients reach `x`.

    Raises
    ------
    ShapeError
        If the shape is not (B, 3, H, W).
    DomainError
        If a value is NaN or infinite.

    References
    ----------
    Zhao, Liu, Lin, Zhu, Han (2020), Differentiable Augmentation for Data-Efficient GAN Training.

    Examples
    --------
    >>> x = torch.ones(2, 3, 8, 8)
    >>> view = augment(x, STRONG, generator=torch.Generator().manual_seed(0))
    >>> view.shape, bool((view == 0).any())
    (torch.Size([2, 3, 8, 8]), True)
    """
    check_crops("x", x)
    applied = torch.rand(3, generator=generator, device=generator.device) < policy.probability
    if applied[0]:
        x = colour(x, generator=generator)
    if applied[1]:
        x = translate(x, generator=generator)
    if applied[2]:
        x = cut_out(x, policy.cutout, generator=generator)
    return x
