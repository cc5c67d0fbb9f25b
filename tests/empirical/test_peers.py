"""Against independent implementations: vector-quantize-pytorch 1.32 and faiss.

Where they disagree, the test says who is right, and shows it by a third computation.
"""

import faiss
import numpy as np
import pytest
import torch
import vector_quantize_pytorch as peer
from vector_quantize_pytorch.vector_quantize_pytorch import kmeans as peer_kmeans
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from empirical.quantizers import (
    BSQQuantizer,
    EMAQuantizer,
    FSQQuantizer,
    KMeansQuantizer,
    LFQQuantizer,
    OPQQuantizer,
    ResidualQuantizer,
)
from empirical.quantizers._binary import BinarySettings, batch_entropy, vector_entropy
from empirical.quantizers.base import GRADIENTS
from empirical.quantizers.ema import EMASettings
from qtheory.errors import DomainError
from sims import kmeans


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def reversed_bits(codes, bits):
    """Return codes with the first bit highest: the peer's order, where ours has the first lowest."""
    return sum(((codes >> i) & 1) << (bits - 1 - i) for i in range(bits))


@pytest.mark.parametrize("levels", [[3, 5, 7], [4, 6, 8], [8, 5, 5, 5]])
@pytest.mark.parametrize("symmetric", [False, True])
def test_fsq_has_the_peers_codewords_in_the_peers_order(levels, symmetric):
    form = "symmetric" if symmetric else "official"
    ours, theirs = FSQQuantizer(levels, form=form), peer.FSQ(levels, preserve_symmetry=symmetric)
    codes = torch.arange(ours.codebook_size)
    assert ours.codebook_size == theirs.codebook_size == np.prod(levels)
    torch.testing.assert_close(ours.decode(codes), theirs.indices_to_codes(codes))
    assert torch.equal(theirs.codes_to_indices(ours.decode(codes)).long(), codes)


@pytest.mark.parametrize("levels", [[2, 2, 2], [3, 5, 7], [2, 4, 5]])
def test_symmetric_fsq_gives_the_peers_codes(levels):
    z = 2 * vectors(1, 20_000, len(levels))
    ours, theirs = FSQQuantizer(levels, form="symmetric"), peer.FSQ(levels, preserve_symmetry=True)
    values, codes = theirs(z)
    # ties of rounding and float32 may fall to either side
    assert (ours.encode(z) == codes).float().mean() > 0.9999
    agree = ours.encode(z) == codes
    torch.testing.assert_close(ours(z).z_q[agree], values[agree])


@pytest.mark.parametrize("levels", [[3, 5, 7], [4, 6, 8]])
def test_official_fsq_differs_from_the_peer_only_where_the_margin_moves_a_threshold(levels):
    """The peer widens the tanh by 0.001, the published code narrows it by 0.001, as ours does."""
    z = 2 * vectors(1, 20_000, len(levels))
    ours, theirs = FSQQuantizer(levels), peer.FSQ(levels)
    differ = ours.encode(z) != theirs(z)[1]
    # thresholds lie half a level from an integer: a digit is safe 0.002 of the range away from them
    radius = (torch.tensor(levels) - 1) / 2
    offset = torch.where(torch.tensor(levels) % 2 == 0, 0.5, 0.0)
    bounded = radius * torch.tanh(z + torch.atanh(offset / radius)) - offset
    distance = ((bounded - 0.5) - (bounded - 0.5).round()).abs()
    near = (distance < 0.002 * (radius + 0.5)).any(dim=-1)
    assert differ.any()
    assert near[differ].all()


def test_a_thousand_levels_all_occur_and_beyond_the_peer_makes_codes_that_do_not_exist():
    """A margin of 0.001 is half a level there: codes of ours lie in [0, L), and it refuses more levels."""
    z = torch.tensor([[[-100.0], [100.0]]])
    assert FSQQuantizer([1000]).encode(z).tolist() == [[0, 999]]
    with pytest.raises(DomainError, match="at most 1000 in the official form, got 1003"):
        FSQQuantizer([1003])
    assert peer.FSQ([1003])(z)[1].tolist() == [[-1, 1003]]


