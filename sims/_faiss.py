"""faiss as the studies use it: with how many threads, and on which device."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtheory import _check
from qtheory.errors import DomainError

DEVICES = ("cpu", "cuda")
# below this many multiply-adds waking a second thread costs more than it saves
_SERIAL_WORK = 50_000_000
_device: ContextVar[str] = ContextVar("device", default="cpu")


def available_threads() -> int:
    """Return the threads to use: ``OMP_NUM_THREADS`` where set, else the cores of this process.

    Examples
    --------
    >>> available_threads() >= 1
    True
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_for(work: int, threads: int | None = None) -> int:
    """Return the threads for a search of `work` multiply-adds: 1 where it is small.

    Examples
    --------
    >>> threads_for(1000, threads=8), threads_for(10**9, threads=8)
    (1, 8)
    """
    allowed = available_threads() if threads is None else _check.integer("threads", threads)
    return allowed if work >= _SERIAL_WORK else 1


@contextmanager
def faiss_with(threads: int) -> Iterator[Any]:
    """Give faiss that many threads for a while.

    faiss shares OpenMP's number of threads with whatever else the process runs, torch too, whose
    sums in floating point depend on it: the number found is put back.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield faiss
    finally:
        faiss.omp_set_num_threads(before)


def require_device(device: str) -> None:
    """Raise `DomainError` where this faiss cannot run on a device, ``cpu`` or ``cuda``.

    Examples
    --------
    >>> require_device("cpu")
    """
    if _check.one_of("device", device, DEVICES) == "cpu":
        return
    import faiss

    if not hasattr(faiss, "StandardGpuResources"):
        raise DomainError(
            "device='cuda' needs a faiss built for GPUs, and this one has no GPU code: "
            "pip uninstall faiss-cpu; pip install faiss-gpu; or use device='cpu'"
        )
    if faiss.get_num_gpus() == 0:
        raise DomainError(
            "device='cuda' needs a GPU, and faiss finds none: see nvidia-smi and CUDA_VISIBLE_DEVICES; "
            "or use device='cpu'"
        )


@contextmanager
def on_device(device: str) -> Iterator[None]:
    """Search in float32, and iterate k-means, on a device for a while; float64 stays on the CPU.

    Raises
    ------
    DomainError
        As `require_device`.

    Examples
    --------
    >>> with on_device("cpu"):
    ...     on_gpu()
    False
    """
    require_device(device)
    before = _device.set(device)
    try:
        yield
    finally:
        _device.reset(before)


def on_gpu() -> bool:
    """Return whether `on_device` asks for a GPU.

    Examples
    --------
    >>> on_gpu()
    False
    """
    return _device.get() == "cuda"


@cache
def _gpu_resources() -> Any:
    """Scratch memory on the GPU, a gigabyte or more: one for the process."""
    import faiss

    return faiss.StandardGpuResources()


@contextmanager
def _blocks(faiss: Any) -> Iterator[None]:
    """Let faiss search in blocks however few the queries, for a while.

    By itself it compares fewer than 128,000 numbers of queries with one codeword after the other, which
    takes much longer.
    """
    before = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 1
    try:
        yield
    finally:
        faiss.cvar.distance_compute_blas_threshold = before


def search(queries: NDArray[np.float32], codebook: NDArray[np.float32], *, threads: int) -> NDArray[np.int64]:
    """Return the index of the codeword nearest to each row, by distances in float32.

    Examples
    --------
    >>> search(np.float32([[0.9]]), np.float32([[0.0], [1.0]]), threads=1)
    array([1])
    """
    with faiss_with(threads) as faiss, _blocks(faiss):
        if on_gpu():
            found = faiss.knn_gpu(_gpu_resources(), queries, codebook, 1)
        else:
            index = faiss.IndexFlatL2(codebook.shape[1])
            index.add(codebook)
            found = index.search(queries, 1)
    codes: NDArray[np.int64] = found[1][:, 0]
    return codes
