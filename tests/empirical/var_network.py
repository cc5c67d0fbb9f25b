"""The VAR tokenizer once more, as functions of a state dict, and a small one to compare it with."""

from fractions import Fraction

import torch
from torch.nn import functional

from empirical.tokenizers import VARTokenizer

SIDES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)


def small(seed=0, **sizes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VARTokenizer(**{"ch": 32, "z_channels": 4, "codebook_size": 24, **sizes}).eval()


def uniform(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def conv(s, P, x, **options):
    return functional.conv2d(x, s[f"{P}.weight"], s[f"{P}.bias"], **options)


def norm(s, P, x):
    groups = x.unflatten(1, (32, -1))
    mean = groups.mean((2, 3, 4), keepdim=True)
    variance = (groups - mean).square().mean((2, 3, 4), keepdim=True)
    flat = ((groups - mean) / (variance + 1e-6).sqrt()).flatten(1, 2)
    return flat * s[f"{P}.weight"][:, None, None] + s[f"{P}.bias"][:, None, None]


def swish(x):
    return x / (1 + torch.exp(-x))


def res(s, P, x):
    h = conv(s, f"{P}.conv1", swish(norm(s, f"{P}.norm1", x)), padding=1)
    h = conv(s, f"{P}.conv2", swish(norm(s, f"{P}.norm2", h)), padding=1)
    return h + (conv(s, f"{P}.nin_shortcut", x) if f"{P}.nin_shortcut.weight" in s else x)


def attention(s, P, x):
    channels = x.shape[1]
    q, k, v = conv(s, f"{P}.qkv", norm(s, f"{P}.norm", x)).flatten(2).split(channels, dim=1)
    scores = torch.einsum("bci,bcj->bij", q, k) / channels**0.5
    weights = scores.exp() / scores.exp().sum(2, keepdim=True)
    mixed = torch.einsum("bij,bcj->bci", weights, v).reshape(x.shape)
    return x + conv(s, f"{P}.proj_out", mixed)


def middle(s, P, x):
    return res(s, f"{P}.block_2", attention(s, f"{P}.attn_1", res(s, f"{P}.block_1", x)))


def encode(s, x):
    h = conv(s, "encoder.conv_in", x, padding=1)
    for i in range(5):
        for j in range(2):
            h = res(s, f"encoder.down.{i}.block.{j}", h)
            if i == 4:
                h = attention(s, f"encoder.down.4.attn.{j}", h)
        if i < 4:
            h = functional.pad(h, (0, 1, 0, 1))
            h = conv(s, f"encoder.down.{i}.downsample.conv", h, stride=2)
    h = swish(norm(s, "encoder.norm_out", middle(s, "encoder.mid", h)))
    return conv(s, "quant_conv", conv(s, "encoder.conv_out", h, padding=1), padding=1)


def decode(s, z):
    h = conv(s, "decoder.conv_in", conv(s, "post_quant_conv", z, padding=1), padding=1)
    h = middle(s, "decoder.mid", h)
    for i in (4, 3, 2, 1, 0):
        for j in range(3):
            h = res(s, f"decoder.up.{i}.block.{j}", h)
            if i == 4:
                h = attention(s, f"decoder.up.4.attn.{j}", h)
        if i > 0:
            h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            h = conv(s, f"decoder.up.{i}.upsample.conv", h, padding=1)
    return conv(s, "decoder.conv_out", swish(norm(s, "decoder.norm_out", h)), padding=1)


def nearest_ticks(scale):
    """The phis whose tick, of four from 1/12 to 11/12, is nearest to s/9; two where they tie."""
    ticks = [Fraction(1, 12) + k * Fraction(10, 36) for k in range(4)]
    distances = [abs(tick - Fraction(scale, 9)) for tick in ticks]
    return [k for k in range(4) if distances[k] == min(distances)]


def native(s, f):
    """Codes and quantized latents of one latent image (C, 16, 16), position by position."""
    book = s["quantize.embedding.weight"]
    f_hat, codes = torch.zeros_like(f), []
    for scale, side in enumerate(SIDES):
        grid = torch.zeros(len(f), side, side, dtype=f.dtype)
        for i in range(side):
            for j in range(side):
                rows = slice(i * 16 // side, -((i + 1) * -16 // side))
                columns = slice(j * 16 // side, -((j + 1) * -16 // side))
                average = (f - f_hat)[:, rows, columns].mean((1, 2))
                codes.append(min(range(len(book)), key=lambda k: float(((average - book[k]) ** 2).sum())))
                grid[:, i, j] = book[codes[-1]]
        h = functional.interpolate(grid[None], (16, 16), mode="bicubic")
        P = f"quantize.quant_resi.qresi_ls.{nearest_ticks(scale)[-1]}"
        f_hat = f_hat + (h / 2 + conv(s, P, h, padding=1) / 2)[0]
    return f_hat, torch.tensor(codes)
