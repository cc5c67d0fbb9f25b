"""At equal rate: exact values of scalar methods, bounds that nothing beats, and gains that add up."""

import math

import numpy as np
import pytest
from scipy import stats

from qtheory import limits
from qtheory.sources import Gaussian
from sims import _cases, _fitted, _rate_methods, _samples
from sims.__main__ import main
from sims._cases import exact_entropy_coded
from sims.equal_rate import STUDY, findings, on_file
from sims.runner import run_study

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


@pytest.fixture(scope="module")
def frame(every):
    """Rows of the sources whose density is known."""
    return every[every.source.isin(_cases.NAMES)]


@pytest.fixture(scope="module")
def photographs(every):
    """Rows of the sources that are samples."""
    return every[every.source.isin(_samples.NAMES)]


def excess(rows, expected):
    return (rows.distortion - expected) / rows.standard_error


def test_no_quantizer_does_better_on_fresh_vectors_than_shannon_allows(frame):
    # one-sided: a fitted quantizer's expected distortion is at least the bound
    assert excess(frame, frame.shannon_bound).min() > stats.norm.ppf(FALSE_ALARM / len(frame))


def test_a_bound_ten_percent_above_the_best_method_would_be_rejected(frame):
    best = frame.groupby(["source", "bits"]).distortion.transform("min")
    assert excess(frame, 1.1 * best).min() < 2 * stats.norm.ppf(FALSE_ALARM / len(frame)) / 4


def test_fitted_scalar_quantizers_reach_the_exact_optimum_from_above(frame):
    rows = frame[frame.expected_distortion.notna()]
    assert {"sq", "sq-pca", "ecsq", "ecsq-pca"} == set(rows.method)
    fixed = rows[rows.method.isin(["sq", "sq-pca"])]
    # a codebook fitted to 4,000 vectors is not the optimum, so only this side is sure
    assert excess(fixed, fixed.expected_distortion).min() > stats.norm.ppf(FALSE_ALARM / len(fixed))
    np.testing.assert_allclose(rows.distortion, rows.expected_distortion, rtol=0.1)


def test_rates_are_kept(frame):
    coded = frame.method.str.startswith("ecsq")
    assert (frame[~coded].codebook_size <= 2.0 ** frame[~coded].bits).all()
    np.testing.assert_allclose(frame[~coded].rate_per_dim * _cases.DIM, frame[~coded].bits)
    # of codes of fresh vectors: 4,096 of them, and as many counted cells, scatter by a percent
    np.testing.assert_allclose(frame[coded].rate_per_dim * _cases.DIM, frame[coded].bits, rtol=0.05)
    # their cells have no end, and at another rate a distance from VQ says nothing
    assert frame[coded][["codebook_size", "above_vq_db", "zador_db"]].isna().all(axis=None)
    assert frame[~coded][["codebook_size", "zador_db"]].notna().all(axis=None)
    assert coded.sum() == 2 * len(frame[["source", "bits", "trial"]].drop_duplicates())


def test_gaps_are_distortions_in_decibels(frame):
    np.testing.assert_allclose(frame.gap_db, 10 * np.log10(frame.distortion / frame.shannon_bound))


@pytest.mark.parametrize("name", _cases.NAMES)
def test_laws_along_marginals_and_axes_describe_the_source(name):
    case = _cases.case(name)
    variances = [law.variance for law in case.marginals]
    np.testing.assert_allclose(variances, case.source.coordinate_variances, rtol=1e-12)
    total = sum(law.variance for law in case.axes)
    np.testing.assert_allclose(total, np.trace(case.source.covariance), rtol=1e-12)
    np.testing.assert_allclose(case.source.variance, 1.0, rtol=1e-9)
    spectrum = np.linalg.eigvalsh(case.source.covariance)
    np.testing.assert_allclose(sorted(law.variance for law in case.axes), spectrum, rtol=1e-9)


@pytest.mark.parametrize("name", _cases.NAMES)
def test_gains_multiply_to_the_ratio_of_scalar_quantization_to_shannon(name):
    case = _cases.case(name)
    scalar = limits.scalar_limit(case.source, 1) / limits.shannon_lower_bound(case.axes_law, 1)
    np.testing.assert_allclose(math.prod(case.gains().values()), scalar, rtol=1e-9)
    assert min(case.gains().values()) >= 1 - 1e-12


