"""MMD VQ: tiles against the dense formula, bias and its absence, bandwidth from sums, training."""

import dataclasses

import pytest
import torch

from empirical import processes
from empirical.quantizers import MMDQuantizer, _discrepancy, build, mmd
from empirical.quantizers._discrepancy import squared_mmd
from empirical.quantizers.mmd import SETTINGS, VP2_SETTINGS, mean_squared_distance


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(K, settings=SETTINGS["fair"], dim=3):
    return MMDQuantizer(dim, K, settings, generator=torch.Generator().manual_seed(1))


def kernel(a, b, bandwidth):
    distances = (a[:, None] - b).square().sum(-1)
    return torch.exp(-distances / bandwidth) + torch.exp(-distances / (2 * bandwidth))


def dense_mmd(z, c, bandwidth, *, unbiased):
    zz, zc, cc = kernel(z, z, bandwidth), kernel(z, c, bandwidth), kernel(c, c, bandwidth)
    n, k = len(z), len(c)
    if not unbiased:
        return zz.mean() + cc.mean() - 2 * zc.mean()
    within = (zz.sum() - zz.trace()) / (n * (n - 1)) + (cc.sum() - cc.trace()) / (k * (k - 1))
    return within - 2 * zc.mean()


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("tile", [1, 7, 1000])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_tiles_agree_with_the_dense_formula_in_value_and_gradient(tile, unbiased, offset, monkeypatch):
    monkeypatch.setattr(_discrepancy, "_TILE_CPU", tile)
    z, c = vectors(50, 3) + offset, (0.7 * vectors(37, 3, seed=1) + offset).requires_grad_()
    bandwidth = torch.tensor(4.0).double()
    tiled = squared_mmd(z, c, bandwidth, unbiased=unbiased)
    dense = dense_mmd(z, c, bandwidth, unbiased=unbiased)
    torch.testing.assert_close(tiled, dense, rtol=1e-9, atol=1e-12)
    slopes = [torch.autograd.grad(value, c)[0] for value in (tiled, dense)]
    torch.testing.assert_close(*slopes, rtol=1e-8, atol=1e-12)


def test_one_vector_still_draws_the_codewords_by_the_unbiased_statistic():
    """It has no pairs of vectors, whose mean has no gradient anyhow."""
    z, c = vectors(1, 3), vectors(20, 3, seed=1).requires_grad_()
    cc, bandwidth = kernel(c, c, 4.0), torch.tensor(4.0).double()
    expected = (cc.sum() - cc.trace()) / (20 * 19) - 2 * kernel(z, c, 4.0).mean()
    found = squared_mmd(z, c, bandwidth, unbiased=True)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, c)[0] for value in (found, expected)))


@pytest.mark.parametrize("n", [1, 30])
def test_every_process_takes_part_in_the_sums_of_all_however_few_its_vectors(n, monkeypatch):
    """Others would wait for one that does not."""
    sums = []
    monkeypatch.setattr(mmd, "summed_over_ranks", lambda x, synced: sums.append(synced) or x)
    assert "mmd" in make(16)(vectors(n, 3).float()).losses
    assert sums == [True]


@pytest.mark.parametrize("unbiased", [True, False])
def test_the_gradient_agrees_with_numerical_ones(unbiased, monkeypatch):
    monkeypatch.setattr(_discrepancy, "_TILE_CPU", 4)
    z, c = vectors(9, 2), vectors(7, 2, seed=1).requires_grad_()
    bandwidth = torch.tensor(2.0).double()
    assert torch.autograd.gradcheck(lambda c: squared_mmd(z, c, bandwidth, unbiased=unbiased), c)


def test_single_precision_is_close_to_double():
    z, c = vectors(600, 16), 0.9 * vectors(500, 16, seed=1)
    bandwidth = torch.tensor(30.0).double()
    wide = squared_mmd(z, c, bandwidth, unbiased=True)
    narrow = squared_mmd(z.float(), c.float(), bandwidth.float(), unbiased=True)
    torch.testing.assert_close(narrow.double(), wide, rtol=1e-4, atol=1e-6)


def test_vectors_get_no_gradient_and_the_codebook_does():
    quantizer = make(16).eval().train()
    z = vectors(100, 3).float().requires_grad_()
    result = quantizer(z)
    inner = torch.autograd.grad(result.losses["mmd"], [z, quantizer.codebook], allow_unused=True)
    assert inner[0] is None
    assert inner[1].abs().sum() > 0


