"""The fused search finds the nearest codeword: interpreted and compiled for cards that need not be here."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses import FakeTensorMode

from empirical.quantizers import _fused, _nearest

ROOT = Path(__file__).resolve().parents[2]
UNIT = 2.0**-24  # the relative rounding error of float32
SHAPES = {  # N, K, d, mean
    "one vector": (1, 300, 16, 0.0),
    "one codeword": (130, 1, 3, 0.0),
    "one of both": (1, 1, 16, 0.0),
    "no multiples": (257, 301, 16, 0.0),
    "full blocks": (256, 128, 16, 0.0),
    "d = 1": (257, 100, 1, 0.0),
    "d = 3": (257, 301, 3, 0.0),
    "d = 8": (257, 301, 8, 0.0),
    "d = 32": (257, 301, 32, 0.0),
    "far from 0": (257, 301, 16, 1e3),
    "far from 0, d = 3": (257, 301, 3, 1e3),
}
INTERPRETED = """
import sys, torch
from empirical.quantizers import _fused
found = {}
for name, (u, codebook) in torch.load(sys.argv[1]).items():
    found[name] = []
    for _fused._SPLIT_TILES in (1, 1000):  # as many splits as there are tiles, and one
        found[name].append(_fused.fused_nearest(u, codebook))
torch.save(found, sys.argv[2])
"""


def squared_distances(u, codebook):
    return (u.double()[:, None] - codebook.double()).square().sum(2)


def excess_over_rounding(u, codebook, codes):
    """Return by how much codes miss the least distance, over what float32 can do to the comparison.

    ``||c||^2 - 2 u.c`` of centred vectors takes d + 3 roundings at most, on each side.
    """
    distances = squared_distances(u, codebook)
    missed = distances.gather(1, codes[:, None])[:, 0] - distances.amin(1)
    a, b = ((x.double() - codebook.double().mean(0)).norm(dim=1) for x in (u, codebook))
    rounding = 2 * (u.shape[1] + 3) * UNIT * b.max() * (b.max() + 2 * a)
    return missed / rounding.clamp_min(1e-30)  # a single codeword is its own centre


def problems():
    generator = torch.Generator().manual_seed(0)
    for name, (n, size, d, mean) in SHAPES.items():
        yield name, tuple(torch.randn(m, d, generator=generator) + mean for m in (n, size))
    u, codebook = torch.randn(200, 8, generator=generator), torch.randn(100, 8, generator=generator)
    yield "each thrice, far apart", (u, codebook.repeat(3, 1))
    yield "each thrice, in a row", (u, codebook.repeat_interleave(3, 0))
    yield "all the same", (u, codebook[:1].expand(300, 8))
    yield "undefined", (u.where(u[:, :1] > 0, torch.nan), codebook)


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Return problems, and what the kernel finds under Triton's interpreter, split and whole."""
    pytest.importorskip("triton")
    folder = tmp_path_factory.mktemp("interpreted")
    given = dict(problems())
    torch.save(given, folder / "given.pt")
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, folder / "given.pt", folder / "found.pt"],
        cwd=ROOT,
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = torch.load(folder / "found.pt")
    assert all(torch.equal(*codes) for codes in found.values())  # splits change nothing
    return {name: (*given[name], found[name][0]) for name in given}


@pytest.mark.parametrize("name", SHAPES)
def test_the_kernel_finds_the_nearest_codeword(name, interpreted):
    u, codebook, codes = interpreted[name]
    assert codes.dtype == torch.int64
    assert (excess_over_rounding(u, codebook, codes) <= 1).all()
    assert (codes == squared_distances(u, codebook).argmin(1)).float().mean() > 0.98


@pytest.mark.parametrize("name", [name for name, (_, size, _, _) in SHAPES.items() if size > 1])
def test_the_second_nearest_codeword_would_be_noticed(name, interpreted):
    u, codebook, codes = interpreted[name]
    second = squared_distances(u, codebook).topk(2, largest=False).indices[:, 1]
    assert (excess_over_rounding(u, codebook, second) > 1).float().mean() > 0.98
    wrong = codes.clone()
    wrong[-1] = second[-1]
    assert (excess_over_rounding(u, codebook, wrong) > 1).sum() == 1


def test_of_equal_codewords_the_kernel_takes_the_first(interpreted):
    u, codebook, codes = interpreted["each thrice, far apart"]
    expected = squared_distances(u, codebook[:100]).argmin(1)
    assert torch.equal(codes, expected)
    assert torch.equal(interpreted["each thrice, in a row"][2], 3 * expected)
    assert (interpreted["all the same"][2] == 0).all()


