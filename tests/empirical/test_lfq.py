"""LFQ: signs, entropy on and off, protocols, numpy twin."""

import numpy as np
import pytest
import torch

from empirical.quantizers import LFQQuantizer, build
from empirical.quantizers.lfq import SETTINGS
from qtheory import quantizers as reference
from qtheory.errors import DomainError


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [1, 3, 16])
def test_codes_and_codewords_agree_with_numpy_code_for_code(dim):
    z = vectors(20_000, dim)
    z[0] = 0
    quantizer, twin = LFQQuantizer(dim, SETTINGS["fair"]), reference.LFQ(dim)
    codes = quantizer.encode(z)
    np.testing.assert_array_equal(codes.numpy(), twin.encode(z.double().numpy()))
    np.testing.assert_array_equal(quantizer.decode(codes), twin.decode(codes.numpy()))


def test_codes_and_codewords_are_in_bijection():
    quantizer = LFQQuantizer(10, SETTINGS["fair"])
    codes = torch.arange(1024)
    assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes)


def test_protocols_differ_as_documented():
    z = vectors(50, 8)
    terms = {name: set(build("lfq", 8, 256, name)(z).losses) for name in SETTINGS}
    both = {"commitment", "entropy"}
    assert terms == {"as_run": {"commitment"}, "paper": both, "fair": both}
    assert [SETTINGS[name].commitment for name in ("as_run", "paper", "fair")] == [1.0, 0.25, 0.25]
    assert SETTINGS["paper"].inverse_temperature == 100


def test_the_commitment_of_the_published_run_is_the_mean_squared_distance_to_the_signs():
    z = vectors(50, 8)
    result = build("lfq", 8, 256, "as_run")(z)
    torch.testing.assert_close(result.losses["commitment"], (z.abs() - 1).square().mean())


@pytest.mark.parametrize(("protocol", "used"), [("as_run", 1), ("paper", 64), ("fair", 64)])
def test_the_entropy_term_spreads_codes_and_without_it_they_collapse(protocol, used):
    """A linear layer before the quantizer starts on one side of all thresholds; only losses train it."""
    quantizer, layer = LFQQuantizer(6, SETTINGS[protocol]), torch.nn.Linear(6, 6)
    with torch.no_grad():
        layer.weight.copy_(0.3 * torch.eye(6))
        layer.bias.fill_(0.5)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    for seed in range(150):
        losses = quantizer(layer(vectors(256, 6, seed=seed))).losses
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    codes = quantizer.encode(layer(vectors(4000, 6, seed=999)))
    assert int((quantizer.usage(codes) > 0).sum()) == used


def test_sizes_other_than_powers_of_two_are_refused():
    with pytest.raises(DomainError, match="2\\^dim = 16 for dim=4, got 256"):
        build("lfq", 4, 256)
