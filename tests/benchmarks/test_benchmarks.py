"""Benchmarks that time nothing here: what they compare is the same task, and what they lack is told."""

import faiss
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import nearest_gpu, quantizers

METHODS = ("ours", "ours by tiles", "torch.cdist", "vector-quantize-pytorch")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(nearest_gpu, "WARMUPS", 1)
    monkeypatch.setattr(nearest_gpu, "ROUNDS", 2)


def test_all_searches_find_codes_of_the_same_error(short):
    rows = nearest_gpu.measure(nearest_gpu.Problem("cpu", n=8200, dim=16, size=100))
    assert [row["method"] for row in rows] == list(METHODS)
    assert [row["limit"] is not None for row in rows] == [True, False, False, False]
    assert [row["within"] for row in rows] == [rows[0]["over_floor"] <= nearest_gpu.LIMIT, None, None, None]
    for row in rows:
        assert abs(row["excess"]) < 1e-5
        assert row["least"] <= row["milliseconds"] <= row["most"]
    floor = 2e3 * 16 * 8200 * 100 / 67e12
    assert rows[0]["over_floor"] == pytest.approx(rows[0]["milliseconds"] / floor)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_all_searches_find_codes_of_the_same_error_on_a_gpu(short):
    rows = nearest_gpu.measure(nearest_gpu.Problem("cuda", n=20_000, dim=16, size=9000))
    assert all(abs(row["excess"]) < 1e-3 for row in rows)
    assert all(row["peak_mib"] > 0 for row in rows[: len(METHODS)])


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_without_a_gpu_its_benchmark_is_refused_by_name_and_left_out_of_all(monkeypatch, tmp_path, capsys):
    assert command.main(["nearest_gpu", "--out", str(tmp_path)]) == 2
    assert "nearest_gpu needs a CUDA device, and torch finds none" in capsys.readouterr().err
    monkeypatch.setattr(command, "NAMES", ("nearest_gpu",))
    assert command.main(["--out", str(tmp_path)]) == 0
    assert "nearest_gpu: left out: " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def threads():
    """Leave the process its threads."""
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    yield
    torch.set_num_threads(before[0])
    faiss.omp_set_num_threads(before[1])


@pytest.mark.usefixtures("threads")
def test_a_table_of_quantizers_names_ratios_beside_their_limits(monkeypatch):
    monkeypatch.setattr(quantizers, "N", 300)
    monkeypatch.setattr(quantizers, "SIZES", {64: (2, 20.0)})
    monkeypatch.setattr(quantizers, "FIXED_ROUNDS", 2)
    monkeypatch.setattr(quantizers, "FIXED_SIZE", 16)
    monkeypatch.setattr(quantizers, "_peak", lambda which, size: 1.0)
    rows = quantizers.run()
    assert [row["quantizer"] for row in rows] == ["ema", "fsq", "fsq symmetric", "lfq", "bsq"]
    for row in rows:
        assert row["peer_over_ours"] == row["peer_seconds"] / row["seconds"]
        assert row["peer_limit"] > 0
    assert rows[0]["ours_over_faiss"] == rows[0]["seconds_beside_faiss"] / rows[0]["faiss_seconds"]
    for row in rows:
        kept = [row["peer_over_ours"] >= row["peer_limit"]]
        if row["quantizer"] == "ema":
            kept += [row["ours_over_faiss"] <= row["faiss_limit"], row["peak_mib"] <= row["mib_limit"]]
        assert row["within"] == all(kept)


@pytest.mark.parametrize(
    ("changes", "within"),
    [
        ({}, True),
        ({"peer_over_ours": 49.0}, False),
        ({"ours_over_faiss": 2.1}, False),
        ({"peak_mib": 1025.0}, False),
    ],
)
def test_a_row_is_within_only_where_it_keeps_each_of_its_limits(changes, within):
    row = {"peer_over_ours": 50.0, "peer_limit": 50.0, "ours_over_faiss": 2.0, "faiss_limit": 2.0}
    row |= {"peak_mib": 1024.0, "mib_limit": 1024}
    assert quantizers._within(row | changes) is within


def test_fixed_codewords_are_held_to_the_peer_alone():
    assert quantizers._within({"peer_over_ours": 1.0, "peer_limit": 1.0})
    assert not quantizers._within({"peer_over_ours": 0.9, "peer_limit": 1.0})
