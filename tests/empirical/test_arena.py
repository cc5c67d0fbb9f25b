"""The arena: the same vectors for all, limits that nothing beats, tables that any way of running gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from empirical.__main__ import main
from empirical.arena import config, maps, methods, report, sources, study
from empirical.config import Budget
from empirical.protocol import Optimization
from empirical.quantizers import QUANTIZERS
from empirical.training import train
from qtheory.errors import DomainError
from qtheory.limits import shannon_lower_bound
from qtheory.results import Cell, read_table
from qtheory.sources import Gaussian

TINY = config.ArenaPreset(
    methods=("ema", "vanilla_vp2", "fsq", "lfq", "opq", "lloyd_max", "kmeans"),
    sources=("gaussian", "subspace"),
    codebook_sizes=(16,),
    n_train=600,
    n_held_out=500,
    steps=3,
    batch_size=100,
    trials=1,
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(config.PRESETS, "smoke", TINY)


def cell(source, trial=0, **parameters):
    return Cell("arena", 0, trial, {"source": source, "n_train": 3000, "n_held_out": 2000, **parameters})


@pytest.mark.parametrize("name", sources.LAWS)
def test_vectors_have_the_moments_of_their_law_and_depend_on_source_and_trial_alone(name):
    first = sources.draw(cell(name, method="ema", codebook_size=4))
    again = sources.draw(cell(name, method="fsq", codebook_size=8))
    other = sources.draw(cell(name, trial=1))
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.train, other.train)
    assert not torch.equal(first.train[:2000], first.held_out)
    covariance = torch.cov(first.train.double().T).numpy()
    # entries of a covariance of 3000 vectors: nine standard errors of the largest, a false alarm of 1e-18
    bound = 9 * np.sqrt(3 / 3000) * sources.law(name).covariance.max()
    assert np.abs(covariance - sources.law(name).covariance).max() < bound


def test_pocket_latents_are_half_of_the_channels_of_training_and_held_out_photographs():
    drawn = sources.draw(cell("pocket"))
    assert drawn.train.shape == (3000, 8)
    assert drawn.held_out.shape == (2000, 8)
    assert 0.5 < float(drawn.train.var(dim=0).mean()) < 2


def test_limits_are_those_of_the_theory():
    assert sources.shannon_limit("gaussian", 8) == pytest.approx(shannon_lower_bound(Gaussian(8), 256))
    assert sources.shannon_limit("subspace", 6) == pytest.approx(3 * 2 ** (-2 * 6 / 3))
    assert sources.shannon_limit("pocket", 8) is None
    # the mixture is worth one bit of its cluster more than a cluster, where these do not overlap
    assert sources.shannon_limit("mixture", 9) == pytest.approx(
        shannon_lower_bound(Gaussian(8, 0.5), 2**8), rel=0.02
    )
    with pytest.raises(DomainError, match="source must be one of gaussian"):
        sources.law("cauchy")


def test_every_quantizer_takes_part_k_means_first():
    points = config.PRESETS["paper"].points()
    assert {point["method"] for point in points} == set(QUANTIZERS)
    assert {point["source"] for point in points if point["method"] == "var"} == {"pocket"}
    assert points[0]["method"] == "kmeans"
    bare = {(p["method"], p["codebook_size"]) for p in points if p["maps"] == "none"}
    assert {("lfq", 256), ("bsq", 256), ("fsq", 256)} <= bare
    assert ("lfq", 4096) not in bare


@pytest.mark.parametrize("dim_in", [2, 5])
@pytest.mark.parametrize("k", [3, 7])
def test_affine_maps_start_as_whitening_and_its_inverse(dim_in, k):
    """Vectors that span two dimensions come back whole; their coordinates have variance one."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(2, dim_in, generator=generator)
    z = torch.randn(500, 2, generator=generator) @ basis + 3
    before, after = methods._maps(z, k, generator)
    torch.testing.assert_close(after(before(z)), z, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(before(z)[:, :2].T.cov(), torch.eye(2), rtol=1e-3, atol=1e-3)


def test_training_starts_at_and_ends_below_the_error_of_the_start():
    vectors = sources.draw(cell("correlated"))
    generator = torch.Generator().manual_seed(0)
    model = methods.entrant("lfq", "affine", 256, vectors, "fair", generator=generator)
    start = methods.measured(model, vectors)["distortion"]
    objective = methods.ArenaObjective(
        model, vectors.train, Optimization(final_learning_rate=0.1), lambda step: None
    )
    budget = Budget(steps=60, batch_size=256, learning_rate=1e-2, trials=1)
    train(objective, budget, rng=np.random.default_rng(0))
    assert methods.measured(model.eval(), vectors)["distortion"] < 0.8 * start


def test_maps_hold_neighbouring_latents_of_one_crop():
    """Positions of two crops of 6 x 6, each with its crop, row and column."""
    places = torch.cartesian_prod(torch.arange(2), torch.arange(6), torch.arange(6)).double()
    grouped = maps.ToMaps(6)(places)
    assert grouped.shape == (18, 12)
    corners = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]])
    offsets = grouped.reshape(18, 4, 3) - grouped[:, None, :3]
    assert (offsets == corners).all()
    assert torch.equal(maps.FromMaps(6)(grouped), places)


