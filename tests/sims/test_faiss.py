"""On which device faiss runs, and that the device changes no conclusion."""

import faiss
import numpy as np
import pytest

from qtheory.errors import DomainError
from qtheory.results import Cell
from sims import _faiss, assign, kmeans
from sims.quantizer_variance import STUDY
from sims.runner import run_study
from sims.variance_scaling import STUDY as FIGURE_2

GPU_BUILD = hasattr(faiss, "StandardGpuResources")


def gaussian(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture
def stand_in(monkeypatch):
    """faiss's GPU functions, answered by its CPU code; their calls are listed."""
    calls = []

    def knn_gpu(resources, queries, codebook, k):
        assert queries.dtype == codebook.dtype == np.float32
        calls.append("knn_gpu")
        return faiss.knn(queries, codebook, k)

    def index_cpu_to_all_gpus(index, ngpu):
        calls.append(f"k-means on {ngpu}")
        return index

    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss.extra_wrappers, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "knn_gpu", knn_gpu)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", index_cpu_to_all_gpus)
    _faiss._gpu_resources.cache_clear()
    yield calls
    _faiss._gpu_resources.cache_clear()


def test_on_a_gpu_searches_and_kmeans_go_there_and_elsewhere_they_do_not(stand_in):
    x = gaussian(0, 2000, 4)
    here = kmeans.fit(x, 16, rng=np.random.default_rng(1))
    assert stand_in == []
    with _faiss.on_device("cuda"):
        there = kmeans.fit(x, 16, rng=np.random.default_rng(1))
        codes = assign.nearest(x, there.codebook)
    assert stand_in.count("k-means on 1") == 1
    assert stand_in.count("knn_gpu") == len(stand_in) - 1 > 1
    np.testing.assert_array_equal(there.codebook, here.codebook)
    np.testing.assert_array_equal(codes, assign.nearest(x, here.codebook))
    assert not _faiss.on_gpu()


def test_low_dimensional_supports_stay_in_float64_on_the_cpu(stand_in):
    x = gaussian(0, 500, 1) @ np.ones((1, 8))
    with _faiss.on_device("cuda"):
        assign.nearest(x, x[:50])
    assert stand_in == []


def test_a_table_from_the_gpu_says_so_and_is_another_than_that_from_the_cpu(stand_in, tmp_path):
    cpu = run_study(FIGURE_2, "smoke", seed=0, out=tmp_path, quiet=True)
    before = cpu.manifest
    gpu = run_study(FIGURE_2, "smoke", seed=0, out=tmp_path, device="cuda", quiet=True)
    assert stand_in
    assert set(gpu.frame["device"]) == {"cuda"}
    assert "device" not in cpu.frame
    assert gpu.manifest["digest"] != before["digest"]
    assert gpu.manifest["command"].endswith("--device cuda")
    assert list(tmp_path.glob("*/smoke.????????.csv")), "the other device's table is kept"


def test_the_device_does_not_enter_the_random_streams():
    point = {"dim": 8, "variance": 1.0}
    cpu, gpu = (Cell("study", 0, 0, parameters) for parameters in (point, {**point, "device": "cuda"}))
    assert cpu.rng("features", "dim").random() == gpu.rng("features", "dim").random()


@pytest.mark.skipif(GPU_BUILD, reason="faiss is built for GPUs")
def test_a_faiss_without_gpu_code_is_named_before_any_cell_runs(tmp_path):
    with pytest.raises(DomainError, match="no GPU code: pip uninstall faiss-cpu; pip install faiss-gpu"):
        run_study(FIGURE_2, "smoke", seed=0, out=tmp_path, device="cuda", quiet=True)
    assert not list(tmp_path.iterdir())


def test_where_no_gpu_answers_that_is_said(stand_in, monkeypatch):
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(DomainError, match="faiss finds none: see nvidia-smi"):
        _faiss.require_device("cuda")


def test_an_unknown_device_is_refused():
    with pytest.raises(DomainError, match="device must be one of cpu, cuda; got 'tpu'"):
        _faiss.require_device("tpu")


@pytest.mark.gpu
@pytest.mark.skipif(not GPU_BUILD or faiss.get_num_gpus() == 0, reason="needs faiss-gpu and a GPU")
def test_cpu_and_gpu_agree_within_their_intervals(tmp_path):
    cpu, gpu = (
        run_study(STUDY, "smoke", seed=0, out=tmp_path / device, device=device, quiet=True).frame
        for device in ("cpu", "cuda")
    )
    assert list(cpu["method"]) == list(gpu["method"])
    # on the same vectors, so that half a standard error is far more than rounding explains
    apart = (cpu["distortion"] - gpu["distortion"]).abs() / cpu["standard_error"]
    assert apart.max() < 0.5
    fixed = ~cpu["method"].str.startswith("kmeans")
    assert apart[fixed].max() < 1e-2
