"""What all tokenizers share: images to latents and back."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Tokenizer(nn.Module, ABC):
    """An encoder and a decoder, between which the quantizers are compared.

    Attributes
    ----------
    latent_channels : int
        Channels C of the latents.
    downsampling : int
        Pixels a side of the patch that a latent vector stands for.
    """

    latent_channels: int
    downsampling: int

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return the latents (B, C, h, w) of images (B, 3, H, W) in [-1, 1]."""

    @abstractmethod
    def decode(self, z_q: Tensor) -> Tensor:
        """Return the images, not clamped, that belong to latents."""

    @property
    @abstractmethod
    def last_layer(self) -> nn.Parameter:
        """Weight of the decoder's last layer, at which the adaptive weight of a GAN compares gradients."""

    def compile_networks(self, **options: Any) -> None:
        """Compile the encoder, and the decoder up to its last layer.

        What is compiled is one node of the graph: for a gradient at the last layer its whole backward pass
        would run, and not at all where a compiled pass frees the graph that another has to keep.

        Parameters
        ----------
        **options
            Those of `torch.compile`.
        """
        self.get_submodule("encoder").compile(**options)
        decoder: Any = self.get_submodule("decoder")
        decoder.features = torch.compile(decoder.features, **options)