def test_the_bandwidth_is_the_mean_squared_distance_of_all_pairs():
    z, c = vectors(40, 3) + 50, 2 * vectors(25, 3, seed=1)
    both = torch.cat([z, c])
    expected = torch.cdist(both, both).square().sum() / (65 * 64)
    torch.testing.assert_close(mean_squared_distance(z, c), expected, rtol=1e-9, atol=0)


def test_the_published_run_takes_the_biased_statistic_of_all_pairs():
    """Its value, with bandwidth and coefficient, in plain formulas."""
    quantizer, z = make(16, SETTINGS["as_run"]).double(), vectors(60, 3)
    c = quantizer.codebook.detach().clone()
    both = torch.cat([z, c])
    bandwidth = torch.cdist(both, both).square().sum() / (76 * 75)
    expected = 1.0 * dense_mmd(z, c, bandwidth, unbiased=False)
    torch.testing.assert_close(quantizer(z).losses["mmd"].detach(), expected)


def test_a_subsample_of_rows_has_the_mean_of_all_pairs():
    """Subsamples of 8 of 60 vectors and of 40 codewords; U-statistics of subsets are unbiased.

    The mean of 300 draws lies within 6.1 standard errors of the value of all pairs (false alarm
    1e-9 for a normal mean); the biased statistic, the control, lies outside.
    """
    z, c = vectors(60, 2), 0.8 * vectors(40, 2, seed=1)
    bandwidth = mean_squared_distance(z, c)
    whole = float(dense_mmd(z, c, bandwidth, unbiased=True))
    far = {}
    for unbiased in (True, False):
        settings = dataclasses.replace(SETTINGS["fair"], gamma=1.0, rows=8, unbiased=unbiased)
        quantizer = make(40, settings, dim=2).double()
        quantizer.codebook.data.copy_(c)
        values = torch.empty(300).double()
        with torch.no_grad():
            for i in range(len(values)):
                values[i] = quantizer._matching(z)["mmd"]
                quantizer.step += 1
        far[unbiased] = abs(float(values.mean()) - whole) / (float(values.std()) / len(values) ** 0.5)
    assert far[True] < 6.1 < far[False]


@pytest.fixture
def drawn(monkeypatch):
    """The vectors and codewords of each discrepancy."""
    found = []

    def seen(features, codewords, bandwidth, *, unbiased):
        found.append((features, codewords.detach()))
        return squared_mmd(features, codewords, bandwidth, unbiased=unbiased)

    monkeypatch.setattr(mmd, "squared_mmd", seen)
    return found


@pytest.fixture
def among(monkeypatch):
    """A function that makes this process one of several."""

    def several(world):
        monkeypatch.setattr(processes, "several_processes", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world)
        monkeypatch.setattr(torch.distributed, "all_reduce", lambda sums: sums.mul_(world))

    return several


