"""Online VQ: its update in plain formulas, revival, and the anchor that the published run took."""

import dataclasses

import pytest
import torch

from empirical.quantizers import OnlineQuantizer, VanillaQuantizer, build
from empirical.quantizers._nearest import farthest
from empirical.quantizers.online import SETTINGS, VP2_SETTINGS, OnlineSettings


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(K, dim, anchor="closest", *, data_init=True):
    gradient = dataclasses.replace(SETTINGS["fair"].gradient, data_init=data_init)
    settings = OnlineSettings(gradient, anchor)
    return OnlineQuantizer(dim, K, settings, generator=torch.Generator().manual_seed(1))


def train(quantizer, steps, rows, *, lr=1e-3, first=0):
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=lr)
    for seed in range(first, first + steps):
        losses = quantizer(vectors(rows, quantizer.dim, seed=seed)).losses
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()


def held_out(quantizer):
    """Return share of codes in use and error a dimension on fresh vectors."""
    z = vectors(10_000, quantizer.dim, seed=99_999)
    result = quantizer.eval()(z)
    used = (quantizer.usage(result.codes) > 0).double().mean()
    return float(used), float((z - result.z_q).square().mean().detach())


@pytest.mark.parametrize("anchor", ["closest", "farthest"])
def test_updates_follow_the_published_formulas(anchor):
    quantizer = make(8, 3, anchor).double()
    use, codebook = torch.zeros(8).double(), None
    for seed in range(4):
        z = vectors(40, 3, seed=seed).double()
        quantizer._prepare(z)
        codebook = quantizer.codebook.detach().clone()
        codes = quantizer(z).codes
        use = 0.99 * use + 0.01 * torch.bincount(codes, minlength=8) / 40
        distances = torch.cdist(codebook, z)
        chosen = z[distances.argmin(dim=1) if anchor == "closest" else distances.argmax(dim=1)]
        a = torch.exp(-10 * 8 * use / (1 - 0.99) - 1e-3)[:, None]
        torch.testing.assert_close(quantizer.use, use)
        torch.testing.assert_close(quantizer.codebook.detach(), (1 - a) * codebook + a * chosen)


def test_codewords_are_looked_up_before_they_move():
    quantizer = make(16, 3)
    quantizer(vectors(100, 3))
    before = quantizer.codebook.detach().clone()
    result = quantizer(vectors(100, 3, seed=1))
    assert torch.equal(result.z_q, before[result.codes])


def test_codes_pushed_out_of_the_data_come_back_and_without_revival_do_not():
    """Half of the codes start at radius 100; the order of steps is that of training."""
    used = {}
    for kind in (OnlineQuantizer, VanillaQuantizer):
        if kind is OnlineQuantizer:
            quantizer = make(16, 4)
        else:
            quantizer = VanillaQuantizer(
                4, 16, SETTINGS["fair"].gradient, generator=torch.Generator().manual_seed(1)
            )
        train(quantizer, 1, 200)
        quantizer.codebook.data[8:] = 100 * torch.nn.functional.normalize(vectors(8, 4, seed=7), dim=1)
        train(quantizer, 300, 200, first=1)
        used[kind], _ = held_out(quantizer)
    assert used == {OnlineQuantizer: 1.0, VanillaQuantizer: 0.5}


def test_the_farthest_anchor_of_the_published_run_costs_error():
    """Codebooks that start at the origin, 8 dimensions, 512 codewords, 200 steps; here 0.42 against 0.58."""
    error, used = {}, {}
    for anchor in ("closest", "farthest"):
        quantizer = make(512, 8, anchor, data_init=False)
        train(quantizer, 200, 1024)
        used[anchor], error[anchor] = held_out(quantizer)
    assert error["closest"] < 0.85 * error["farthest"]
    assert used["closest"] > used["farthest"]


def test_protocols_differ_as_documented():
    assert [SETTINGS[name].anchor for name in ("as_run", "paper", "fair")] == [
        "farthest",
        "closest",
        "closest",
    ]
    assert [SETTINGS[name].gradient.synced for name in ("as_run", "paper", "fair")] == [False, True, True]
    assert SETTINGS["as_run"].gradient.commitment == 1.0
    assert VP2_SETTINGS["as_run"].anchor == "farthest"
    assert build("online", 4, 16, "as_run").anchor == "farthest"


def test_the_farthest_search_agrees_with_all_distances():
    u, codebook = vectors(300, 5), vectors(2000, 5, seed=1) + 3
    assert torch.equal(farthest(u, codebook), torch.cdist(u, codebook).argmax(dim=1))
