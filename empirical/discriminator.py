"""Discriminator on features of a frozen DINO ViT-S/16, in the manner of StyleGAN-T without text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from empirical._discriminator_layers import Head
from empirical._vit import ViT
from empirical.augment import STRONG, WEAK, augment
from empirical.losses import AdversarialRecipe, LeCAM, consistency_loss, hinge_loss
from empirical.pixels import check_crops
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

__all__ = ["Critique", "Discriminator", "ViT", "discriminator_loss", "view"]

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_CROP_PROBABILITY = 0.5


def view(x: Tensor, side: int, *, generator: torch.Generator) -> Tensor:
    """Return a random crop of the batch, or all of it reduced by averaging, with equal chances.

    Parameters
    ----------
    x : (B, 3, H, W) tensor
        Images of at least `side` pixels a side.
    side : int
        Side of the result.
    generator : torch.Generator
        One crop is drawn for the whole batch.

    Raises
    ------
    ShapeError
        If the images are too small.
    """
    height, width = x.shape[2:]
    if min(height, width) < side:
        raise ShapeError(f"x must have sides of at least {side}, got shape {tuple(x.shape)}")
    coin, *drawn = torch.rand(3, generator=generator, device=generator.device).tolist()
    if coin >= _CROP_PROBABILITY:
        return functional.interpolate(x, (side, side), mode="area")
    top, left = (int(share * (full - side + 1)) for share, full in zip(drawn, (height, width), strict=True))
    return x[:, :, top : top + side, left : left + side]


class Discriminator(nn.Module):
    """Heads on read-outs of a frozen backbone; a logit for each patch and read-out.

    On DINO ViT-S/16 with the default taps it has 7,386,245 parameters and gives 980 logits an
    image. The backbone is not among parameters and state: it moves between devices with the heads,
    is never trained, and is loaded from its own file.

    Parameters
    ----------
    backbone : ViT
        Frozen.
    taps : tuple of int, optional
        Blocks behind which features are read, counted from 0; the embedding is always read.
    kernel : int, optional
        Length of the heads' wide convolutions over the circle of patches.
    generator : torch.Generator
        Initial weights of the heads.

    References
    ----------
    Sauer, Karras, Laine, Geiger, Aila (2023), StyleGAN-T: Unlocking the Power of GANs for Fast
    Large-Scale Text-to-Image Synthesis.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> backbone = ViT(side=16, patch=4, dim=8, depth=2, heads=2, generator=generator)
    >>> discriminator = Discriminator(backbone, taps=(1,), generator=generator)
    >>> discriminator(torch.zeros(2, 3, 20, 20), generator=generator).shape
    torch.Size([2, 32])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        backbone: ViT,
        taps: tuple[int, ...] = (2, 5, 8, 11),
        kernel: int = 9,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        depth = len(backbone.blocks)
        if not taps or list(taps) != sorted(set(taps)) or not 0 <= taps[0] <= taps[-1] < depth:
            raise DomainError(f"taps must be increasing blocks in [0, {depth}), got {taps}")
        if _check.integer("kernel", kernel) // 2 > backbone.tokens:
            raise DomainError(f"kernel must not wrap {backbone.tokens} patches twice, got {kernel}")
        self.taps = taps
        self._frozen = (backbone,)  # in a tuple: no part of parameters and state
        self.heads = nn.ModuleList(
            Head(backbone.dim, kernel, generator=generator) for _ in range(len(taps) + 1)
        )
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)

    @property
    def backbone(self) -> ViT:
        """The frozen network."""
        return self._frozen[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self.backbone._apply(fn)  # device and precision
        return super()._apply(fn, recurse)

    def forward(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the logits of images.

        Parameters
        ----------
        x : (B, 3, H, W) tensor
            Images in [-1, 1], of at least the backbone's side. Gradients reach them.
        generator : torch.Generator
            Chooses crop or reduction; see `view`.

        Returns
        -------
        (B, (taps + 1) tokens) tensor
            Large for photographs, small for reconstructions.

        Raises
        ------
        ShapeError
            If the shape is not (B, 3, H, W), or the images are too small.
        DomainError
            If a value is NaN or infinite.
        """
        check_crops("x", x)
        normalized = ((view(x, self.backbone.side, generator=generator) + 1) / 2 - self.mean) / self.deviation
        read = self.backbone.read_outs(normalized, self.taps)
        return torch.cat([head(tokens) for head, tokens in zip(self.heads, read, strict=True)], dim=1)


@dataclass(frozen=True)
class Critique:
    """Loss of the discriminator's step and what to watch beside it.

    Attributes
    ----------
    loss : () tensor
        To be minimized.
    hinge, lecam, consistency : float
        Its terms, without coefficients.
    accuracy : float
        Share of logits with the right sign; 1/2 is chance.
    """

    loss: Tensor
    hinge: float
    lecam: float
    consistency: float
    accuracy: float


def discriminator_loss(
    discriminator: nn.Module,
    x: Tensor,
    x_hat: Tensor,
    recipe: AdversarialRecipe,
    lecam: LeCAM,
    *,
    generator: torch.Generator,
) -> Critique:
    """Return the loss of one step of the discriminator.

    hinge (L_hinge + lecam L_LeCAM) + consistency L_bCR, with coefficients of the recipe. Photographs
    and reconstructions pass together, so that batch statistics do not tell them apart.

    Parameters
    ----------
    discriminator : torch.nn.Module
        A `Discriminator`, or its wrapper for several processes.
    x, x_hat : (B, 3, H, W) tensor
        Photographs and reconstructions in [-1, 1]; no gradient reaches them.
    recipe : AdversarialRecipe
        Coefficients.
    lecam : LeCAM
        Moving averages; updated.
    generator : torch.Generator
        Views.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    if x.shape != x_hat.shape:
        raise ShapeError(f"x and x_hat must have one shape, got {tuple(x.shape)} and {tuple(x_hat.shape)}")
    both = torch.cat([x, x_hat]).detach()
    weak = discriminator(augment(both, WEAK, generator=generator), generator=generator)
    strong = discriminator(augment(both, STRONG, generator=generator), generator=generator)
    real, fake = weak.chunk(2)
    hinge, pull, consistency = hinge_loss(real, fake), lecam(real, fake), consistency_loss(weak, strong)
    right = ((real > 0).double().mean() + (fake < 0).double().mean()) / 2
    return Critique(
        loss=recipe.hinge * (hinge + recipe.lecam * pull) + recipe.consistency * consistency,
        hinge=float(hinge.detach()),
        lecam=float(pull.detach()),
        consistency=float(consistency.detach()),
        accuracy=float(right),
    )
