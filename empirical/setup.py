"""A launched comparison as every process must know it, and what a process makes of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empirical import cell_files, inception
from empirical.cell_numbers import numbers_of
from empirical.cells import CellSpec
from empirical.config import Budget
from empirical.data import require_heldout, require_image_each, split
from empirical.discriminator import Discriminator, ViT
from empirical.distances import EffLiteStatistics, InceptionStatistics, Statistics
from empirical.head import REFERENCES
from empirical.images import Folder, imagenet_parts, index_folder, read_index, require_classes
from empirical.inception import Inception
from empirical.launch_config import LaunchPreset
from empirical.network_files import DINO_FILE, VAR_FILE, required_files
from empirical.perceptual import BACKBONES, LPIPS
from empirical.runtime import Runtime
from empirical.streaming import Crops, evenly
from empirical.streams import torch_stream
from empirical.tokenizers import Tokenizer, VARTokenizer, load_tokenizer
from empirical.tokenizers.pocket import WEIGHTS as POCKET_WEIGHTS
from empirical.variants import conduct
from qtheory.errors import DomainError, SchemaError
from qtheory.results import configuration_digest, write_bytes_atomically
from qtheory.weights import file_sha256

# raised whenever the numbers of a row change, or what digests are of
# 7: of a preset the digest of a cell has only what its numbers depend on, see `numbers_of`; no number changed
# 6: in bfloat16 quantizers and latent terms have float32 in joint optimisation too, and FSQ has in all phases
# 5: the vectors that MMD VQ draws are as many for any number of processes; the heads of
#    products as run learn at a constant rate
# 4: the images of in-sample columns, and those that references are fitted on, are of all classes
# 3: MMD VQ and Vanilla VQ as run; on cards no quantizer and no metric rounds products to TF32
# 2: presets with networks have KID on the features of r-FID too
VERSION = 7


@dataclass(frozen=True)
class Launch:
    """Sizes, places and precision of a launched comparison.

    Attributes
    ----------
    name : str
        Name of the preset.
    sizes : LaunchPreset
        Its content.
    out : str
        Folder of all cells.
    train, heldout : str
        Folders of images; an empty one holds out a quarter of the other, by photograph.
    tokenizer : str
        Weights of the tokenizer.
    weights : str
        Folder of the published networks, where the preset uses them.
    device : str
        ``cpu`` or ``cuda``.
    processes : int
        Processes that share the batches of a cell, where it is trained on batches. They are in no digest,
        though what a discriminator sees and MMD VQ draws depends on them, but in the rows.
    bf16, compiled, recompute : bool
        Precision and memory; see `Runtime` and `VARTokenizer.recompute`.
    accumulate : int
        Parts in which a process's batch goes through decoder and losses; see `in_parts`.
    evaluation_batch : int
        Images that are encoded for the cache, or measured, at a time; rows depend on it by rounding alone.
    workers : int
        Processes that decode images, for each process that trains.
    tensorboard : bool
        Write TensorBoard's files beside the log.
    cached : bool
        Whether some cell trains on cached latents: the first baseline computes them then, or where there is
        none the first cell that needs them, which a cluster runs alone.
    digests : dict of str to str
        SHA-256 of images and weights.
    """

    name: str
    sizes: LaunchPreset
    out: str
    train: str
    heldout: str
    tokenizer: str
    weights: str = ""
    device: str = "cpu"
    processes: int = 1
    bf16: bool = False
    compiled: bool = False
    recompute: bool = False
    accumulate: int = 1
    evaluation_batch: int = 32
    workers: int = 0
    tensorboard: bool = False
    cached: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)

    def folder(self, cell: CellSpec) -> Path:
        """Return the folder of a cell."""
        return Path(self.out) / cell.name

    def ranks(self, cell: CellSpec) -> int:
        """Return the processes of a cell: one where references are fitted, which then has all threads."""
        if cell.method in REFERENCES:
            return 1
        return min(self.processes, conduct(cell.protocol).most_processes or self.processes)

    def digest(self, cell: CellSpec) -> str:
        """Return the digest of all that the numbers of a cell depend on, apart from the machine.

        A later phase depends on what its start does. What only trainings depend on is left out where nothing
        is trained: cells keep their results when it is changed to save memory in others.
        """
        content = {
            "version": VERSION,
            **numbers_of(self.sizes, cell),
            "start": None if cell.start is None else self.digest(cell.start),
            "bf16": self.bf16 and cell.trained,
            "compiled": self.compiled and cell.trained,
            "digests": dict(self.digests),
            **({"accumulate": self.accumulate} if self.accumulate > 1 and cell.decodes else {}),
        }
        return configuration_digest(content)

    def write(self, cell: CellSpec) -> Path:
        """Write what a process needs to run a cell, and return the file."""
        path = self.folder(cell) / "cell.json"
        content = {"digest": self.digest(cell), "launch": asdict(self), "cell": asdict(cell)}
        write_bytes_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
        return path

    @staticmethod
    def read(path: Path) -> "tuple[Launch, CellSpec]":
        """Return what `write` wrote; `SchemaError` where it is something else, or of another version."""
        remedy = "give its launch again, which writes it anew"
        content = cell_files.whole(path, remedy=remedy)
        try:
            launch, cell, sizes = content["launch"], content["cell"], content["launch"]["sizes"]
            listed = ("codebook_sizes", "token_chunks", "splits")
            sizes |= {key: tuple(sizes[key]) for key in listed}
            sizes |= {key: Budget(**sizes[key]) for key in ("first", "second")}
            made = Launch(**{**launch, "sizes": LaunchPreset(**sizes)})
            return made, CellSpec(**{**cell, "tables": tuple(cell["tables"])})
        except (KeyError, TypeError) as error:
            raise SchemaError(f"{path} must hold a cell of this version, got {error!r}; {remedy}") from error


def indexed(launch: Launch, threads: int = 1) -> tuple[Folder, Folder]:
    """Return training and held-out images, the same where a part is held out later; their index is stored.

    With the digests of `prepared` the stored index is taken at its word: a look at a million files
    takes minutes.
    """
    out, size, found = Path(launch.out), launch.sizes.size, []
    for name, root in (("train", launch.train), ("heldout", launch.heldout or launch.train)):
        index = out / f"index-{name if launch.heldout else 'train'}.json"
        if name in launch.digests:
            found.append(read_index(index, root, launch.digests[name]))
        else:
            found.append(index_folder(root, size, index=index, threads=threads))
    return found[0], found[1]


def prepared(
    launch: Launch, *, cells: Sequence[CellSpec] = (), imagenet: str = "", threads: int = 1
) -> Launch:
    """Return the launch with the digests of its images and weights, after a check of all inputs.

    Parameters
    ----------
    launch : Launch
        Without digests.
    cells : sequence of CellSpec, optional
        What is to run: of the processes of a launch some protocols use one. By default all are used.
    imagenet : str, optional
        Folder of ImageNet, in whose parts to train and to evaluate.
    threads : int, optional
        Images that are read at the same time.

    Raises
    ------
    FileNotFoundError, SchemaError, DomainError
        If an input is missing or wrong.
    """
    if imagenet:
        train, heldout = imagenet_parts(imagenet)
        launch = replace(launch, train=str(train), heldout=str(heldout))
    digests: dict[str, str] = {}
    if launch.sizes.networks:
        digests |= required_files(Path(launch.weights) if launch.weights else None)
        launch = replace(launch, tokenizer=launch.tokenizer or str(Path(launch.weights) / VAR_FILE))
    launch = replace(launch, tokenizer=launch.tokenizer or str(POCKET_WEIGHTS))
    channels = load_tokenizer(launch.tokenizer).latent_channels
    if channels != launch.sizes.channels:
        raise SchemaError(
            f"{launch.tokenizer} must have the {launch.sizes.channels} latent channels of preset "
            f"{launch.name}, got {channels}; take another tokenizer or preset"
        )
    folders = indexed(launch, threads)
    for part in folders if imagenet else ():
        require_classes(part)
    own, held = (len(part) for part in _parts(launch, *folders))
    require_heldout(held, launch.heldout or launch.train)
    most = max((launch.ranks(cell) for cell in cells), default=launch.processes)
    require_image_each(most, min(own, held))
    digests |= {"tokenizer": file_sha256(Path(launch.tokenizer))}
    digests |= {"train": folders[0].digest, "heldout": folders[1].digest}
    return replace(launch, digests=digests)


def _parts(launch: Launch, train: Folder, heldout: Folder) -> tuple[list[int], list[int]]:
    """Return the numbers of the images to train on, and of those to measure on."""
    own, held = range(len(train.names)), range(len(heldout.names))
    if not launch.heldout:
        own, held = (part.tolist() for part in split(train.names))
    return list(own), evenly(list(held), launch.sizes.heldout)


class Setup:
    """The inputs of a cell in one process, made when first needed."""

    def __init__(self, launch: Launch, cell: CellSpec, runtime: Runtime) -> None:
        self.launch, self.cell, self.runtime = launch, cell, runtime
        self.sizes = launch.sizes
        self._folders = indexed(launch)
        self._train, self._heldout = _parts(launch, *self._folders)

    def crops(self, seed: int, most: int | None = None) -> Crops:
        """Return random crops of the training images, or of so many of them, evenly spaced."""
        chosen = self._train if most is None else evenly(self._train, most)
        return Crops(self._folders[0], self.sizes.size, chosen, seed=seed)

    @cached_property
    def in_sample(self) -> Crops:
        """Centre crops of as many training images as are held out."""
        return Crops(self._folders[0], self.sizes.size, evenly(self._train, len(self._heldout)))

    @cached_property
    def heldout(self) -> Crops:
        """Centre crops of the held-out images."""
        return Crops(self._folders[1], self.sizes.size, self._heldout)

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer, on the device, as it is stored."""
        made = load_tokenizer(self.launch.tokenizer, self.launch.digests.get("tokenizer"))
        if isinstance(made, VARTokenizer):
            made.recompute(self.launch.recompute)
        if self.launch.compiled and self.cell.trained:
            made.compile_networks()
        return self.placed(made)

    def placed(self, module: Any) -> Any:
        """Return a module on the device, in the layout on which convolutions run faster."""
        return module.to(self.runtime.device, memory_format=torch.channels_last)

    def _file(self, name: str) -> Path:
        return Path(self.launch.weights) / name

    def lpips(self, network: str) -> nn.Module | None:
        """Return LPIPS on ``vgg`` (the loss) or ``alex`` (the metric), None where networks are not used."""
        if not self.sizes.networks:
            return None
        name = BACKBONES[network]
        sha256 = self.launch.digests[name]
        made: Any = self.placed(LPIPS.from_files(network, self._file(name), backbone_sha256=sha256))
        return made

    def discriminator(self) -> nn.Module:
        """Return the discriminator on DINO, with initial heads."""
        name = DINO_FILE
        backbone = ViT.from_file(self._file(name), self.launch.digests[name])
        generator = torch_stream(self.cell.seed, "discriminator")
        return Discriminator(backbone, generator=generator).to(self.runtime.device)

    def statistics(self) -> Statistics:
        """Return the statistics of the held-out set, empty."""
        if not self.sizes.networks:
            return EffLiteStatistics(len(self.heldout))
        name = inception.FILE
        network: Any = self.placed(Inception.from_file(self._file(name), self.launch.digests[name]))
        return InceptionStatistics(network, len(self.heldout))

    def perceptual(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Return LPIPS of pairs of images, as a loss."""
        if self._loss_network is None:
            raise DomainError("perceptual needs a preset with networks, got one without")
        distance: Tensor = self._loss_network(x, x_hat)
        return distance

    @cached_property
    def _loss_network(self) -> nn.Module | None:
        return self.lpips("vgg")