def test_the_entropy_of_the_correlated_source_is_that_of_its_axes():
    case = _cases.case("correlated")
    np.testing.assert_allclose(
        case.axes_law.differential_entropy, case.source.differential_entropy, rtol=1e-9
    )
    np.testing.assert_allclose(case.axes_law.density_norm, case.source.density_norm, rtol=1e-9)


@pytest.mark.parametrize("bits", [4, 16])
def test_one_step_for_equal_coordinates_is_the_scalar_quantizer_at_its_share_of_the_rate(bits):
    found = exact_entropy_coded((Gaussian(1),) * 8, bits)
    np.testing.assert_allclose(
        found, 8 * limits.entropy_coded_at_rate(Gaussian(1), bits / 8).distortion, rtol=1e-6
    )


def test_findings_name_each_source(every):
    text = "\n".join(findings(every))
    assert all(name in text for name in (*_cases.NAMES, *_samples.NAMES))


def test_no_distance_from_a_limit_is_stated_for_photographs(photographs):
    limits_of_laws = [name for name in photographs if name.startswith("gain_")]
    unknown = [
        "shannon_bound",
        "gap_db",
        "expected_gap_db",
        "expected_distortion",
        "zador_db",
        *limits_of_laws,
    ]
    assert photographs[unknown].isna().all(axis=None)
    assert len(unknown) == 9


def test_distances_from_the_gaussian_curve_are_those_of_the_held_out_vectors(photographs):
    sample = _samples.shipped("patches")
    rows = photographs[(photographs.source == "patches") & (photographs.bits == 8)].set_index("method")
    expected = limits.gaussian_distortion_rate(np.cov(sample.held_out, rowvar=False), 8)
    # 4,096 of the 32,768 held-out vectors were measured
    np.testing.assert_allclose(rows.gaussian_distortion_rate["vq"], expected, rtol=0.15)
    ratio = rows.distortion / rows.gaussian_distortion_rate
    np.testing.assert_allclose(rows.above_gaussian_db, 10 * np.log10(ratio))
    fixed = rows[rows.codebook_size.notna()]
    assert {"vq", "rq", "sq"} < set(fixed.index)
    np.testing.assert_allclose(fixed.above_vq_db, 10 * np.log10(fixed.distortion / fixed.distortion["vq"]))


def test_intervals_of_photographs_are_wider_than_those_of_independent_vectors(every):
    relative = (every.standard_error / every.distortion).groupby(every.source).median()
    assert relative["latents"] > 2 * relative["gaussian"]
    assert (every[every.source.isin(_samples.NAMES)].groups == 32).all()


def test_in_sample_errors_stand_beside_held_out_ones(photographs):
    rows = photographs[(photographs.method == "vq") & (photographs.bits == 8)]
    assert (rows.in_sample_above_gaussian_db < rows.above_gaussian_db).all()


LONG = 65_536  # 16 for each of 4096


@pytest.mark.parametrize(
    ("dim", "bits", "lacking"),
    [
        (8, 12, set()),
        (8, 16, {"vq"}),
        (8, 24, {"vq"}),
        (8, 32, {"vq", "pq-2"}),
        (8, 48, {"vq", "pq-2"}),
        (16, 96, {"vq", "pq-2", "pq-4", "opq-4"}),
        (3, 3, set()),
        (2, 12, set()),
        (1, 6, set()),
    ],
)
def test_methods_are_left_out_where_they_cannot_work(dim, bits, lacking):
    x = np.random.default_rng(0).standard_normal((LONG, dim))
    found = _rate_methods.methods(x[:4096], x, bits, rng=np.random.default_rng(0))
    scalar = {"sq", "ecsq"} | ({"sq-pca", "ecsq-pca"} if dim > 1 else set())
    products = {f"pq-{m}" for m in _rate_methods.blocks(dim)}
    products |= {f"opq-{m}" for m in _rate_methods.blocks(dim) if m >= 4}
    assert set(found) == ({"vq", "rq"} | scalar | products) - lacking


def test_blocks_of_fewer_distinct_vectors_than_codewords_are_left_out():
    coarse = np.random.default_rng(0).integers(0, 50, (LONG, 4)).astype(float)  # 2500 pairs
    fine = np.random.default_rng(0).standard_normal((LONG, 4))
    found, others = (
        _rate_methods.methods(x[:4096], x, 24, rng=np.random.default_rng(0)) for x in (coarse, fine)
    )
    assert set(others) - set(found) == {"pq-2"}
    pairs, levels = (np.random.default_rng(0).integers(0, most, (LONG, 2)).astype(float) for most in (50, 3))
    assert "vq" not in _rate_methods.methods(pairs[:4096], pairs, 12, rng=np.random.default_rng(0))
    four = np.tile(levels, 2)  # of 9 pairs each
    found = _rate_methods.methods(four[:4096], four, 8, rng=np.random.default_rng(0))
    assert "pq-2" not in found
    for method in found.values():
        method.fit(four[:4096])