def test_the_multi_scale_quantizer_has_the_bits_of_four_vectors_and_the_error_of_the_same_ones():
    """Its reconstruction of every latent, in plain formulas; only those that others are measured on count."""
    vectors = sources.draw(cell("pocket"))
    generator = torch.Generator().manual_seed(0)
    model = methods.entrant("var", "none", 16, vectors, "fair", generator=generator)
    assert model.quantizer.rate == 4 * 4
    assert model.quantizer.part_sizes == (16, 8)
    latents, chosen, side = vectors.grid
    assert torch.equal(latents[chosen], vectors.held_out)
    first, second = (stage.codebook for stage in model.quantizer.stages)
    grid = latents.reshape(-1, side // 2, 2, side // 2, 2, 8)
    mean = grid.mean(dim=(2, 4), keepdim=True)
    whole = first[torch.cdist(mean, first).argmin(-1)]  # a single average is interpolated to itself
    left = grid - whole
    words = whole + second[torch.cdist(left.reshape(-1, 8), second).argmin(-1)].reshape(left.shape)
    errors = (grid - words).square().sum(-1).reshape(-1)[chosen]
    found = methods.measured(model, vectors)
    assert found["distortion"] == pytest.approx(float(errors.double().mean()), rel=1e-4)
    assert found["codewords"] == 16
    assert 1 < found["perplexity"] <= (16 + 8) / 2


def test_vectors_without_neighbours_and_sizes_without_a_fourth_root_are_refused():
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(DomainError, match="var needs latents with neighbours"):
        methods.entrant("var", "none", 16, sources.draw(cell("gaussian")), "fair", generator=generator)
    with pytest.raises(DomainError, match=r"codebook_size must be n\^4 for var, got 100; take 81"):
        maps.multi_scale(8, 100, "fair", generator)


def test_the_table_does_not_depend_on_processes_and_a_second_run_does_nothing(tiny, tmp_path):
    one, curves, seconds = study.run("smoke", out=tmp_path / "one", jobs=1)
    assert len(one.frame) == len(TINY.points())
    assert one.manifest["failures"] == []
    assert len(seconds.frame) == len(one.frame)
    assert (seconds.frame["seconds"] > 0).all()
    (tmp_path / "one" / "arena" / "smoke.json").unlink()  # as after an interruption
    (tmp_path / "one" / "arena" / "smoke-seconds.json").unlink()
    again, _, same_seconds = study.run("smoke", out=tmp_path / "one", jobs=1)
    assert again.frame.equals(one.frame)
    assert same_seconds.frame.equals(seconds.frame)
    assert set(curves.frame["steps"]) == {1, 2, 3}
    assert set(curves.frame["method"]) == {"ema", "vanilla_vp2", "fsq", "lfq"}


def test_rows_hold_what_was_measured(tiny, tmp_path):
    frame = study.run("smoke", out=tmp_path, jobs=1)[0].frame
    reference = frame[frame["method"] == "kmeans"]
    assert (reference["kmeans_db"] == 0).all()
    assert (frame["shannon_db"] > 0).all()  # held out, so nothing lies below the limit
    assert (frame["codewords"] <= 16).all()
    merged = frame.merge(reference[["source", "distortion"]], on="source", suffixes=("", "_reference"))
    np.testing.assert_allclose(
        merged["kmeans_db"], 10 * np.log10(merged["distortion"] / merged["distortion_reference"]), atol=1e-12
    )


def test_a_method_that_fails_is_told_and_loses_no_other(tiny, tmp_path, monkeypatch):
    preset = replace(TINY, methods=("kmeans", "ema"), sources=("gaussian",))
    monkeypatch.setitem(config.PRESETS, "smoke", preset)
    original = study.entrant

    def broken(method, *arguments, **named):
        if method == "ema":
            raise DomainError("no")
        return original(method, *arguments, **named)

    monkeypatch.setattr(study, "entrant", broken)
    table, *_ = study.run("smoke", out=tmp_path, jobs=1)
    assert [failure["error"] for failure in table.manifest["failures"]] == ["DomainError: no"]
    assert table.frame["method"].tolist() == ["kmeans"]


def test_findings_are_read_off_the_table():
    import pandas as pd

    rows = [
        ("kmeans", "none", 0.1, 0.0, 1.0),
        ("lloyd_max", "principal", 0.2, 3.01, 1.0),
        ("ema", "none", 0.11, 0.41, 0.999),
        ("vanilla", "none", 0.15, 1.76, 0.5),
        ("ema_vp2", "none", 0.12, 0.79, 1.0),
        ("lfq", "affine", 0.4, 6.02, 1.0),
    ]
    columns = ["method", "maps", "nmse", "kmeans_db", "utilization"]
    frame = pd.DataFrame(rows, columns=columns).assign(source="gaussian", codebook_size=16, trial=0)
    first, second, third = report.findings(frame)
    assert "VQ 0.110 (ema) < PQ 0.120 (ema_vp2) < SQ 0.400 (lfq (affine maps))" in first
    assert "closes 3.01 of the 6.02 dB" in second
    assert third.endswith("in use: ema_vp2 0.79, lfq (affine maps) 6.02")


def test_the_command_prints_answers_and_names_bad_arguments(tiny, tmp_path, capsys):
    assert main(["arena", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "best trained, NMSE" in printed
    table = read_table(tmp_path / "arena" / "smoke.csv")
    assert table.manifest["command"].endswith("--preset smoke")
    seconds = read_table(tmp_path / "arena" / "smoke-seconds.csv").frame
    mean = seconds["seconds"][seconds["method"] == "ema"].mean()
    assert f"{mean:.2f}" in next(
        line for line in report.seconds(seconds).splitlines() if line.startswith("ema ")
    )
    assert report.seconds(seconds) in printed
    assert main(["arena", "--preset", "smoke", "--out", str(tmp_path), "--jobs", "0"]) == 2
    assert "jobs must be at least 1" in capsys.readouterr().err
