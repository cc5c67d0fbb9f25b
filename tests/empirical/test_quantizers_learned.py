"""EMA and product quantizers: updates in closed form, revival, protocols, composite codes."""

import dataclasses

import numpy as np
import pytest
import torch

from empirical.quantizers import EMAQuantizer, ProductQuantizer, build
from empirical.quantizers.ema import SETTINGS
from qtheory.codebooks import Codebook, token_index
from qtheory.errors import DomainError, ShapeError
from qtheory.quantizers import NearestNeighbor, Product


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ema(protocol="fair", dim=4, K=16, **changes):
    settings = dataclasses.replace(SETTINGS[protocol], **changes)
    return EMAQuantizer(dim, K, settings, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("protocol", sorted(SETTINGS))
def test_moving_averages_follow_their_closed_form(protocol):
    """After t batches: c = sum (1 - g) g^(t-s) n_s + g^t c_0, and the same for the sums."""
    quantizer = ema(protocol, revive_below=0.0).double()
    g, eps, K = quantizer.settings.decay, quantizer.settings.epsilon, quantizer.codebook_size
    batches = [vectors(200, 4, seed=seed).double() for seed in range(5)]
    quantizer._prepare(batches[0])
    count, total = quantizer.ema_count.numpy().copy(), quantizer.ema_sum.numpy().copy()
    for z in batches:
        codes = quantizer(z).codes.numpy()
        count = g * count + (1 - g) * np.bincount(codes, minlength=K)
        sums = np.stack([np.bincount(codes, weights=column, minlength=K) for column in z.numpy().T], 1)
        total = g * total + (1 - g) * sums
    smoothed = (count + eps) / (count.sum() + K * eps) * count.sum()
    np.testing.assert_allclose(quantizer.ema_count, count, rtol=1e-6)
    np.testing.assert_allclose(quantizer.codebook, total / smoothed[:, None], rtol=1e-6)


def test_codewords_are_looked_up_before_they_move():
    quantizer = ema()
    quantizer(vectors(100, 4))
    before = quantizer.codebook.clone()
    result = quantizer(vectors(100, 4, seed=1))
    assert torch.equal(result.z_q, before[result.codes])
    assert not torch.equal(quantizer.codebook, before)


def test_data_start_puts_codewords_on_vectors_of_the_first_batch():
    quantizer, z = ema(), vectors(100, 4)
    quantizer._prepare(z)
    assert all((row == z).all(dim=1).any() for row in quantizer.codebook)


def test_a_codebook_larger_than_the_batch_fills_up_over_several_batches():
    quantizer = ema(K=64)
    for seed in range(6):
        quantizer(vectors(32, 4, seed=seed))
        # the vectors of the first batch have their codewords: others wait for those of the second
        assert torch.unique(quantizer.codebook, dim=0).shape[0] == 64
        assert int((quantizer.ema_count > 0).sum()) == min(64, 32 * (seed + 1))


def test_dead_codes_are_revived_and_stay_alive():
    """Half of the codes start where no data is; with revival all are in use soon, without none is."""
    used = {}
    for share in (0.0, 0.02):
        quantizer = ema(revive_below=share)
        quantizer(vectors(200, 4))
        quantizer.codebook[8:] = 100.0
        quantizer.ema_sum[8:] = 100.0 * quantizer.ema_count[8:, None]
        for seed in range(1, 500):
            quantizer(vectors(200, 4, seed=seed))
        used[share] = int((quantizer.usage(quantizer.eval().encode(vectors(5000, 4, seed=999))) > 0).sum())
    assert used == {0.0: 8, 0.02: 16}


def revived(quantizer, z):
    """Train on a batch after code 3 died, and return the row of the batch that it moved to."""
    quantizer(z)  # the first step revives none
    quantizer.ema_count[3] = 0.0
    quantizer.codebook[3] = 100.0
    quantizer(z)
    return int(torch.nonzero((z == quantizer.codebook[3]).all(dim=1)))


def test_a_single_dead_code_moves_to_a_random_vector_that_generator_and_update_determine():
    """Of 64 rows: a rule that always takes one of them would repeat it; 40 draws meet over 20 rows."""
    z = vectors(64, 4)
    rows = []
    for seed in range(40):
        generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
        twins = [EMAQuantizer(4, 16, SETTINGS["fair"], generator=generator) for generator in generators]
        first, second = (revived(quantizer, z) for quantizer in twins)
        assert first == second
        rows.append(first)
    assert len(set(rows)) > 20
    assert {revived(twins[0], z) for _ in range(8)} != {rows[-1]}, "the next update draws anew"


def test_a_restored_quantizer_revives_the_same_code_on_the_same_vector():
    straight, resumed = ema(), ema()
    straight(vectors(64, 4))
    resumed.load_state_dict(straight.state_dict())
    assert revived(straight, vectors(64, 4, seed=1)) == revived(resumed, vectors(64, 4, seed=1))


def test_codes_never_hit_in_the_published_run_start_far_out_and_shrink_by_the_decay():
    """Their count is zero, so their radius is the initial one over epsilon, times 0.8 a step."""
    quantizer = ema("as_run", K=256)
    start = quantizer.codebook.clone()
    quantizer(vectors(64, 4))
    lonely = quantizer.ema_count == 0
    assert lonely.sum() > 100
    n = quantizer.ema_count.sum()
    expected = 0.8 * start[lonely] * (n + 256e-5) / (1e-5 * n)
    torch.testing.assert_close(quantizer.codebook[lonely], expected, rtol=1e-4, atol=0)


def test_protocols_differ_as_documented():
    as_run, paper, fair = (SETTINGS[name] for name in ("as_run", "paper", "fair"))
    assert (as_run.decay, paper.decay, fair.decay) == (0.8, 0.99, 0.99)
    assert (as_run.commitment, paper.commitment, fair.commitment) == (1.0, 0.25, 0.25)
    assert (as_run.data_init, paper.data_init, fair.data_init) == (False, False, True)
    assert (as_run.synced, paper.synced, fair.synced) == (False, True, True)
    assert as_run.revive_below == paper.revive_below == 0 < fair.revive_below
    assert as_run.epsilon == 1e-5


def test_the_loss_is_the_commitment_alone():
    quantizer = ema()
    quantizer(vectors(50, 4))
    z = vectors(50, 4).requires_grad_()
    result = quantizer.eval()(z)
    expected = 0.25 * (z - quantizer.codebook[result.codes]).square().mean()
    assert set(result.losses) == {"commitment"}
    torch.testing.assert_close(result.losses["commitment"], expected)


def test_codes_agree_with_the_numpy_quantizers():
    quantizer = build("ema_vp2", 8, 256)
    for seed in range(20):
        quantizer(vectors(500, 8, seed=seed))
    blocks = [NearestNeighbor(Codebook(block.codebook.numpy())) for block in quantizer.blocks]
    z = vectors(2000, 8, seed=99)
    np.testing.assert_array_equal(
        quantizer.eval().encode(z).numpy(), Product(tuple(blocks)).encode(z.numpy())
    )


def test_composite_codes_are_a_bijection_with_the_first_block_running_fastest():
    sizes = (4, 3, 5)
    product = ProductQuantizer([ema(dim=2, K=size) for size in sizes])
    product(vectors(100, 6))
    digits = np.stack(np.unravel_index(np.arange(60), sizes), axis=1)
    codes = torch.from_numpy(token_index(digits, sizes))
    expected = torch.cat(
        [b.codebook[torch.from_numpy(digits[:, m])] for m, b in enumerate(product.blocks)], 1
    )
    assert torch.equal(product.decode(codes), expected)
    assert sorted(codes.tolist()) == list(range(60))


def test_the_loss_of_unequal_blocks_is_that_of_the_concatenation():
    product = ProductQuantizer([ema(dim=1, K=4), ema(dim=3, K=8)])
    product(vectors(100, 4))
    z = vectors(60, 4, seed=1)
    result = product.eval()(z)
    torch.testing.assert_close(result.losses["commitment"], 0.25 * (z - result.z_q).square().mean())


def test_products_need_blocks_that_fit():
    with pytest.raises(ShapeError, match="blocks must not be empty"):
        ProductQuantizer([])
    with pytest.raises(DomainError, match="take codebook_size=256"):
        build("ema_vp2", 8, 250)
    with pytest.raises(DomainError, match="dim must be even"):
        build("ema_vp2", 7, 256)


def test_learned_codebooks_come_close_to_k_means():
    """On Gaussian vectors the error after training is within 5 % of the k-means reference."""
    z = vectors(20_000, 4)
    errors = {}
    for name in ("ema", "kmeans"):
        quantizer = build(name, 4, 64)
        if name == "kmeans":
            quantizer.fit(z)
        else:
            for rows in [*z.split(400)] * 8:
                quantizer(rows)
        fresh = vectors(20_000, 4, seed=5)
        errors[name] = float((fresh - quantizer.eval()(fresh).z_q).square().sum(1).mean())
    assert errors["ema"] < 1.05 * errors["kmeans"]
