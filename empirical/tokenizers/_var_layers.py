"""Layers of the VAR tokenizer. Attribute names are those of the published checkpoint's keys."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

GROUPS = 32

norm = partial(nn.GroupNorm, GROUPS, eps=1e-6)
conv3x3 = partial(nn.Conv2d, kernel_size=3, padding=1)


class ResBlock(nn.Module):
    """Twice normalization, SiLU and a 3x3 convolution, added to the input.

    Where the number of channels changes, a 1x1 convolution takes the input to it.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = norm(channels)
        self.conv1 = conv3x3(channels, out_channels)
        self.norm2 = norm(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        # an Identity has no parameters, hence no keys
        self.nin_shortcut = (
            nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        return self.nin_shortcut(x) + h


class Attention(nn.Module):
    """Attention of one head over all positions, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        # (B, C, h, w) -> (B, one head, h w positions, C); scores are scaled by C^-1/2
        q, k, v = (
            part.flatten(2).transpose(1, 2).unsqueeze(1) for part in self.qkv(self.norm(x)).chunk(3, dim=1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(mixed.squeeze(1).transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2, of which only the right and lower border are padded."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Every pixel repeated 2x2, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Module):
    """Residual blocks at one resolution, each followed by attention where asked for.

    Parameters
    ----------
    channels, out_channels : int
        Before and after the first block.
    blocks : int
        Number of blocks.
    attention : bool
        Whether attention follows each block.

    Attributes
    ----------
    recompute : bool
        Whether a backward pass computes the insides of blocks again instead of keeping them.
    """

    def __init__(self, channels: int, out_channels: int, blocks: int, *, attention: bool) -> None:
        super().__init__()
        widths = [channels] + [out_channels] * blocks
        self.block = nn.ModuleList(ResBlock(widths[i], widths[i + 1]) for i in range(blocks))
        self.attn = nn.ModuleList(Attention(out_channels) for _ in range(blocks if attention else 0))
        self.recompute = False

    def forward(self, x: Tensor) -> Tensor:
        for i, block in enumerate(self.block):
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
            else:
                x = block(x)
            if self.attn:
                x = self.attn[i](x)
        return x


class DownStage(Stage):
    """A stage of the encoder: blocks, then half the resolution unless it is the last stage."""

    def __init__(self, channels: int, out_channels: int, blocks: int, *, lowest: bool) -> None:
        super().__init__(channels, out_channels, blocks, attention=lowest)
        self.downsample = nn.Identity() if lowest else Downsample(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(super().forward(x))


class UpStage(Stage):
    """A stage of the decoder: blocks, then twice the resolution unless it has the full one."""

    def __init__(self, channels: int, out_channels: int, blocks: int, *, lowest: bool, highest: bool) -> None:
        super().__init__(channels, out_channels, blocks, attention=lowest)
        self.upsample = nn.Identity() if highest else Upsample(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(super().forward(x))


class Middle(nn.Module):
    """Residual block, attention, residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = ResBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))
