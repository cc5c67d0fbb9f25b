"""Folders of images: what is usable, ImageNet's classes, and crops by the number of a visit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from empirical import streaming
from empirical.data import centre_crop
from empirical.images import imagenet_classes, imagenet_parts, index_folder, read_index, require_classes
from empirical.pixels import to_tensor
from empirical.streaming import Crops, EncodedImages, StreamedImages, epochs, training_crop
from empirical.tokenizers import PocketTokenizer
from qtheory.errors import DomainError, SchemaError


def save(path, height, width, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    PilImage.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    for i in range(5):
        save(tmp_path / "images" / f"{i}.png", 20 + i, 30, seed=i)
    return tmp_path / "images"


def test_names_come_sorted_and_the_digest_follows_names_and_contents(root):
    folder = index_folder(root, 16, threads=2)
    assert folder.names == tuple(f"{i}.png" for i in range(5))
    assert folder.skipped == {}
    assert index_folder(root, 16).digest == folder.digest
    (root / "4.png").rename(root / "9.png")
    renamed = index_folder(root, 16).digest
    save(root / "0.png", 20, 30, seed=7)
    assert len({folder.digest, renamed, index_folder(root, 16).digest}) == 3


def test_a_link_to_nowhere_is_a_damaged_image(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(SchemaError, match=r"it has 1 of 1: gone.png: damaged"):
        index_folder(tmp_path, 16)


def test_damaged_and_tiny_images_are_named_and_skipped_up_to_one_percent(tmp_path):
    for i in range(198):
        save(tmp_path / f"{i:03}.png", 4, 4, seed=i)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    save(tmp_path / "tiny.png", 1, 9)
    folder = index_folder(tmp_path, 16)
    assert folder.skipped == {"broken.jpg": "damaged", "tiny.png": "9 x 1 pixels"}
    assert folder.manifest["images"] == len(folder.names) == 198
    (tmp_path / "000.png").unlink()
    with pytest.raises(
        SchemaError, match=r"at most 1%.*below 2 pixels, it has 2 of 199: broken.jpg: damaged"
    ):
        index_folder(tmp_path, 16)


def test_the_index_is_read_again_until_a_file_changes(root, tmp_path, monkeypatch):
    index = tmp_path / "index.json"
    first = index_folder(root, 16, index=index)
    monkeypatch.setattr("empirical.images._examined", lambda *_, **__: ("", "damaged"))
    assert index_folder(root, 16, index=index) == first
    save(root / "0.png", 40, 40)
    with pytest.raises(SchemaError, match="it has 5 of 5"):
        index_folder(root, 16, index=index)
    stored = index.with_name(f"index-{first.digest[:12]}.json")
    assert json.loads(stored.read_text())["digest"] == first.digest
    assert read_index(index, root, first.digest) == first
    stored.rename(index)  # without a digest in its name, as it was before
    assert read_index(index, root, first.digest) == first
    with pytest.raises(SchemaError, match="must be of images with digest 0, got"):
        read_index(index, root, "0")
    with pytest.raises(FileNotFoundError, match="launch the comparison"):
        read_index(tmp_path / "nowhere.json", root, first.digest)


@pytest.mark.parametrize("content", [b'{"stamp": ', b"{}", b"[1]", b"\xff", b""])
def test_an_index_that_is_damaged_is_as_good_as_none(root, tmp_path, content):
    index = tmp_path / "index.json"
    first = index_folder(root, 16, index=index)
    stored = index.with_name(f"index-{first.digest[:12]}.json")
    whole = stored.read_bytes()
    stored.write_bytes(content)
    with pytest.raises(FileNotFoundError, match=r"index-\w+\.json is damaged: launch the comparison"):
        read_index(index, root, first.digest)
    assert index_folder(root, 16, index=index) == first
    assert stored.read_bytes() == whole


def test_folders_that_are_indexed_in_one_place_keep_their_own_index(root, tmp_path, monkeypatch):
    """Two launches of other images in one folder of results: the jobs of the first still find theirs."""
    index, other = tmp_path / "index.json", tmp_path / "other"
    for i in range(2):
        save(other / f"{i}.png", 20, 30, seed=i + 9)
    found = {place: index_folder(place, 16, index=index) for place in (root, other)}
    monkeypatch.setattr("empirical.images._examined", lambda *_, **__: pytest.fail("it was read anew"))
    for place, folder in found.items():
        assert read_index(index, place, folder.digest) == folder
        assert index_folder(place, 16, index=index) == folder


def test_missing_and_empty_folders_and_files_lost_later_are_refused(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        index_folder(tmp_path / "nowhere", 16)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SchemaError, match="holds none"):
        index_folder(tmp_path / "empty", 16)
    folder = index_folder(root, 16)
    (root / "1.png").write_bytes(b"")
    with pytest.raises(SchemaError, match=r"1\.png cannot be decoded any more"):
        folder.read(1)


def test_imagenet_has_its_thousand_classes():
    classes = imagenet_classes()
    assert list(classes) == sorted(set(classes))
    assert len(classes) == 1000
    assert all(len(name) == 9 and name[0] == "n" and name[1:].isdecimal() for name in classes)


def test_an_imagenet_folder_without_its_classes_is_refused_by_name(tmp_path):
    classes = ("n01", "n02", "n03")
    with pytest.raises(FileNotFoundError, match=r"train does not exist: an ImageNet folder holds"):
        imagenet_parts(tmp_path)
    for part, names in (("train", classes[:1]), ("val", classes)):
        for name in names:
            save(tmp_path / part / name / "0.png", 8, 8)
    with pytest.raises(SchemaError, match=r"train must hold the 3 class folders.*it lacks 2: n02, n03"):
        imagenet_parts(tmp_path, classes)
    for name in classes:
        save(tmp_path / "train" / name / "0.png", 8, 8)
    train, val = imagenet_parts(tmp_path, classes)
    assert index_folder(train, 8).names == ("n01/0.png", "n02/0.png", "n03/0.png")
    assert (train.name, val.name) == ("train", "val")
    with pytest.raises(SchemaError, match="lacks 1000: n01440764, "):
        imagenet_parts(tmp_path)


def test_validation_images_may_lie_flat_as_they_are_distributed(tmp_path):
    save(tmp_path / "train" / "n01" / "0.png", 8, 8)
    save(tmp_path / "val" / "ILSVRC2012_val_00000001.png", 8, 8)
    assert imagenet_parts(tmp_path, ("n01",))[1] == tmp_path / "val"


def test_a_class_without_a_usable_image_is_named(tmp_path):
    classes = ("n01", "n02", "n03")
    for i in range(150):
        save(tmp_path / "train" / "n01" / f"{i}.png", 8, 8, seed=i)
    (tmp_path / "train" / "n02").mkdir()
    (tmp_path / "train" / "n03").mkdir()
    (tmp_path / "train" / "n03" / "0.png").write_bytes(b"no picture")
    folder = index_folder(tmp_path / "train", 8)
    with pytest.raises(SchemaError, match=r"train must hold images of each class, .* of 2: n02, n03; unpack"):
        require_classes(folder, classes)
    for name in classes[1:]:
        save(tmp_path / "train" / name / "0.png", 8, 8, seed=200)
    require_classes(index_folder(tmp_path / "train", 8), classes)
    save(tmp_path / "val" / "ILSVRC2012_val_00000001.png", 8, 8)
    require_classes(index_folder(tmp_path / "val", 8), classes)  # its classes are in no name


def test_a_training_crop_is_cut_from_a_resized_image_of_at_most_five_quarters():
    # a ramp along each axis: its slope over the crop tells the size of the resized image
    ramp = np.linspace(0, 255, 512)
    image = np.stack(
        [np.add.outer(0 * ramp, ramp), np.add.outer(ramp, 0 * ramp), np.full((512, 512), 9.0)], -1
    )
    slopes, mirrored, starts = [], 0, []
    for trial in range(200):
        crop = training_crop(image.astype(np.uint8), 64, rng=np.random.default_rng(trial)).astype(float)
        assert crop.shape == (64, 64, 3)
        mirrored += bool(crop[0, 0, 0] > crop[0, -1, 0])
        slopes.append(crop[-2, 0, 1] - crop[1, 0, 1])
        starts.append(crop[0, 0, 1])
    sides = 255 * 61 / np.array(slopes)
    assert 62 < sides.min() < 66 < 78 < sides.max() < 83
    # all equal with probability 2^-199; that fewer than 50 of 200 fair coins fall on one side, 1e-13
    assert 50 < mirrored < 150
    assert max(starts) > 20


def test_the_short_side_of_a_training_crop_takes_every_length_from_256_to_320(monkeypatch):
    drawn = []

    def resized(image, short):
        drawn.append(short)
        return np.zeros((short, short, 3), np.uint8)

    monkeypatch.setattr(streaming, "with_short_side", resized)
    for trial in range(3000):
        training_crop(np.zeros((1, 1, 3), np.uint8), rng=np.random.default_rng(trial))
    # one of 65 is missed with probability 65 (1 - 1/65)^3000 < 1e-18
    assert set(drawn) == set(range(256, 321))


def test_crops_depend_on_seed_and_visit_alone(root):
    folder = index_folder(root, 16)
    crops = Crops(folder, 16, seed=3)
    straight = list(crops.batches([[0, 6], [11, 2]]))
    again = list(Crops(folder, 16, seed=3).batches([[11, 2]]))
    assert torch.equal(straight[1], again[0])
    assert not torch.equal(crops[1], crops[6])  # another visit to the same image
    assert not torch.equal(crops[1], Crops(folder, 16, seed=4)[1])
    centre = Crops(folder, 16)
    assert torch.equal(centre[1], centre[6])
    assert np.array_equal(centre[1].movedim(0, -1).numpy(), centre_crop(folder.read(1), 16))
    with pytest.raises(DomainError, match="at least 1 image"):
        Crops(folder, 16, [])


def test_streamed_images_are_those_asked_for_whatever_was_read_ahead(root):
    crops = Crops(index_folder(root, 16), 16, [3, 1, 2], seed=0)
    assert crops.names == ("3.png", "1.png", "2.png")
    images = StreamedImages(crops)
    batches = torch.tensor([[0, 1], [2, 3], [4, 5]])
    images.schedule(batches)
    expected = [torch.stack([crops[v] for v in row]).movedim(1, -1).numpy() for row in batches.tolist()]
    assert torch.equal(images[batches[0]], to_tensor(expected[0]))
    assert images[batches[0]] is images[batches[0]]
    assert torch.equal(images[batches[2]], to_tensor(expected[2]))  # a step left out
    assert torch.equal(images[batches[1]], to_tensor(expected[1]))


def test_encoded_images_follow_the_encoder(root):
    tokenizer = PocketTokenizer(8).eval()
    images = StreamedImages(Crops(index_folder(root, 16), 16))
    encoded = EncodedImages(tokenizer, images)
    chosen = torch.tensor([0, 4])
    before = encoded[chosen]
    assert torch.equal(before, tokenizer.encode(images[chosen]).detach())
    assert not before.requires_grad
    with torch.no_grad():
        tokenizer.encoder[0].bias += 1
    assert not torch.equal(encoded[chosen], before)


def test_an_epoch_sees_every_image_once():
    visits = epochs(10, steps=7, batch_size=3, rng=np.random.default_rng(0)).flatten()
    assert sorted(visits[:10].tolist()) == list(range(10))
    assert sorted(visits[10:20].tolist()) == list(range(10, 20))
    assert (visits[:10] % 10).tolist() != (visits[10:20] % 10).tolist()
