"""Encoder and decoder of the VAR tokenizer (Tian et al. 2024; the network is that of VQGAN)."""

from torch import Tensor, nn
from torch.nn import functional

from empirical.tokenizers._var_layers import DownStage, Middle, UpStage, conv3x3, norm

_WIDTHS = (1, 1, 2, 2, 4)  # channels of stages 0 (full resolution) to 4 (a sixteenth), in units of ch
_LAST = len(_WIDTHS) - 1
_ENCODER_BLOCKS = 2
_DECODER_BLOCKS = 3
DOWNSAMPLING = 2**_LAST


class Encoder(nn.Module):
    """Images to latents at a sixteenth of the resolution.

    Parameters
    ----------
    ch : int
        Channels at full resolution.
    z_channels : int
        Channels of the latents.
    """

    def __init__(self, ch: int, z_channels: int) -> None:
        super().__init__()
        widths = [ch * factor for factor in _WIDTHS]
        self.conv_in = conv3x3(3, ch)
        self.down = nn.ModuleList(
            DownStage(widths[max(i - 1, 0)], width, _ENCODER_BLOCKS, lowest=i == _LAST)
            for i, width in enumerate(widths)
        )
        self.mid = Middle(widths[-1])
        self.norm_out = norm(widths[-1])
        self.conv_out = conv3x3(widths[-1], z_channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        for stage in self.down:
            h = stage(h)
        z: Tensor = self.conv_out(functional.silu(self.norm_out(self.mid(h))))
        return z


class Decoder(nn.Module):
    """Latents to images of sixteen times the resolution.

    Parameters
    ----------
    ch : int
        Channels at full resolution.
    z_channels : int
        Channels of the latents.
    """

    def __init__(self, ch: int, z_channels: int) -> None:
        super().__init__()
        widths = [ch * factor for factor in _WIDTHS]
        self.conv_in = conv3x3(z_channels, widths[-1])
        self.mid = Middle(widths[-1])
        # numbered as in the encoder: 0 has the full resolution and runs last
        self.up = nn.ModuleList(
            UpStage(widths[min(i + 1, _LAST)], width, _DECODER_BLOCKS, lowest=i == _LAST, highest=i == 0)
            for i, width in enumerate(widths)
        )
        self.norm_out = norm(ch)
        self.conv_out = conv3x3(ch, 3)

    def features(self, z: Tensor) -> Tensor:
        """Return what the last layer gets."""
        h = self.mid(self.conv_in(z))
        for stage in self.up[::-1]:
            h = stage(h)
        return functional.silu(self.norm_out(h))

    def forward(self, z: Tensor) -> Tensor:
        x_hat: Tensor = self.conv_out(self.features(z))
        return x_hat