@pytest.mark.parametrize("dim", range(1, 20))
def test_a_product_quantizer_reaches_six_bits_a_dimension_in_every_space_of_two_dimensions_and_more(dim):
    x = np.random.default_rng(0).standard_normal((LONG, dim))
    found = _rate_methods.methods(x[:4096], x, 6 * dim, rng=np.random.default_rng(0))
    assert any(name.startswith("pq") for name in found) == (dim >= 2)
    assert ("vq" in found) == (dim <= 2)  # 2^(6 d) codewords


def test_large_blocks_are_fitted_to_the_longer_sample_and_gain_over_single_dimensions():
    x = np.random.default_rng(0).standard_normal((LONG + 4096, 4))
    found = _rate_methods.methods(x[:4096], x[:LONG], 24, rng=np.random.default_rng(0))
    assert found["pq-2"].longer
    assert not found["pq-4"].longer
    pairs, singles = (found[name].fit(x[:LONG]) for name in ("pq-2", "pq-4"))
    assert pairs.block_sizes == (4096, 4096)
    assert pairs.points_per_centroid == 16
    fresh = x[LONG:]
    lost, worse = (_fitted.errors(fresh, fit.reconstruct(fresh))["distortion"] for fit in (pairs, singles))
    assert lost < worse  # random vectors for a start would leave them 1 dB above


@pytest.fixture
def own_file(tmp_path):
    rng = np.random.default_rng(1)
    path, groups = tmp_path / "mine.npy", tmp_path / "images.npy"
    np.save(path, rng.standard_normal((6_000, 3)) @ np.diag([3.0, 1.0, 0.5]))
    np.save(groups, np.repeat([f"image {i}" for i in range(20)], 300))
    return path, groups


def test_vectors_of_ones_own_get_a_table_of_their_own(own_file, tmp_path):
    study = on_file(*own_file)
    table = run_study(study, "smoke", seed=0, out=tmp_path, quiet=True)
    assert table.path == tmp_path / "equal-rate-mine" / "smoke.csv"
    assert not table.manifest["failures"]
    assert table.manifest["command"] == (
        f"python -m sims equal-rate --data {own_file[0]} --groups {own_file[1]} --preset smoke --seed 0"
    )
    frame = table.frame
    assert set(frame.bits) == {3, 6}
    assert set(frame.groups) == {5}
    # of Gaussian vectors the curve is a limit: nothing goes below it
    assert (frame.above_gaussian_db / frame.above_gaussian_error_db > stats.norm.ppf(1e-3)).all()
    assert frame.n_measured.max() == 5 * 300
    assert "mine, 1 bits a dimension" in "\n".join(study.findings(frame))


def test_the_command_takes_vectors_of_ones_own(own_file, tmp_path, capsys):
    options = ["--data", str(own_file[0]), "--preset", "smoke", "--out", str(tmp_path)]
    assert main(["equal-rate", *options]) == 0
    printed = capsys.readouterr().out
    assert "mine, 2 bits a dimension, dB above the Gaussian curve" in printed
    assert (tmp_path / "equal-rate-mine" / "smoke.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["equal-rate", "--groups", "g.npy"], "--groups must come with --data"),
        (["utilization", "--data", "x.npy"], "--data must come with the study equal-rate, got 'utilization'"),
        (["equal-rate", "--data", "x.npy"], "--data must be a file, x.npy does not exist"),
    ],
)
def test_the_command_says_what_is_wrong_with_the_data(options, message, capsys, tmp_path):
    assert main([*options, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_changes_during_a_run_fails_its_cells(own_file, tmp_path):
    study = on_file(own_file[0])
    np.save(own_file[0], np.load(own_file[0]) + 1)
    table = run_study(study, "smoke", seed=0, out=tmp_path, quiet=True)
    assert len(table.frame) == 0
    assert all("has changed since" in failure["error"] for failure in table.manifest["failures"])


def test_another_file_is_another_configuration(own_file):
    first = on_file(own_file[0]).sweep("smoke", seed=0).digest
    np.save(own_file[0], np.load(own_file[0]) + 1)
    assert on_file(own_file[0]).sweep("smoke", seed=0).digest != first