def test_undefined_vectors_get_a_code_and_spoil_no_other(interpreted):
    u, codebook, codes = interpreted["undefined"]
    undefined = u.isnan().any(1)
    assert 0 < undefined.sum() < len(u)
    assert (codes[undefined] == 0).all()
    assert torch.equal(codes, _nearest.tiled_nearest(u, codebook))


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Return a function that compiles the kernel for a card, and what `cuobjdump` says of it."""
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from empirical.quantizers._fused_kernel import search

    def compile_for(arch, dim):
        options = dict(_fused.TILE)
        fixed = {"DIM": dim} | {name: options.pop(name) for name in ("ROWS", "WORDS", "GROUP")}
        kinds = {"vectors": "*fp32", "words": "*fp32", "norms": "*fp32", "least": "*fp32", "codes": "*i32"}
        kinds |= dict.fromkeys(("n", "size", "span"), "i32") | dict.fromkeys(fixed, "constexpr")
        aligned = {(i,): [["tt.divisibility", 16]] for i in range(8)}  # as those of `fused_nearest` are
        source = ASTSource(search, {name: kinds[name] for name in search.arg_names}, fixed, aligned)
        built = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
        cubin = tmp_path / "search.cubin"
        cubin.write_bytes(built.kernel)
        tool = triton.knobs.nvidia.cuobjdump.path
        usage = subprocess.run([tool, "-res-usage", cubin], capture_output=True, text=True, check=True).stdout
        numbers = (part.split(":") for part in usage.split() if part.count(":") == 1)
        return built, {name: int(number) for name, number in numbers if number.isdigit()}

    return compile_for


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("dim", [16, 32])
def test_the_kernel_compiles_to_true_float32_without_spills(arch, dim, compiled):
    built, usage = compiled(arch, dim)
    assert usage["STACK"] == usage["LOCAL"] == 0
    assert usage["REG"] <= 168  # three programs of 128 threads on a multiprocessor
    assert built.metadata.shared <= 48 * 2**10
    # all products are fused multiply-adds; tensor cores would round to 10 bits
    assert built.asm["ptx"].count("fma.rn.f32") >= dim * 64
    assert "mma" not in built.asm["ptx"]
    assert "tf32" not in built.asm["ptx"]


def test_vectors_wider_than_the_kernel_takes_would_spill(compiled):
    assert compiled(90, 2 * _fused.MAX_DIM)[1]["STACK"] > 0


def test_programs_share_vectors_and_codewords_without_a_gap():
    for vectors in (1, 128, 129, 10_000):
        for codewords in (1, 64, 1025, 65_536):
            blocks, splits, span = _fused._shares(vectors, codewords, torch.device("cpu"))
            assert (blocks - 1) * 128 < vectors <= blocks * 128
            assert (splits - 1) * span < codewords <= splits * span
            assert splits == 1 or span >= 1024


def test_the_kernel_is_left_to_cuda_float32_and_few_dimensions():
    u = torch.zeros(4, 16)
    assert not _fused.takes(u, u)
    with FakeTensorMode():
        narrow, wide = (torch.empty(4, d, device="cuda") for d in (16, _fused.MAX_DIM + 1))
        assert not _fused.takes(wide, wide)
        assert not _fused.takes(narrow.double(), narrow.double())
        assert not _fused.takes(narrow, narrow[:0])


def test_more_vectors_or_codewords_than_the_kernel_can_count_are_left_to_tiles(monkeypatch):
    monkeypatch.setattr(_fused, "_runs_on", lambda device: True)
    with FakeTensorMode():
        most, more = (torch.empty(_fused._MOST + extra, _fused.MAX_DIM, device="cuda") for extra in (0, 1))
        assert _fused.takes(most, most)
        assert not _fused.takes(more, most)
        assert not _fused.takes(most, more)


@pytest.mark.parametrize("processors", [1, 1024])
def test_offsets_of_the_most_vectors_and_codewords_fit_32_bits(monkeypatch, processors):
    """The kernel's last step multiplies both, filled up to whole tiles and splits, by up to MAX_DIM - 1."""
    properties = SimpleNamespace(multi_processor_count=processors)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    for vectors in (1, _fused._MOST):
        blocks, splits, span = _fused._shares(vectors, _fused._MOST, torch.device("cuda"))
        assert (_fused.MAX_DIM - 1) * max(blocks * _fused.TILE["ROWS"], splits * span) < 2**31


def test_a_traced_search_on_cuda_is_one_operator_of_known_shape():
    with FakeTensorMode():
        u, codebook = (torch.empty(n, 16, device="cuda") for n in (7, 5))
        codes = _nearest.nearest(u, codebook)
    assert (codes.shape, codes.dtype, codes.device.type) == ((7,), torch.int64, "cuda")


def test_where_triton_fails_a_warning_says_so_and_tiles_search(monkeypatch):
    pytest.importorskip("triton")

    def fail(u, codebook):
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(_fused, "fused_nearest", fail)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.warns(UserWarning, match="by tiles, several times slower.*RuntimeError: no C compiler"):
        assert not _fused._runs_on.__wrapped__(torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("d", [3, 16, 32])
def test_the_kernel_on_a_gpu_finds_what_tiles_find(d):
    generator = torch.Generator().manual_seed(0)
    u, codebook = (torch.randn(n, d, generator=generator).cuda() for n in (20_001, 65_536))
    assert _fused.takes(u, codebook)
    fused, tiled = _nearest.nearest(u, codebook), _nearest.tiled_nearest(u, codebook)
    assert torch.equal(fused, _fused.fused_nearest(u, codebook))
    one, two = ((u - codebook[codes]).double().square().sum(1) for codes in (fused, tiled))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    assert (fused == tiled).float().mean() > 0.99


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_of_equal_codewords_the_kernel_on_a_gpu_takes_the_first():
    codebook = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0)).cuda()
    assert torch.equal(_nearest.nearest(codebook, codebook.repeat(3, 1)), torch.arange(1000).cuda())
