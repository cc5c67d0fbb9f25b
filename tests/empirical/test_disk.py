"""What a launch keeps on disk is what the dry run says."""

from dataclasses import replace

import pytest

from empirical import disk
from empirical.cells import matrix
from empirical.counts import counts
from empirical.launch import walk
from empirical.launch_config import PRESETS
from empirical.launch_forecast import forecast
from empirical.setup import prepared
from tests.empirical.helpers import interrupted
from tests.empirical.launched import TINY, Here, chosen


def size(path):
    """GB of the numbers in a file, without its header, whose length stands first."""
    return (path.stat().st_size - 8 - int.from_bytes(path.read_bytes()[:8], "little")) / 1e9


def test_latents_weights_and_states_are_as_large_as_forecast(launch, tmp_path):
    """With the packaged tokenizer, whose parameters are counted; MMD VQ trains its codebook by gradients."""
    launch = prepared(replace(launch, tokenizer="", digests={}))
    own, cells = counts(TINY), chosen(methods=["mmd"])
    assert [cell.phase for cell in cells] == ["substitution", "adaptation", "joint"]
    for cell in cells:
        folder = launch.folder(cell)
        with interrupted(before=3):
            list(walk(launch, [cell], Here()))
        assert size(folder / "state.safetensors") == pytest.approx(disk.state(cell, TINY, own), rel=0.01)
        list(walk(launch, [cell], Here()))
        assert size(folder / "weights.safetensors") == pytest.approx(disk.weights(cell, TINY, own), rel=0.01)
    images = 24 - 24 // 4
    stored = sum(size(path) for path in (tmp_path / "out").glob("latents-*/*.safetensors"))
    assert stored == pytest.approx(disk.latents(replace(TINY, images=images)), rel=1e-6)


def test_the_best_epoch_is_kept_beside_the_last_and_small_parts_count_as_they_are():
    preset = PRESETS["paper"]
    own = counts(preset)

    def kept(protocol, **choice):
        return {
            f"{cell.phase} {cell.method} {cell.head}": disk.weights(cell, preset, own)
            for cell in matrix(preset, [protocol], [3], **choice)
        }

    fair, as_run = (kept(protocol, methods=["mmd"]) for protocol in ("fair", "as_run"))
    assert as_run["adaptation mmd full"] == 2 * fair["adaptation mmd full"]
    assert as_run["substitution mmd full"] == fair["substitution mmd full"]
    assert fair["baseline unquantized none"] == 0
    # 22.16 and 19.77 million numbers, as the transplants of this size are built
    assert fair["substitution mmd full"] == pytest.approx(4 * 22.16e-3, rel=0.01)
    assert kept("fair", methods=["fsq"])["substitution fsq full"] == pytest.approx(4 * 19.77e-3, rel=0.02)
    bare = kept("fair", methods=["mmd"], heads=["full", "none"])["substitution mmd none"]
    assert bare == pytest.approx(4 * 2 * 1048576e-9)


def test_a_launch_without_a_cache_keeps_none(launch):
    cells = chosen()
    found = [forecast(replace(launch, cached=cached), cells, "cpu") for cached in (True, False)]
    assert ["on disk: latents" in text for text in found] == [True, False]
    assert all("weights" in text for text in found)
