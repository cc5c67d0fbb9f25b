"""Quantizers as the conformance suite builds them."""

import torch

from empirical.quantizers import build

DIM, K = 8, 256
# the official form of FSQ has no two levels, which is what is left for each of 8 dimensions
# and VAR's scales are those of a map of 2 x 2 positions with 2 channels
OPTIONS = {"fsq": {"form": "symmetric"}, "var": {"scales": (1, 2), "sizes": (16, 2)}}


def make(name):
    """Return an untrained quantizer."""
    return build(name, DIM, K, **OPTIONS.get(name, {}))


def vectors(*shape, seed=0):
    """Return standard normal vectors."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