@pytest.mark.parametrize("spherical", [False, True])
def test_signs_and_codewords_are_the_peers_with_the_bits_in_the_other_order(spherical):
    d = 6
    ours = (BSQQuantizer if spherical else LFQQuantizer)(d, BinarySettings(commitment=0.0))
    theirs = peer.LFQ(codebook_size=2**d, dim=d, spherical=spherical).eval()
    z = vectors(1, 500, d)
    values, codes, _ = theirs(z)
    assert torch.equal(reversed_bits(ours.encode(z), d), codes)
    torch.testing.assert_close(ours(z).z_q, values)
    torch.testing.assert_close(ours.decode(ours.encode(z)), theirs.indices_to_codes(codes))


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("tau", [1.0, 100.0])
def test_entropies_and_commitment_are_the_peers(spherical, tau):
    """The peer takes no logarithm below that of 1e-5, and may lose K 1e-5 / e of an entropy, ours nothing."""
    d = 6
    settings = BinarySettings(commitment=0.25, entropy=0.1, inverse_temperature=tau)
    ours = (BSQQuantizer if spherical else LFQQuantizer)(d, settings)
    theirs = peer.LFQ(codebook_size=2**d, dim=d, spherical=spherical, commitment_loss_weight=0.25)
    z = 0.3 * vectors(1, 400, d)
    result, parts = theirs(z, inv_temperature=tau, return_loss_breakdown=True)
    losses = ours(z).losses
    lost = 2**d * 1e-5 / np.e
    assert float(losses["commitment"]) == pytest.approx(0.25 * float(parts.commitment), rel=1e-5)
    difference = float(parts.per_sample_entropy - parts.batch_entropy)
    assert float(losses["entropy"]) == pytest.approx(0.1 * difference, abs=0.2 * lost + 1e-5)
    assert float(result.entropy_aux_loss) == pytest.approx(float(sum(losses.values())), abs=0.2 * lost + 1e-5)


def test_the_entropy_of_many_codes_is_what_the_softmax_says_and_the_peer_falls_short():
    """Uniform over 2^18 codes, each probability is 3.8e-6, below the peer's floor of 1e-5: ours is right."""
    d = 18
    logits = torch.zeros(1, d)
    assert float(vector_entropy(logits)) == pytest.approx(d * np.log(2), rel=1e-6)
    assert float(batch_entropy(logits)) == pytest.approx(d * np.log(2), rel=1e-6)
    theirs = peer.LFQ(codebook_size=2**d, dim=d)
    _, parts = theirs(torch.zeros(1, 1, d), inv_temperature=1.0, return_loss_breakdown=True)
    assert float(parts.per_sample_entropy) == pytest.approx(-np.log(1e-5), rel=1e-4)


