"""FSQ and the fitted references: level counts, thresholds, agreement with numpy and exact optima."""

import numpy as np
import pytest
import torch

from empirical.quantizers import FSQQuantizer, LloydMaxQuantizer, build, fsq
from empirical.quantizers.fsq import equal_levels
from qtheory import quantizers as reference
from qtheory.errors import DomainError, ShapeError
from qtheory.optimal import optimal_scalar
from qtheory.sources import FiniteSource


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("levels", [(3,), (4,), (5,), (8,), (7, 6)])
@pytest.mark.parametrize("form", ["official", "symmetric"])
def test_every_level_occurs_and_no_other(levels, form):
    quantizer = FSQQuantizer(levels, form=form)
    wide = 20 * vectors(50_000, len(levels))
    grid = torch.linspace(-4, 4, 2001)[:, None].expand(-1, len(levels))
    result = quantizer(torch.cat([wide, grid]))
    for j, count in enumerate(levels):
        assert torch.unique(result.z_q[:, j]).numel() == count


@pytest.mark.parametrize("levels", [(4, 4, 4, 4), (5, 3, 8), (7,)])
def test_codes_agree_with_numpy_code_for_code(levels):
    z = 2 * vectors(20_000, len(levels))
    quantizer, twin = FSQQuantizer(levels), reference.FSQ(levels)
    codes = quantizer.encode(z)
    np.testing.assert_array_equal(codes.numpy(), twin.encode(z.double().numpy()))
    integers = quantizer.decode(codes) * torch.tensor([n // 2 for n in levels])
    np.testing.assert_allclose(integers, twin.decode(codes.numpy()), atol=1e-6)


def test_four_official_levels_and_their_thresholds():
    quantizer = FSQQuantizer([4])
    assert quantizer.decode(torch.arange(4))[:, 0].tolist() == [-1.0, -0.5, 0.0, 0.5]
    z = torch.linspace(-3, 3, 600_001)[:, None].double()
    codes = quantizer.encode(z)
    cuts = z[1:, 0][codes.diff() > 0].tolist()
    shift = np.arctanh(0.5 / (1.5 * 0.999))
    expected = np.arctanh(np.array([-1, 0, 1]) / (1.5 * 0.999)) - shift
    np.testing.assert_allclose(cuts, expected, atol=2e-5)


def test_two_symmetric_levels_are_signs():
    quantizer, z = FSQQuantizer([2] * 8, form="symmetric"), vectors(1000, 8)
    assert torch.equal(quantizer(z).z_q, torch.where(z > 0, 1.0, -1.0))
    np.testing.assert_array_equal(quantizer.encode(z).numpy(), reference.LFQ(8).encode(z.double().numpy()))


def test_the_published_run_has_a_commitment_loss_and_the_fair_protocol_none():
    z = vectors(100, 4)
    as_run = build("fsq", 4, 256, "as_run")(z)
    torch.testing.assert_close(as_run.losses["commitment"], (z - as_run.z_q).square().mean())
    assert build("fsq", 4, 256, "paper")(z).losses == build("fsq", 4, 256)(z).losses == {}


def test_fsq_names_bad_levels():
    with pytest.raises(
        DomainError, match=r"levels must be at least 3 in .* got \(4, 2\); take form='symmetric'"
    ):
        FSQQuantizer([4, 2])
    with pytest.raises(ShapeError, match="levels must not be empty"):
        FSQQuantizer([])
    with pytest.raises(ShapeError, match="levels must be a sequence of integers, got 8"):
        FSQQuantizer(8)
    with pytest.raises(DomainError, match=r"levels must be dim=4 numbers whose product is codebook_size=256"):
        build("fsq", 4, 256, levels=[4, 4, 4])
    with pytest.raises(DomainError, match=r"got \(2, 2, 2, 2, 2, 2, 2, 2\); take form='symmetric' for 2"):
        build("fsq", 8, 256)
    with pytest.raises(DomainError, match=r"L\^4 .* got 200; give `levels` or take 256"):
        equal_levels(4, 200)


def test_scalar_reference_reaches_the_exact_optimum_of_a_small_sample():
    z = vectors(300, 3, seed=3) * torch.tensor([1.0, 2.0, 0.2])
    quantizer = LloydMaxQuantizer(3, 24)
    quantizer.fit(z)
    atoms = z.double().numpy()
    best = optimal_scalar(FiniteSource(atoms, np.full(300, 1 / 300)), 24)
    error = (z - quantizer.eval()(z).z_q).double().square().sum(1).mean()
    assert tuple(quantizer.sizes.tolist()) == best.levels
    np.testing.assert_allclose(float(error), best.distortion, rtol=1e-5)


def test_scalar_reference_matches_lloyd_max_on_a_gaussian():
    """4 levels a dimension: 0.1174818 (Max 1960); binning and sampling stay within 1 %."""
    quantizer, z = LloydMaxQuantizer(2, 16), vectors(200_000, 2)
    quantizer.fit(z)
    error = (vectors(200_000, 2, seed=1) - quantizer.eval()(vectors(200_000, 2, seed=1)).z_q).square().mean()
    assert quantizer.sizes.tolist() == [4, 4]
    assert abs(float(error) / 0.1174818 - 1) < 0.01


def test_scalar_reference_of_a_degenerate_coordinate_spends_nothing_on_it():
    z = torch.cat([vectors(500, 1), torch.ones(500, 1)], dim=1)
    quantizer = LloydMaxQuantizer(2, 8)
    quantizer.fit(z)
    assert quantizer.sizes.tolist() == [8, 1]
    assert torch.equal(quantizer.eval()(z).z_q[:, 1], torch.ones(500))


@pytest.mark.parametrize("name", ["kmeans", "lloyd_max"])
def test_references_fit_once_and_say_when_they_are_not_fitted(name):
    quantizer = build(name, 4, 16).eval()
    with pytest.raises(DomainError, match="must be fitted before it is used"):
        quantizer(vectors(10, 4))
    quantizer.train()(vectors(500, 4))
    before = {key: value.clone() for key, value in quantizer.state_dict().items()}
    quantizer(5 * vectors(500, 4, seed=1))
    assert all(torch.equal(value, before[key]) for key, value in quantizer.state_dict().items())


def test_k_means_reference_beats_the_scalar_one_on_correlated_vectors():
    z = vectors(5000, 1) + 0.1 * vectors(5000, 4, seed=1)
    errors = {}
    for name in ("kmeans", "lloyd_max"):
        quantizer = build(name, 4, 16)
        quantizer.fit(z)
        errors[name] = float((z - quantizer.eval()(z).z_q).square().sum(1).mean())
    assert errors["kmeans"] < 0.5 * errors["lloyd_max"]


def test_codes_beyond_the_table_are_those_of_integer_arithmetic(monkeypatch):
    z = torch.randn(3000, 5, generator=torch.Generator().manual_seed(0))
    short = FSQQuantizer([5, 4, 8, 3, 7])
    codes, points = short.encode(z), short(z).z_q
    monkeypatch.setattr(fsq, "_TABLE", 100)
    monkeypatch.setattr(fsq, "_EXACT", 100)
    long = FSQQuantizer([5, 4, 8, 3, 7])
    assert short.table is not None
    assert long.table is None
    assert torch.equal(codes, long.encode(z))
    assert torch.equal(points, long(z).z_q)


@pytest.mark.parametrize(
    ("levels", "form"), [([1000], "official"), ([999], "official"), ([65536], "symmetric")]
)
def test_the_outermost_inputs_get_the_outermost_codes_and_none_beyond(levels, form):
    quantizer = FSQQuantizer(levels, form=form)
    ends = torch.tensor([[-1e13], [1e13]])
    assert quantizer.encode(ends).tolist() == [0, levels[0] - 1]
    assert quantizer.encode(ends.double()).tolist() == [0, levels[0] - 1]


def test_a_cast_of_the_whole_module_moves_no_threshold_of_many_levels():
    """In bfloat16 the lowest of 256 levels, -127.5, would be -128, and every second of 1000 would be lost."""
    for levels, form in (([256], "symmetric"), ([1000], "official")):
        quantizer = FSQQuantizer(levels, form=form)
        z = 2 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
        before = quantizer.encode(z)
        assert torch.equal(quantizer.bfloat16().encode(z), before)
