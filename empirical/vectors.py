"""Vectors of the shipped photographs for the simulation studies: latents and patches of luma.

The studies know nothing of images. They read two files of vectors, of which a manifest says how they
were made, from which photographs, and their checksums.
"""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from empirical.data import eval_crops, load_images, split
from empirical.determinism import deterministic
from empirical.pixels import Image
from empirical.tokenizers.pocket import LATENT_CHANNELS, WEIGHTS, default_pocket
from qtheory.errors import DomainError
from qtheory.results import write_bytes_atomically

Cut = Callable[[Sequence[Image]], tuple[NDArray[Any], NDArray[np.int64]]]

COMMAND = "python -m empirical vectors --out sims/data"
PATCH = (2, 4)
PATCHES = 1024
_BATCH = 64
_WHAT = {
    "latents.npz": (
        "the first 8 of the 16 latent channels of the pocket tokenizer, float16: what the first of the "
        "comparison's two quantizers is given without a head; all 8x8 positions of all 64x64 crops of the "
        "evaluation grid, crop by crop, rows of positions from top to bottom"
    ),
    "patches.npz": (
        "8-bit luma (ITU-R BT.601, rounded) of patches of 2 rows and 4 columns, row by row; 1024 of the "
        "patches of a centred grid without overlap, evenly spaced, of each photograph"
    ),
}


@torch.no_grad()
def latents(photographs: Sequence[Image]) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Return what the first quantizer of the comparison is given, without a head, of photographs.

    Parameters
    ----------
    photographs : sequence of (H, W, 3) uint8 array
        At least 64 pixels on their short side.

    Returns
    -------
    vectors : (N, 8) float16 array
        First half of the pocket tokenizer's channels at every position of the evaluation crops.
    photograph : (N,) int64 array
        Index of the photograph of each.

    Notes
    -----
    The encoder computes in float64, so that what is rounded to float16 does not depend on the order of
    sums: the same bytes come out with any number of threads.
    """
    tokenizer = default_pocket().double()
    crops, photo_index = eval_crops(photographs)
    with deterministic(1):
        z_e = torch.cat([tokenizer.encode(part.double()) for part in crops.split(_BATCH)])
    half = z_e[:, : LATENT_CHANNELS // 2].permute(0, 2, 3, 1)
    positions = half.shape[1] * half.shape[2]
    return half.reshape(-1, half.shape[3]).numpy().astype(np.float16), np.repeat(photo_index, positions)


def patches(photographs: Sequence[Image]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return patches of 2 x 4 pixels of the photographs' luma.

    Parameters
    ----------
    photographs : sequence of (H, W, 3) uint8 array
        With room for 1024 patches.

    Returns
    -------
    vectors : (N, 8) uint8 array
        1024 patches a photograph, rows of pixels from top to bottom.
    photograph : (N,) int64 array
        Index of the photograph of each.

    Raises
    ------
    DomainError
        If a photograph is too small.
    """
    from PIL import Image as PilImage

    height, width = PATCH
    chosen = []
    for index, image in enumerate(photographs):
        luma = np.asarray(PilImage.fromarray(image).convert("L"))
        rows, columns = luma.shape[0] // height, luma.shape[1] // width
        if rows * columns < PATCHES:
            raise DomainError(
                f"photographs must hold {PATCHES} patches of {height} x {width} pixels, "
                f"number {index} measures {luma.shape[0]} x {luma.shape[1]}; leave it out"
            )
        top, left = (luma.shape[0] - rows * height) // 2, (luma.shape[1] - columns * width) // 2
        grid = luma[top : top + rows * height, left : left + columns * width]
        cut = grid.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height * width)
        chosen.append(cut[np.arange(PATCHES) * len(cut) // PATCHES])
    return np.concatenate(chosen), np.repeat(np.arange(len(chosen)), PATCHES)


def _bytes(**arrays: NDArray[Any]) -> bytes:
    """Return arrays as an uncompressed npz file: no compressor's version, no date."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def write(out: Path) -> Path:
    """Write the vectors of the shipped photographs, and their manifest last.

    Parameters
    ----------
    out : pathlib.Path
        Folder of ``latents.npz``, ``patches.npz`` and ``manifest.json``. Each npz file holds ``train``
        and ``held_out`` (n, 8), parted by photograph as in the comparison, with ``train_photograph``
        and ``held_out_photograph`` (n,) uint8, indices into the manifest's list of photographs.

    Returns
    -------
    pathlib.Path
        The manifest.
    """
    images = load_images()
    parts = dict(zip(("train", "held_out"), split(images.names), strict=True))
    files = {}
    cuts: dict[str, Cut] = {"latents.npz": latents, "patches.npz": patches}
    for name, cut in cuts.items():
        arrays: dict[str, NDArray[Any]] = {}
        for part, which in parts.items():
            vectors, photograph = cut([images.images[i] for i in which])
            arrays[part], arrays[f"{part}_photograph"] = vectors, which[photograph].astype(np.uint8)
        content = _bytes(**arrays)
        write_bytes_atomically(out / name, content)
        files[name] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "what": _WHAT[name],
            **{part: len(arrays[part]) for part in parts},
        }
    manifest = {
        "command": COMMAND,
        "files": files,
        "photographs": images.names,
        "held_out": [images.names[i] for i in parts["held_out"]],
        "photographs_digest": images.digest,
        "tokenizer_sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
        "versions": {package: metadata.version(package) for package in ("numpy", "torch", "pillow")},
    }
    path = out / "manifest.json"
    write_bytes_atomically(path, (json.dumps(manifest, indent=1) + "\n").encode())
    return path