def test_moving_averages_follow_the_peers_from_the_same_start():
    d, K = 4, 16
    settings = EMASettings(
        commitment=1.0, decay=0.8, epsilon=1e-5, data_init=False, revive_below=0.0, synced=False
    )
    ours = EMAQuantizer(d, K, settings, generator=torch.Generator().manual_seed(0))
    theirs = peer.VectorQuantize(d, K, decay=0.8, eps=1e-5, threshold_ema_dead_code=0)
    start = vectors(K, d, seed=1)
    ours.codebook.copy_(start)
    ours.ema_sum.copy_(start)
    ours.ema_count.fill_(1.0)  # the peer's start; the published run began with zeros
    theirs._codebook.embed.copy_(start)
    theirs._codebook.embed_avg.copy_(start)
    for seed in range(2, 8):
        z = vectors(1, 200, d, seed=seed)
        result = ours(z)
        values, codes, loss = theirs(z)
        assert torch.equal(result.codes, codes)
        torch.testing.assert_close(result.z_q, values)
        torch.testing.assert_close(result.losses["commitment"], loss.sum())
        torch.testing.assert_close(ours.codebook, theirs._codebook.embed[0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(ours.ema_count, theirs._codebook.cluster_size[0])


def test_lloyds_iterations_are_the_peers_and_faiss_from_the_same_start():
    x, iterations = vectors(3000, 5).numpy().astype(np.float64), 8
    start = x[:20]
    theirs, _ = peer_kmeans(
        torch.from_numpy(x).float()[None],
        20,
        iterations,
        sample_fn=lambda samples, many: torch.from_numpy(start).float()[None],
    )
    bare = faiss.Kmeans(5, 20, niter=iterations, max_points_per_centroid=3000)
    bare.train(x.astype(np.float32), init_centroids=start.astype(np.float32))
    ours = kmeans._lloyd(x, start, iterations, seed=0, threads=1)
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(ours, bare.centroids, atol=1e-4)


def test_the_k_means_reference_is_as_good_as_faiss_alone():
    """Both stop in local optima; the exact steps at the end may only help."""
    x = vectors(4000, 6)
    ours = KMeansQuantizer(6, 32, iterations=25, generator=torch.Generator().manual_seed(0))
    ours.fit(x)
    error = float((x - ours(x).z_q).square().sum(1).mean())
    bare = faiss.Kmeans(6, 32, niter=25, max_points_per_centroid=4000, nredo=3, seed=1)
    bare.train(x.numpy())
    distances, _ = bare.index.search(x.numpy(), 1)
    assert error < 1.02 * float(distances.mean())


def test_product_codes_are_those_of_faiss():
    d, blocks, bits = 8, 2, 4
    x = vectors(2000, d)
    theirs = faiss.ProductQuantizer(d, blocks, bits)
    theirs.train(x.numpy())
    codebooks = faiss.vector_to_array(theirs.centroids).reshape(blocks, 2**bits, d // blocks)
    ours = OPQQuantizer((4, 4), (16, 16), rotated=False, generator=torch.Generator())
    ours.fit(x)
    for block, codebook in zip(ours.product.blocks, codebooks, strict=True):
        block.codebook.copy_(torch.from_numpy(codebook))
    packed = theirs.compute_codes(x.numpy())[:, 0]  # two codes of four bits a byte, the first lowest
    assert (ours.encode(x).numpy() == packed).mean() > 0.999
    np.testing.assert_allclose(
        ours.decode(torch.from_numpy(packed.astype(np.int64))), theirs.decode(packed[:, None]), rtol=1e-6
    )


def test_residual_codes_are_those_of_faiss_when_it_searches_one_beam():
    d, stages, bits = 6, 2, 4
    x = vectors(2000, d)
    theirs = faiss.ResidualQuantizer(d, stages, bits)
    theirs.max_beam_size = 1
    theirs.train(x.numpy())
    codebooks = faiss.vector_to_array(theirs.codebooks).reshape(stages, 2**bits, d)
    ours = ResidualQuantizer(d, (16, 16), generator=torch.Generator())
    ours.fit(x)
    for book, codebook in zip(ours.stages, codebooks, strict=True):
        book.codebook.copy_(torch.from_numpy(codebook))
    packed = theirs.compute_codes(x.numpy())[:, 0]
    assert (ours.encode(x).numpy() == packed).mean() > 0.999


def test_the_rotation_trick_is_the_peers():
    u, q, weights = (vectors(40, 5, seed=seed).double() for seed in range(3))
    gradients = []
    for trick in (GRADIENTS["rotation"], rotate_to):
        free = u.clone().requires_grad_()
        value = trick(free, q)
        torch.testing.assert_close(value, q)
        gradients.append(torch.autograd.grad((value * weights).sum(), free)[0])
    torch.testing.assert_close(*gradients)
