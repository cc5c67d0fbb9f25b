"""Vanilla VQ and what all codebooks learned by gradient share."""

import pytest
import torch

from empirical.quantizers import VanillaQuantizer, build
from empirical.quantizers.vanilla import SETTINGS, VP2_SETTINGS


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(K, protocol="fair", dim=3):
    return VanillaQuantizer(dim, K, SETTINGS[protocol], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("protocol", "alpha", "beta"), [("as_run", 1.0, 1.0), ("fair", 1.0, 0.25)])
def test_losses_move_codewords_to_vectors_and_vectors_to_codewords(protocol, alpha, beta):
    quantizer, z = make(16, protocol), vectors(100, 3).requires_grad_()
    result = quantizer(z)
    error = float((z - result.z_q).square().mean().detach())
    losses = {key: float(value.detach()) for key, value in result.losses.items()}
    assert losses == pytest.approx({"codebook": alpha * error, "commitment": beta * error}, rel=1e-5)
    of_codebook = torch.autograd.grad(result.losses["codebook"], [z, quantizer.codebook], allow_unused=True)
    of_commitment = torch.autograd.grad(
        result.losses["commitment"], [z, quantizer.codebook], allow_unused=True
    )
    assert [slope is None for slope in (*of_codebook, *of_commitment)] == [True, False, False, True]


def test_the_gradient_of_a_codeword_is_its_count_times_its_distance_to_their_mean():
    quantizer, z = make(16).double(), vectors(100, 3).double()
    result = quantizer(z)
    (slope,) = torch.autograd.grad(result.losses["codebook"], quantizer.codebook)
    counts = quantizer.usage(result.codes)
    sums = torch.zeros(16, 3).double().index_add_(0, result.codes, z)
    expected = 2 / 300 * (counts[:, None] * quantizer.codebook.detach() - sums)
    torch.testing.assert_close(slope, expected)


def test_published_codebooks_start_uniform_within_one_over_the_codebook_size():
    start = make(4096, "as_run").codebook.detach() * 4096
    assert float(start.abs().max()) <= 1
    assert float(start.std()) == pytest.approx(3**-0.5, rel=0.02)


def test_fair_codebooks_fill_up_with_vectors_of_the_first_batches():
    quantizer = make(80)
    batches = [vectors(32, 3, seed=seed) for seed in range(4)]
    for count, batch in zip((32, 64, 80, 80), batches, strict=True):
        quantizer(batch)
        assert int(quantizer.placed) == count
    rows = torch.cat([batches[0], batches[1]])
    assert torch.equal(quantizer.codebook.detach()[:64], rows)
    assert all((row == batches[2]).all(dim=1).any() for row in quantizer.codebook.detach()[64:])


def test_the_last_free_codeword_gets_no_corner_of_the_batch():
    quantizer = make(33)
    batches = [vectors(32, 3, seed=seed) for seed in range(2)]
    for batch in batches:
        quantizer(batch)
    assert torch.equal(quantizer.codebook.detach()[32], batches[1][16])


def test_a_restored_quantizer_does_not_start_again():
    quantizer, z = make(16), vectors(100, 3)
    quantizer(z)
    other = make(16)
    other.load_state_dict(quantizer.state_dict())
    other(5 * z)
    assert torch.equal(other.codebook, quantizer.codebook)


def test_the_published_start_and_learning_rate_leave_most_codes_unused_where_a_start_on_data_does_not():
    """At K = 256 and a learning rate of 1e-3: the collapse measures the setting as well as the method."""
    used = {}
    for protocol in ("as_run", "fair"):
        quantizer = make(256, protocol, dim=4)
        optimizer = torch.optim.Adam(quantizer.parameters(), lr=1e-3)
        for seed in range(200):
            losses = quantizer(vectors(512, 4, seed=seed)).losses
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
        codes = quantizer.eval().encode(vectors(10_000, 4, seed=999))
        used[protocol] = float((quantizer.usage(codes) > 0).double().mean())
    assert used["as_run"] < 0.5
    assert used["fair"] > 0.95


def test_protocols_differ_as_documented():
    as_run, paper, fair = (SETTINGS[name] for name in ("as_run", "paper", "fair"))
    assert (as_run.commitment, paper.commitment, fair.commitment) == (1.0, 0.25, 0.25)
    assert (as_run.data_init, paper.data_init, fair.data_init) == (False, False, True)
    assert (as_run.synced, paper.synced, fair.synced) == (False, True, True)
    assert (as_run.decays, VP2_SETTINGS["as_run"].decays, VP2_SETTINGS["fair"].decays) == (True, False, True)
    assert build("vanilla_vp2", 4, 16, "as_run").blocks[0].settings.decays is False
