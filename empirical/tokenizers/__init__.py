"""Tokenizers: a frozen encoder and decoder, between which the quantizers are compared."""

from typing import Protocol

from torch import Tensor

from empirical.tokenizers.pocket import PocketTokenizer, default_pocket
from empirical.tokenizers.var import VARTokenizer

__all__ = ["PocketTokenizer", "Tokenizer", "VARTokenizer", "default_pocket"]


class Tokenizer(Protocol):
    """What all tokenizers share: images to latents and back."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents (B, C, h, w) of images (B, 3, H, W) in [-1, 1]."""

    def decode(self, z_q: Tensor) -> Tensor:
        """Return the images, not clamped, that belong to latents."""
