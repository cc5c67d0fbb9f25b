"""The tiled search on any device agrees with the one that the CPU uses."""

import pytest
import torch

from empirical.quantizers import _nearest


@pytest.mark.parametrize("d", [1, 4, 16])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_tiles_agree_with_faiss_and_tree(d, offset, monkeypatch):
    monkeypatch.setattr(_nearest, "_TILE_ROWS", 100)
    monkeypatch.setattr(_nearest, "_TILE_CODEWORDS", 37)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(1001, d, generator=generator) + offset
    codebook = torch.randn(300, d, generator=generator) + offset
    tiled, other = _nearest.tiled_nearest(u, codebook), _nearest.nearest(u, codebook)
    # float32 may break near-ties differently; the distance may not differ
    one, two = ((u - codebook[codes]).double().square().sum(1) for codes in (tiled, other))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    assert (tiled == other).float().mean() > 0.99


def test_a_search_never_holds_all_distances():
    """2^14 vectors and 2^14 codewords would take 1 GiB; the largest tensor made is a tile."""
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), named=None):
            nonlocal largest
            result = function(*arguments, **(named or {}))
            for tensor in result if isinstance(result, tuple) else (result,):
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.numel())
            return result

    u = torch.randn(2**14, 2, generator=torch.Generator().manual_seed(0))
    with Watch():
        _nearest.tiled_nearest(u, u.flip(0))
    assert 0 < largest <= _nearest._TILE_ROWS * _nearest._TILE_CODEWORDS < 2**28


def test_a_search_leaves_torch_its_threads():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        u = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
        _nearest.nearest(u, u[:10])  # small: faiss takes one thread
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("d", [4, 16])
def test_tiles_on_a_gpu_find_what_the_cpu_finds(d):
    generator = torch.Generator().manual_seed(0)
    u, codebook = torch.randn(20_000, d, generator=generator), torch.randn(9000, d, generator=generator)
    there, here = _nearest.nearest(u.cuda(), codebook.cuda()).cpu(), _nearest.nearest(u, codebook)
    one, two = ((u - codebook[codes]).double().square().sum(1) for codes in (there, here))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    assert (there == here).float().mean() > 0.99
