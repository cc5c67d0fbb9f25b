"""A small discriminator with random weights, for tests of its parts."""

import torch

from empirical.discriminator import Discriminator, ViT


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tiny(seed=0, taps=(0, 2), kernel=9):
    backbone = ViT(side=16, patch=4, dim=16, depth=3, heads=2, generator=generator(seed))
    # the class token and biases take part
    for name, parameter in backbone.named_parameters():
        if name.endswith("bias") or name == "cls_token":
            parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator(len(name)))
    return Discriminator(backbone, taps, kernel, generator=generator(seed + 1))


def images(n=4, side=20, seed=5):
    return torch.rand(n, 3, side, side, generator=generator(seed)) * 2 - 1