@pytest.mark.parametrize(("world", "share"), [(1, 12), (2, 6), (3, 4), (5, 2), (40, 1)])
def test_any_number_of_processes_draws_as_many_vectors_and_the_same_codewords(world, share, drawn, among):
    """12 of 120 vectors, of which each process has its part; 5 do not divide them, 40 are more."""
    settings, z = dataclasses.replace(SETTINGS["fair"], rows=12), vectors(120, 3).float()
    make(64, settings)._matching(z)
    among(world)
    make(64, settings)._matching(z[: 120 // world])
    (_, codewords), (features, same) = drawn
    assert len(features) == share
    assert torch.equal(same, codewords)


@pytest.mark.parametrize(("synced", "rows", "count"), [(True, 60, 30), (True, 40, 20), (False, 20, 20)])
def test_all_vectors_are_taken_where_those_of_all_processes_are_few(synced, rows, count, drawn, among):
    """30 vectors of 60; a process whose statistics are its own draws as many as it would alone."""
    gradient = dataclasses.replace(SETTINGS["fair"].gradient, synced=synced)
    among(2)
    make(64, dataclasses.replace(SETTINGS["fair"], rows=rows, gradient=gradient))._matching(
        vectors(30, 3).float()
    )
    assert len(drawn[0][0]) == count


def test_the_mean_gradient_of_two_processes_is_that_of_all_vectors(among, monkeypatch):
    """4 of 30 vectors in each, in the mean over 300 draws: within 6.1 standard errors, as above."""
    z, c = vectors(60, 2), 0.8 * vectors(40, 2, seed=1)
    whole, bandwidth = c.clone().requires_grad_(), mean_squared_distance(z, c)
    (expected,) = torch.autograd.grad(dense_mmd(z, whole, bandwidth, unbiased=True), whole)
    quantizer = make(40, dataclasses.replace(SETTINGS["fair"], gamma=1.0, rows=8), dim=2).double()
    quantizer.codebook.data.copy_(c)
    among(2)
    monkeypatch.setattr(mmd, "mean_squared_distance", lambda *_, **__: bandwidth)
    found = torch.empty(300).double()
    for i in range(len(found)):
        terms = [quantizer._matching(part)["mmd"] for part in z.chunk(2)]
        (slope,) = torch.autograd.grad(sum(terms) / 2, quantizer.codebook)
        found[i] = (slope * expected).sum()
        quantizer.step += 1
    error = float(found.std()) / len(found) ** 0.5
    length = float(expected.square().sum())
    assert abs(float(found.mean()) - length) < 6.1 * error < 0.5 * length


def test_all_codewords_take_turns_and_a_resumed_run_draws_the_same():
    settings = dataclasses.replace(SETTINGS["fair"], rows=8)
    quantizer, z = make(64, settings), vectors(100, 3).float()
    moved = torch.zeros(64, dtype=torch.bool)
    for step in range(60):
        if step == 50:
            resumed = make(64, settings)
            resumed.load_state_dict(quantizer.state_dict())
            assert torch.equal(resumed(z).losses["mmd"], quantizer(z).losses["mmd"])
        (slope,) = torch.autograd.grad(quantizer(z).losses["mmd"], quantizer.codebook)
        assert int((slope.abs().sum(1) > 0).sum()) <= 8
        moved |= slope.abs().sum(1) > 0
    assert moved.all()


def test_equal_vectors_and_codewords_have_discrepancy_zero():
    quantizer = make(8, SETTINGS["as_run"])
    quantizer.codebook.data.fill_(2.0)
    loss = quantizer(torch.full((10, 3), 2.0)).losses["mmd"]
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    (slope,) = torch.autograd.grad(loss, quantizer.codebook)
    assert not slope.any()


def test_a_far_codebook_is_drawn_onto_the_data():
    """From radius 1/K most codes soon come into use; without the discrepancy few do."""
    used = {}
    for gamma in (0.0, 0.5):
        gradient = dataclasses.replace(SETTINGS["fair"].gradient, data_init=False)
        quantizer = make(64, dataclasses.replace(SETTINGS["fair"], gamma=gamma, gradient=gradient))
        optimizer = torch.optim.Adam(quantizer.parameters(), lr=2e-2)
        for seed in range(200):
            losses = quantizer(3 + vectors(256, 3, seed=seed).float()).losses
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
        codes = quantizer.encode(3 + vectors(10_000, 3, seed=999).float())
        used[gamma] = int((quantizer.usage(codes) > 0).sum())
    assert used[0.0] < 12
    assert used[0.5] > 32


def test_protocols_differ_as_documented():
    as_run, paper, fair = (SETTINGS[name] for name in ("as_run", "paper", "fair"))
    assert (as_run.gamma, paper.gamma, fair.gamma) == (1.0, 0.5, 0.5)
    assert (as_run.gradient.commitment, fair.gradient.commitment) == (1.0, 0.25)
    assert (as_run.gradient.learning_rate_ratio, fair.gradient.learning_rate_ratio) == (100.0, 1.0)
    assert (as_run.rows, as_run.unbiased, fair.unbiased) == (None, False, True)
    product = VP2_SETTINGS["as_run"]
    assert (product.gamma, product.gradient.commitment) == (0.5, 0.2)
    assert product.gradient.learning_rate_ratio == 5.0


def test_the_product_averages_the_discrepancies_of_its_blocks():
    product, z = build("mmd_vp2", 6, 256), vectors(300, 6).float()
    result = product(z)
    again = build("mmd_vp2", 6, 256)
    parts = [block(half).losses["mmd"] for block, half in zip(again.blocks, z.split(3, dim=1), strict=True)]
    torch.testing.assert_close(result.losses["mmd"], sum(parts) / 2)
