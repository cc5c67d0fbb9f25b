"""What counts as an image of a folder: links, names, kinds of pixels, and files that decoders choke on."""

import io
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from empirical.data import load_images
from empirical.images import index_folder
from empirical.listing import decode, listed
from qtheory.errors import SchemaError


def save(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    PilImage.fromarray(pixels).save(path)


def test_images_behind_links_to_folders_are_found_under_the_names_of_the_links(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for name in ("a/0.png", "b.png", "d/1/2.png"):
        save(root / name)
    for name in ("x/3.png", "x/y/4.png"):
        save(elsewhere / name)
    (root / "c").symlink_to(elsewhere / "x")
    (root / "d" / "again").symlink_to(elsewhere / "x" / "y")
    expected = ["a/0.png", "b.png", "c/3.png", "c/y/4.png", "d/1/2.png"]
    assert list(listed(root)) == expected
    assert index_folder(root, 8).names == load_images(root).names == tuple(expected)
    (tmp_path / "link").symlink_to(root)
    assert list(listed(tmp_path / "link")) == expected


def test_a_folder_that_links_lead_back_to_is_read_once(tmp_path):
    root = tmp_path / "top" / "root"
    for name in ("0.png", "a/1.png", "b/2.png"):
        save(root / name)
    save(tmp_path / "top" / "beside.png")
    (root / "self").symlink_to(root)
    (root / "up").symlink_to(tmp_path / "top")
    (root / "a" / "other").symlink_to(root / "b")
    (root / "b" / "other").symlink_to(root / "a")
    assert list(listed(root)) == ["0.png", "a/1.png", "b/2.png"]


def test_nested_links_do_not_multiply_what_is_behind_them(tmp_path):
    """Of twelve levels with two links to the next one there are 4096 paths to the last."""
    levels = [tmp_path / f"level{number:02}" for number in range(13)]
    save(levels[-1] / "0.png")
    for above, below in pairwise(levels):
        above.mkdir()
        for name in ("z", "a"):
            (above / name).symlink_to(below)
    assert list(listed(levels[0])) == ["a/" * 12 + "0.png"]


def test_links_to_what_is_there_without_them_change_nothing(tmp_path):
    for name in ("b/0.png", "b/c/1.png"):
        save(tmp_path / name)
    before = load_images(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "b" / "c")
    assert load_images(tmp_path).digest == before.digest


def test_without_links_the_order_is_that_of_the_names(tmp_path, monkeypatch):
    names = ["a.png", "a/b.png", "a-b/c.png", "A.PNG", "a/b/c.jpg.png", "z.webp.png"]
    for name in names:
        save(tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "notes.txt").touch()
    assert list(listed(tmp_path)) == sorted(names)
    monkeypatch.chdir(tmp_path)
    assert list(listed(Path())) == sorted(names)


def test_a_file_whose_name_is_no_text_is_skipped_with_those_words(tmp_path):
    for i in range(120):
        save(tmp_path / f"{i:03}.png", seed=i)
    before = load_images(tmp_path)
    save(tmp_path / "x.png", seed=121)
    (tmp_path / "x.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    images, folder = load_images(tmp_path), index_folder(tmp_path, 8, index=tmp_path / "index.json")
    assert images.skipped == folder.skipped == {"\\udcff.png": "its name is not UTF-8"}
    assert images.digest == folder.digest == before.digest
    assert len(images.images) == len(images.names) == 120
    assert all(map(np.array_equal, images.images, before.images))
    assert index_folder(tmp_path, 8, index=tmp_path / "index.json") == folder
    for i in range(30):
        (tmp_path / f"{i:03}.png").unlink()
    with pytest.raises(SchemaError, match=r"1 of 91: .*udcff\.png: its name is not UTF-8"):
        load_images(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError, TypeError, NotImplementedError, IndexError, OSError])
def test_whatever_a_decoder_raises_the_file_is_damaged(tmp_path, monkeypatch, error):
    save(tmp_path / "0.jpg")

    def raising(*_):
        raise error("Failed to decode image")

    monkeypatch.setattr(PilImage.Image, "load", raising)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", raising)
    with pytest.raises(SchemaError, match=r"1 of 1: 0\.jpg: damaged"):
        load_images(tmp_path)


def test_memory_that_runs_out_is_no_damage(tmp_path, monkeypatch):
    save(tmp_path / "0.png")

    def raising(*_):
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", raising)
    with pytest.raises(MemoryError):
        load_images(tmp_path)


@pytest.mark.parametrize(("kind", "at", "byte"), [("DDS", 80, 26), ("TIFF", 4, 0)])
def test_malformed_files_of_other_kinds_under_a_usual_name_are_damaged(kind, at, byte):
    """The first raises `NotImplementedError`."""
    content = io.BytesIO()
    PilImage.new("RGB", (8, 8)).save(content, kind)
    malformed = bytearray(content.getvalue())
    malformed[at] = byte
    with pytest.raises(SchemaError, match=r"^damaged$"):
        decode(io.BytesIO(bytes(malformed)))


def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path):
    grey = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    PilImage.fromarray(grey).save(tmp_path / "deep.png")
    [image] = load_images(tmp_path).images
    assert image.dtype == np.uint8
    assert image.shape == (64, 64, 3)
    assert np.array_equal(image, np.floor(grey / 257 + 0.5)[..., None].repeat(3, -1))
    assert np.array_equal(index_folder(tmp_path, 64).read(0), image)
    # a step of 257 is one of 8 bits, so that eight bits made sixteen come back
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    PilImage.fromarray(eight.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.array_equal(load_images(tmp_path).images[0][..., 1], eight)


@pytest.mark.parametrize(("kind", "mode"), [(np.int32, "I"), (np.float32, "F")])
def test_pixels_whose_white_is_unknown_are_skipped_with_those_words(tmp_path, kind, mode):
    content = io.BytesIO()
    PilImage.fromarray(np.arange(64, dtype=kind).reshape(8, 8)).save(content, "TIFF")
    (tmp_path / "0.png").write_bytes(content.getvalue())
    with pytest.raises(SchemaError, match=rf"0\.png: pixels of mode {mode}, whose white is unknown; restore"):
        index_folder(tmp_path, 8)
