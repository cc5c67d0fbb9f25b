import shutil
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from empirical import listing
from empirical.data import (
    POCKET_PHOTOS,
    centre_crop,
    eval_crops,
    load_images,
    split,
    train_crops,
)
from empirical.images import index_folder
from empirical.pixels import check_crops, to_tensor, to_uint8, varied
from empirical.streams import torch_stream
from qtheory.errors import DomainError, SchemaError, ShapeError


def photograph(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    for i in range(3):
        PilImage.fromarray(photograph(70 + i, 90, seed=i)).save(tmp_path / f"{i}.png")
    return tmp_path


def test_every_packaged_photograph_is_credited_with_a_free_licence():
    rows = (POCKET_PHOTOS / "CREDITS.csv").read_text().splitlines()[1:]
    credited = {row.split(",")[0] for row in rows}
    assert credited == set(load_images().names)
    assert all(any(free in row for free in ("public-domain", "CC0", "CC-BY")) for row in rows)


def test_images_come_in_the_order_of_their_names_with_exact_pixels(folder):
    (folder / "sub").mkdir()
    shutil.move(folder / "1.png", folder / "sub" / "a.PNG")
    (folder / "notes.txt").write_text("no image")
    images = load_images(folder)
    assert images.names == ("0.png", "2.png", "sub/a.PNG")
    assert np.array_equal(images.images[2], photograph(71, 90, seed=1))


def test_photographs_are_decoded_once_until_a_file_changes(folder, monkeypatch):
    decoded, decode = [], listing.decode
    monkeypatch.setattr(listing, "decode", lambda file: decoded.append(file) or decode(file))
    first = load_images(folder)
    assert load_images(str(folder)) is first
    assert len(decoded) == 3
    with pytest.raises(ValueError, match="read-only"):
        first.images[0][:] = 0
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())
    assert load_images(folder).digest != first.digest
    assert len(decoded) == 6
    assert load_images(folder, 71).names == ("0.png", "1.png", "2.png")
    assert len(decoded) == 9


def test_the_digest_changes_with_any_name_and_any_content(folder):
    before = load_images(folder).digest
    assert load_images(folder).digest == before
    shutil.move(folder / "2.png", folder / "3.png")
    renamed = load_images(folder).digest
    PilImage.fromarray(photograph(70, 90, seed=9)).save(folder / "0.png")
    assert len({before, renamed, load_images(folder).digest}) == 3


