"""Vectors without a law: the shipped ones are what their manifest says, one's own are checked."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from qtheory.errors import DomainError, SchemaError, ShapeError
from sims import _samples
from sims._grouped import Grouped, jackknife


@pytest.mark.parametrize("name", _samples.NAMES)
def test_shipped_vectors_are_those_of_the_manifest(name):
    manifest = json.loads((_samples.DATA / "manifest.json").read_text())
    entry = manifest["files"][f"{name}.npz"]
    content = (_samples.DATA / f"{name}.npz").read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    sample = _samples.shipped(name)
    assert sample.train.shape == (entry["train"], 8)
    assert sample.held_out.shape == (entry["held_out"], 8)
    assert sample.train.dtype == np.float64
    assert np.isfinite(sample.train).all()
    assert np.isfinite(sample.held_out).all()
    with np.load(_samples.DATA / f"{name}.npz") as arrays:
        parts = [set(arrays[f"{part}_photograph"].tolist()) for part in ("train", "held_out")]
    names = manifest["photographs"]
    assert {names[i] for i in parts[1]} == set(manifest["held_out"])
    assert not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) == len(names) == 127


def test_shipped_files_are_small():
    assert sum(file.stat().st_size for file in _samples.DATA.iterdir()) < 4e6


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(_samples.DATA, tmp_path / "data")
    return tmp_path / "data"


def test_a_changed_file_is_refused(folder):
    content = bytearray((folder / "patches.npz").read_bytes())
    content[-3000] ^= 1
    (folder / "patches.npz").write_bytes(content)
    with pytest.raises(SchemaError, match=r"must have SHA-256 .* makes the files again"):
        _samples.shipped("patches", folder)


def test_a_missing_file_is_named(folder):
    (folder / "latents.npz").unlink()
    with pytest.raises(SchemaError, match=r"latents.npz is missing; .*python -m empirical vectors"):
        _samples.shipped("latents", folder)


def test_an_unknown_sample_is_named_with_the_known_ones():
    with pytest.raises(DomainError, match=r"name must be one of latents, patches; got 'speech'"):
        _samples.shipped("speech")


GOOD = np.random.default_rng(0).standard_normal((6_000, 4))


def saved(tmp_path, array, name="mine.npy"):
    np.save(tmp_path / name, array)
    return tmp_path / name


def own(path, groups=None):
    return _samples.own(path, groups, rng=np.random.default_rng(0))


def with_nan():
    x = GOOD.copy()
    x[7, 2] = np.nan
    return x


def with_constant():
    x = GOOD.copy()
    x[:, 3] = 1
    return x


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (with_nan(), DomainError, "must be finite, got 1 NaN"),
        (GOOD[0], ShapeError, r"must hold an \(N, d\) array"),
        (GOOD.reshape(10, 600, 4), ShapeError, r"\(10, 600, 4\); reshape it"),
        (GOOD[:5_000], DomainError, "at least 4096 vectors to fit to.* holds 5000, of which 3750"),
        (GOOD.astype(complex), DomainError, "real numbers, .* complex128"),
        (np.array([["a", "b"]]), DomainError, "real numbers"),
        (with_constant(), DomainError, "one value in column 3; leave it out"),
        (np.ones((6_000, 200)), ShapeError, "at most 128 columns"),
    ],
)
def test_vectors_of_ones_own_that_will_not_do_are_refused_with_the_way_out(tmp_path, array, error, message):
    with pytest.raises(error, match=message):
        own(saved(tmp_path, array))


def test_a_file_that_is_missing_or_no_array_is_named(tmp_path):
    with pytest.raises(DomainError, match=r"none.npy does not exist"):
        own(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("1 2 3")
    with pytest.raises(DomainError, match=r"as numpy\.save writes it, without Python objects"):
        own(tmp_path / "text.npy")
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object))
    with pytest.raises(DomainError, match="without Python objects"):
        own(tmp_path / "objects.npy")
    np.savez(tmp_path / "two.npz", a=GOOD, b=GOOD)
    with pytest.raises(DomainError, match="holds a, b; save one"):
        own(tmp_path / "two.npz")


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.arange(5_999), ShapeError, "one label for each of the 6000 vectors"),
        (np.arange(6_000) % 7, DomainError, "at least 8 groups, .* names 7"),
        (np.linspace(0, 1, 6_000), DomainError, "integers or strings, .* float64"),
    ],
)
def test_groups_that_will_not_do_are_refused(tmp_path, labels, error, message):
    with pytest.raises(error, match=message):
        own(saved(tmp_path, GOOD), saved(tmp_path, labels, "groups.npy"))


def test_no_group_is_in_both_parts(tmp_path):
    labels = np.random.default_rng(1).integers(40, size=len(GOOD))
    marked = GOOD.copy()
    marked[:, 0] = labels
    sample = own(saved(tmp_path, marked), saved(tmp_path, labels, "groups.npy"))
    train, held_out = (set(part[:, 0]) for part in (sample.train, sample.held_out))
    assert not train & held_out
    assert len(held_out) == 10
    assert len(train) == 30
    assert len(sample.train) + len(sample.held_out) == len(GOOD)
    same = sample.held_out[:, 0][:, None] == sample.held_out[:, 0]
    np.testing.assert_array_equal(same, sample.groups[:, None] == sample.groups)


def test_without_groups_every_vector_is_in_one_part(tmp_path):
    sample = own(saved(tmp_path, GOOD))
    both = np.concatenate([sample.train, sample.held_out])
    np.testing.assert_array_equal(np.sort(both[:, 0]), np.sort(GOOD[:, 0]))
    assert len(sample.held_out) == 1_500
    assert len(np.unique(sample.groups)) == 50


def test_the_jackknife_of_a_mean_of_equal_groups_is_its_standard_error():
    x = np.random.default_rng(2).standard_normal((30, 5))
    grouped = Grouped(np.zeros((150, 1)), np.repeat(np.arange(30), 5))
    value, error = jackknife(grouped.means(x.ravel()), 30)
    np.testing.assert_allclose(value, x.mean(), rtol=1e-12)
    np.testing.assert_allclose(error, x.mean(axis=1).std(ddof=1) / 30**0.5, rtol=1e-9)


def test_groups_of_equal_vectors_widen_the_interval_as_they_must():
    # the negative control: ten copies of a vector say no more than one
    x = np.random.default_rng(3).standard_normal(40)
    alone = Grouped(np.zeros((40, 1)), np.arange(40))
    copied = Grouped(np.zeros((400, 1)), np.repeat(np.arange(40), 10))
    blind = Grouped(np.zeros((400, 1)), np.tile(np.arange(40), 10)[np.random.default_rng(4).permutation(400)])
    expected = jackknife(alone.means(x), 40)[1]
    np.testing.assert_allclose(jackknife(copied.means(np.repeat(x, 10)), 40)[1], expected, rtol=1e-9)
    assert jackknife(blind.means(np.repeat(x, 10)), 40)[1] < 0.6 * expected


def test_the_covariance_of_kept_groups_is_that_of_their_vectors():
    rng = np.random.default_rng(5)
    x, groups = rng.standard_normal((100, 3)) + 50, np.arange(100) % 7
    kept = np.arange(7) != 3
    expected = np.cov(x[kept[groups]], rowvar=False, ddof=0)
    np.testing.assert_allclose(Grouped(x, groups).covariance(kept), expected, rtol=1e-9)
