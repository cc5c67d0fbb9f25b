"""Latents of many images, computed once and kept in float16 files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from tqdm import tqdm

from empirical import checkpoint
from empirical.checkpoint import load_matching
from empirical.locks import alone, of_first
from empirical.runtime import Runtime, wait
from empirical.streaming import Crops, to_float
from empirical.tokenizers import Tokenizer
from qtheory import _check
from qtheory.errors import DomainError, SchemaError
from qtheory.results import (
    configuration_digest,
    read_json_if_whole,
    remove_unfinished,
    write_bytes_atomically,
)
from qtheory.weights import file_sha256

_MANIFEST = "latents.json"
_KEY = "z_e"


def _shard(folder: Path, number: int) -> Path:
    return folder / f"latents-{number:05}.safetensors"


@dataclass(frozen=True)
class CachedLatents:
    """Latents on disk, by number of the visit.

    Visits beyond the stored ones start again with the first.

    Attributes
    ----------
    folder : pathlib.Path
        Where the files are.
    count : int
        Stored visits.
    shard : int
        Visits a file.
    digest : str
        Of all that the latents depend on.
    device : str
        Where they go.
    """

    folder: Path
    count: int
    shard: int
    digest: str
    device: str = "cpu"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, chosen: Tensor) -> Tensor:
        """Return the latents of visits (B,) as (B, C, h, w) float32."""
        visits = (chosen % self.count).tolist()
        rows = [_slice(_shard(self.folder, v // self.shard))[v % self.shard] for v in visits]
        with torch.autocast("cpu", enabled=False):  # which would refuse to stack float16
            stacked = torch.stack(rows)
        return stacked.to(self.device).float()


@cache
def _slice(path: Path) -> Any:
    """Return the rows of a file, which are read as they are asked for."""
    with safe_open(path, framework="pt") as file:
        return file.get_slice(_KEY)


@torch.no_grad()
def _encoded(
    tokenizer: Tokenizer, crops: Crops, visits: range, batch: int, workers: int, device: str
) -> Tensor:
    """Return the latents of visits in float16, on the CPU; they are computed in float32."""
    groups = [list(visits[i : i + batch]) for i in range(0, len(visits), batch)]
    found = []
    for images in crops.batches(groups, workers):
        found.append(tokenizer.encode(to_float(images, device)).half().cpu())
    z_e = torch.cat(found)
    if not torch.isfinite(z_e).all():
        raise DomainError(
            f"latents must fit float16, got NaN or values beyond 65504 in visits {visits.start} to "
            f"{visits.stop - 1}; look for the layer of the tokenizer that they come from"
        )
    return z_e


def cache_latents(
    tokenizer: Tokenizer,
    crops: Crops,
    folder: Path,
    configuration: dict[str, Any],
    *,
    views: int = 1,
    shard: int = 4096,
    batch: int = 64,
    workers: int = 0,
    runtime: Runtime | None = None,
) -> CachedLatents:
    """Encode every image a number of times, or find that done.

    An interrupted run continues with the first file that is missing; several processes share the
    files among them. Of several jobs that need the same latents at once, one computes them while the
    others wait.

    Parameters
    ----------
    tokenizer : Tokenizer
        In evaluation mode.
    crops : Crops
        The images; with a seed, each view is another crop.
    folder : pathlib.Path
        Where the files go, with the first digits of the digest behind its name: what trains on latents of
        one configuration is not to read those of another that come in between.
    configuration : dict
        What the latents depend on beside the images: the tokenizer's checksum, sizes and seed.
    views : int, optional
        Visits to each image.
    shard : int, optional
        Latents a file.
    batch : int, optional
        Images that are encoded at the same time.
    workers : int, optional
        Processes that decode images.
    runtime : Runtime, optional
        Device and processes.

    Returns
    -------
    CachedLatents
        In float16, which costs a relative error of at most 2^-11 an element.

    Raises
    ------
    DomainError
        If a latent is NaN or does not fit.
    SchemaError
        If a file changed since it was written.
    """
    runtime = runtime or Runtime()
    count = len(crops) * _check.integer("views", views)
    whole = configuration | {"images": crops.folder.digest, "size": crops.size, "seed": crops.seed}
    whole |= {"chosen": len(crops), "count": count, "shard": shard}
    digest = configuration_digest(whole)
    shards, computed = -(-count // shard), False
    folder = _own(folder, digest, runtime)
    if not _written(folder, shards, digest, runtime):
        # beside the folder, which may be removed; several jobs of a cluster come here at the same time
        with alone(folder.with_name(f"{folder.name}.lock"), runtime):
            if runtime.first:  # the others write nothing before all have looked again
                remove_unfinished(folder)
            if not _written(folder, shards, digest, runtime):
                ranges = [range(i, min(i + shard, count)) for i in range(0, count, shard)]
                _compute(tokenizer, crops, folder, ranges, digest, batch, workers, runtime)
                wait(runtime)
                computed = True
                if runtime.first:
                    _verify(folder, shards, digest, whole)
    if runtime.first and not computed:
        _verify(folder, shards, digest, whole)
    wait(runtime)
    _slice.cache_clear()
    return CachedLatents(folder, count, shard, digest, runtime.device)


def _own(folder: Path, digest: str, runtime: Runtime) -> Path:
    """Return the folder of a configuration; without a digest in its name where it was written so before."""
    if of_first(runtime.first and _manifest(folder).get("digest") == digest, runtime):
        return folder
    return folder.with_name(f"{folder.name}-{digest[:12]}")


def _written(folder: Path, shards: int, digest: str, runtime: Runtime) -> bool:
    """Return whether all files are there; the first process looks, and all get its answer."""
    found = runtime.first and _manifest(folder).get("digest") == digest
    found = found and all(_shard(folder, number).exists() for number in range(shards))
    return of_first(found, runtime)


def _compute(
    tokenizer: Tokenizer,
    crops: Crops,
    folder: Path,
    ranges: list[range],
    digest: str,
    batch: int,
    workers: int,
    runtime: Runtime,
) -> None:
    """Write this process's share of the files that are missing."""
    bar = tqdm(ranges, "latents", leave=False, disable=None if runtime.first else True)
    for number, visits in enumerate(bar):
        path = _shard(folder, number)
        if number % runtime.world == runtime.rank and load_matching(path, digest) is None:
            z_e = _encoded(tokenizer, crops, visits, batch, workers, runtime.device)
            checkpoint.save(path, {_KEY: z_e}, {"digest": digest})


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what the manifest of a cache says; it is written last. Empty where there is none, or damaged."""
    return read_json_if_whole(folder / _MANIFEST, remedy="it is written again")


def _verify(folder: Path, shards: int, digest: str, configuration: dict[str, Any]) -> None:
    """Write the manifest with the checksum of each file, or compare with the one that is there."""
    found, stored = dict(_checksums(folder, shards)), _manifest(folder)
    if stored.get("digest") == digest and isinstance(stored.get("files"), dict):
        changed = [name for name, sha256 in stored["files"].items() if found.get(name) != sha256]
        if changed:
            raise SchemaError(
                f"{folder} must hold the latents that were written, but {', '.join(changed[:3])} changed "
                "since; remove the folder to have them computed again"
            )
        return
    content = {"digest": digest, "configuration": configuration, "files": found}
    write_bytes_atomically(folder / _MANIFEST, (json.dumps(content, indent=2) + "\n").encode())


def _checksums(folder: Path, shards: int) -> Iterator[tuple[str, str]]:
    for number in range(shards):
        path = _shard(folder, number)
        yield path.name, file_sha256(path)