def test_a_grey_or_transparent_image_becomes_rgb(tmp_path):
    PilImage.fromarray(photograph(8, 8)[..., 0]).save(tmp_path / "grey.png")
    PilImage.new("RGBA", (8, 8)).save(tmp_path / "clear.png")
    assert [image.shape for image in load_images(tmp_path).images] == [(8, 8, 3), (8, 8, 3)]


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_images(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(SchemaError, match="holds none"):
        load_images(tmp_path)


def with_sides(picture, side):
    """Return a PNG file whose header says that the image is a square of another size."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + picture[24:29]
    return picture[:12] + header + zlib.crc32(header).to_bytes(4, "big") + picture[33:]


@pytest.mark.parametrize("content", [b"", b"no picture at all", "half", "gigantic"])
def test_more_than_one_percent_of_damaged_images_is_refused_by_name(folder, content):
    whole = (folder / "1.png").read_bytes()
    broken = {"half": whole[: len(whole) // 2], "gigantic": with_sides(whole, 60000)}
    (folder / "1.png").write_bytes(broken.get(content, content))
    with pytest.raises(SchemaError, match=r"has 1 of 3: 1\.png: damaged; restore or remove"):
        load_images(folder)


def test_up_to_one_percent_of_damaged_and_small_images_is_skipped_and_reported_as_a_launch_does(tmp_path):
    for i in range(198):
        PilImage.fromarray(photograph(4, 4, seed=i)).save(tmp_path / f"{i:03}.png")
    before = load_images(tmp_path, 4).digest
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    PilImage.fromarray(photograph(3, 9)).save(tmp_path / "small.png")
    (tmp_path / "folder.png").mkdir()
    images = load_images(tmp_path, 4)
    assert images.skipped == {"broken.jpg": "damaged", "small.png": "9 x 3 pixels"}
    assert len(images.images) == len(images.names) == 198
    assert images.digest == before
    assert images.manifest == index_folder(tmp_path, 4 * 8).manifest
    with pytest.raises(
        SchemaError, match=r"below 5 pixels, it has 200 of 200: 000\.png: 4 x 4 .*; and 197 more; restore"
    ):
        load_images(tmp_path, 5)


@given(names=st.lists(st.text(min_size=1), min_size=2, max_size=40, unique=True), data=st.data())
def test_the_split_is_a_partition_that_does_not_depend_on_the_order_of_names(names, data):
    train, heldout = split(names)
    assert sorted([*train, *heldout]) == list(range(len(names)))
    assert len(train) >= 1
    assert len(heldout) >= 1
    shuffled = data.draw(st.permutations(names))
    assert {shuffled[i] for i in split(shuffled)[1]} == {names[i] for i in heldout}


def test_names_that_cannot_be_split_are_refused():
    with pytest.raises(DomainError, match="at least 2 different"):
        split(["one.jpg"])
    with pytest.raises(DomainError, match="at least 2 different"):
        split(["one.jpg", "one.jpg"])


def test_evaluation_crops_are_disjoint_centred_and_know_their_photograph():
    # each pixel has a number of its own, so that overlap would show
    number = np.arange(35 * 50)
    image = np.stack([number % 256, number // 256, 0 * number], -1).reshape(35, 50, 3).astype(np.uint8)
    crops, photo_index = eval_crops([image, photograph(16, 16)], size=16)
    assert photo_index.tolist() == [0] * 6 + [1]
    pixels = to_uint8(crops)
    assert np.array_equal(pixels[0], image[1:17, 1:17])
    assert np.array_equal(pixels[5], image[17:33, 33:49])
    numbers = pixels[:6, ..., 0] + 256 * pixels[:6, ..., 1].astype(int)
    assert len(np.unique(numbers)) == 6 * 16 * 16


def test_training_crops_depend_on_the_generator_only_and_are_cut_from_the_photographs():
    image = photograph(20, 30)
    crops = train_crops([image], 64, 16, generator=torch_stream(0, "step=1"))
    assert torch.equal(crops, train_crops([image], 64, 16, generator=torch_stream(0, "step=1")))
    assert not torch.equal(crops, train_crops([image], 64, 16, generator=torch_stream(0, "step=2")))
    windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    known = {window.tobytes() for row in windows for window in row}
    mirrored = {window[:, ::-1].tobytes() for row in windows for window in row}
    found = [crop.tobytes() for crop in to_uint8(crops)]
    assert set(found) <= known | mirrored
    # 64 flips with probability 1/2 are all equal with probability 2^-63
    assert set(found) & known
    assert set(found) & mirrored


@pytest.mark.parametrize(
    "cut", [eval_crops, lambda x, size: train_crops(x, 1, size, generator=torch_stream(0))]
)
def test_photographs_smaller_than_a_crop_are_refused(cut):
    with pytest.raises(DomainError, match="short side, got one of 63"):
        cut([photograph(64, 64), photograph(80, 63)], size=64)
    with pytest.raises(DomainError, match="must not be empty"):
        cut([], size=64)


def test_all_pixel_values_survive_the_way_to_tensors_and_back():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    tensor = to_tensor(pixels)
    assert tensor.dtype == torch.float32
    assert tensor.min() == -1
    assert tensor.max() == 1
    assert np.array_equal(to_uint8(tensor), pixels)
    assert np.array_equal(to_uint8(3 * torch.ones(1, 3, 2, 2)), np.full((1, 2, 2, 3), 255))


def test_crops_with_nan_or_a_wrong_shape_are_refused():
    crops = torch.zeros(2, 3, 4, 4)
    crops[1, 0, 0, 0] = torch.nan
    with pytest.raises(DomainError, match="1 NaN or infinite"):
        to_uint8(crops)
    with pytest.raises(ShapeError, match=r"\(2, 4, 4, 3\)"):
        check_crops("crops", torch.zeros(2, 4, 4, 3))


@pytest.mark.parametrize("shape", [(300, 400, 3), (1100, 600, 3), (256, 256, 3), (200, 100, 3)])
def test_the_centre_crop_has_its_size_and_keeps_a_constant_image(shape):
    assert np.array_equal(centre_crop(np.full(shape, 77, np.uint8)), np.full((256, 256, 3), 77))


def test_the_centre_crop_is_the_centre():
    image = np.zeros((256, 356, 3), np.uint8)
    image[:, 50:306] = photograph(256, 256)
    assert np.array_equal(centre_crop(image), photograph(256, 256))
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(centre_crop(doubled), photograph(256, 256))


@pytest.mark.parametrize("sides", [(67, 131), (129, 90), (300, 211), (511, 257), (41, 64), (64, 65)])
def test_the_centre_crop_is_adms_to_the_last_bit(sides):
    """As its authors do it with Pillow: halved with a box, then bicubic, and the floor of half the rest."""
    image, side = photograph(*sides), 64
    picture = PilImage.fromarray(image)
    while min(picture.size) >= 2 * side:
        picture = picture.resize([x // 2 for x in picture.size], resample=PilImage.Resampling.BOX)
    scale = side / min(picture.size)
    resized = picture.resize([round(x * scale) for x in picture.size], resample=PilImage.Resampling.BICUBIC)
    pixels = np.asarray(resized)
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    assert np.array_equal(centre_crop(image, side), pixels[top : top + side, left : left + side])


def test_the_pictures_shown_are_neither_dark_nor_pale_and_go_from_detailed_to_plain():
    noise = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    photographs = np.arange(24) // 3  # the middle crop of each stands for it
    level = torch.tensor([-0.6, 0.7, 0.0, 0.1, 0.05, -0.1, 0.6, -0.7]).repeat_interleave(3)
    strength = torch.tensor([1.0, 1.0, 0.2, 0.8, 0.4, 0.6, 1.0, 1.0]).repeat_interleave(3)
    crops = (strength.view(-1, 1, 1, 1) * noise + level.view(-1, 1, 1, 1)).clamp(-1, 1)
    assert varied(crops, photographs, 4) == [3 * i + 1 for i in (3, 5, 4, 2)]
    assert varied(crops, photographs, 2) == [3 * i + 1 for i in (5, 2)]
    assert varied(crops, photographs, 9) == varied(crops, photographs, 4)
