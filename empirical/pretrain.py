"""Pretraining of the pocket tokenizer on photographs, without any quantizer.

The decoder must not favour one quantizer over another, so none takes part: white Gaussian noise
is added to the latents, of a standard deviation drawn anew for each crop between 0 and
`noise_max` (the latents themselves have unit variance). That makes the decoder smooth on the
scale of quantization errors and leaves their shape open. The loss compares pixels only; no
network that appears in a metric takes part either.
"""

import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from empirical import checkpoint
from empirical.data import POCKET_PHOTOS, ImageSet, eval_crops, load_images, split, train_crops
from empirical.determinism import deterministic
from empirical.journal import Journal
from empirical.metrics import psnr
from empirical.pixels import Image
from empirical.runtime import require_device
from empirical.streams import torch_stream
from empirical.tokenizers.pocket import PocketTokenizer
from qtheory import _check
from qtheory.errors import SchemaError
from qtheory.results import configuration_digest, provenance, write_bytes_atomically

_WARMUP_SHARE = 0.02
_CLIP_NORM = 1.0


@dataclass(frozen=True)
class PretrainConfig:
    """What the weights of a pocket tokenizer depend on, beside code and machine.

    Attributes
    ----------
    seed : int
        Seed of the initial weights, crops and noise.
    steps : int
        Optimizer steps.
    batch_size : int
        Crops a step.
    crop : int
        Side of a crop, in pixels.
    width : int
        Width of the tokenizer.
    learning_rate : float
        Peak of AdamW's learning rate: linear warm-up over 2 % of the steps, then a cosine to zero.
    weight_decay : float
        AdamW's decoupled weight decay.
    noise_max : float
        Largest standard deviation of the noise on the latents.
    gradient_weight : float
        Weight of the absolute error of pixel differences beside the squared error of pixels.
    bf16 : bool
        Compute convolutions in bfloat16, their weights, the loss and the measurements in float32.
    threads : int
        CPU threads; sums in floating point depend on them.
    device : str
        ``cpu`` or ``cuda``, on which sums are added in an order that may change from run to run.
    data : pathlib.Path
        Image folder; photographs smaller than a crop are left out, as damaged ones are.
    out : pathlib.Path
        Folder for the weights, their manifest, the log and the state to resume from.
    checkpoint_every : int
        Steps between two states to resume from.
    """

    seed: int = 0
    steps: int = 6000
    batch_size: int = 32
    crop: int = 64
    width: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    noise_max: float = 0.6
    gradient_weight: float = 0.05
    bf16: bool = False
    threads: int = 2
    device: str = "cpu"
    data: Path = POCKET_PHOTOS
    out: Path = Path("results/pretrain")
    checkpoint_every: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "crop", "width", "threads", "checkpoint_every"):
            _check.integer(name, getattr(self, name))
        _check.real("learning_rate", self.learning_rate, above=0)
        for name in ("weight_decay", "noise_max", "gradient_weight"):
            _check.real(name, getattr(self, name), minimum=0)

    @property
    def determining(self) -> dict[str, Any]:
        """The entries on which the weights depend: all but hardware and the places of files."""
        places = ("device", "data", "out", "checkpoint_every")
        return {key: value for key, value in asdict(self).items() if key not in places}


PRESETS = {
    # seconds; the command works, the reconstructions are grey
    "smoke": PretrainConfig(steps=6, batch_size=4, width=8, checkpoint_every=3),
    # the packaged weights: 29.1 dB on held-out photographs (RGB); minutes on two cores
    "pocket": PretrainConfig(),
    # for `launch --preset desk` on the same folder: four times the parameters; a GPU, or a core with bfloat16
    "desk": PretrainConfig(steps=8000, width=128, bf16=True, threads=1),
}


def reconstruction_loss(x_hat: Tensor, x: Tensor, gradient_weight: float) -> Tensor:
    """Return the mean squared error of pixels plus the weighted mean absolute error of differences.

    The second term, over horizontal and vertical neighbours, keeps edges that the first blurs.
    """
    error = x_hat - x
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.square().mean() + gradient_weight * edges


def _learning_rate(config: PretrainConfig, step: int) -> float:
    warmup = max(1, round(_WARMUP_SHARE * config.steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * min(1.0, (step + 1) / warmup) * cosine


def _step(
    tokenizer: PocketTokenizer,
    optimizer: torch.optim.Optimizer,
    photographs: Sequence[Image],
    config: PretrainConfig,
    step: int,
) -> float:
    """Do one optimizer step and return its loss; NaN, with nothing changed, if it is not finite."""
    generator = torch_stream(config.seed, "pretrain", f"step={step}")
    x = train_crops(photographs, config.batch_size, config.crop, generator=generator)
    x = x.to(config.device, memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=config.bf16):
        z_e = tokenizer.encode(x).float()
        deviation = config.noise_max * torch.rand(len(x), 1, 1, 1, generator=generator)
        noise = deviation * torch.randn(z_e.shape, generator=generator)
        x_hat = tokenizer.decode(z_e + noise.to(x.device)).float()
    loss = reconstruction_loss(x_hat, x, config.gradient_weight)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(tokenizer.parameters(), _CLIP_NORM)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        return math.nan
    for group in optimizer.param_groups:
        group["lr"] = _learning_rate(config, step)
    optimizer.step()
    return loss.item()


def _digest(config: PretrainConfig, images: ImageSet) -> str:
    return configuration_digest({**config.determining, "images": images.digest})


def _resume(path: Path, digest: str, **parts: checkpoint.Part) -> int:
    """Load the state at `path`, if there is one, into the parts; return the number of steps done."""
    if not path.exists():
        return 0
    tensors, metadata = checkpoint.load(path)
    if metadata.get("digest") != digest:
        raise SchemaError(
            f"{path} is the state of another configuration or other photographs; continue with those, "
            "or choose another folder for `out`"
        )
    checkpoint.unpack(tensors, **parts)
    return int(metadata["step"])


def _train(config: PretrainConfig, photographs: Sequence[Image], digest: str) -> PocketTokenizer:
    """Train from the last state in `config.out`, or from the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_stream(config.seed, "pretrain", "weights").initial_seed())
        tokenizer = PocketTokenizer(config.width).to(config.device)
    optimizer = torch.optim.AdamW(tokenizer.parameters(), weight_decay=config.weight_decay)
    state = config.out / "state.safetensors"
    start = _resume(state, digest, tokenizer=tokenizer, optimizer=optimizer)
    journal = Journal(config.out / "log.jsonl", start)
    with tqdm(total=config.steps, initial=start, desc="pretrain") as bar:
        for step in range(start, config.steps):
            loss = _step(tokenizer, optimizer, photographs, config, step)
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"loss or gradient of step {step + 1} is not finite; the last good state is kept in "
                    f"{state}: lower the learning rate ({config.learning_rate:g}) and start in a new folder"
                )
            bar.update()
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            journal.log(step + 1, {"loss": loss})
            if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
                tensors = checkpoint.pack(tokenizer=tokenizer, optimizer=optimizer)
                checkpoint.save(state, tensors, {"step": str(step + 1), "digest": digest})
    return tokenizer.eval().cpu()


@torch.no_grad()
def _measure(
    tokenizer: PocketTokenizer, photographs: Sequence[Image], config: PretrainConfig
) -> dict[str, Any]:
    """Return sizes, errors without noise and with noise of variance 0.25, and latent moments."""
    crops, photo_index = eval_crops(photographs, config.crop)
    z_e = torch.cat([tokenizer.encode(part) for part in crops.split(128)])
    noise = torch.randn(z_e.shape, generator=torch_stream(config.seed, "measure"))
    result: dict[str, Any] = {"photographs": len(photographs), "crops": len(photo_index)}
    for name, z in (("clean", z_e), ("noise_0.25", z_e + 0.5 * noise)):
        x_hat = torch.cat([tokenizer.decode(part) for part in z.split(128)]).clamp(-1, 1)
        result[name] = {
            "mse": float((x_hat - crops).double().square().mean()),
            "psnr_rgb": float(psnr(crops, x_hat).mean()),
            "psnr_luma": float(psnr(crops, x_hat, luma=True).mean()),
        }
    flat = z_e.double().transpose(0, 1).flatten(1)
    result["latent_mean"] = [round(value, 6) for value in flat.mean(1).tolist()]
    result["latent_variance"] = [round(value, 6) for value in flat.var(1).tolist()]
    return result


def pretrain(config: PretrainConfig) -> Path:
    """Train a pocket tokenizer, or continue where an interrupted run stopped.

    Parameters
    ----------
    config : PretrainConfig
        What to train. On a CPU the same configuration on the same machine gives the same weights, bit
        for bit, however often the run was interrupted.

    Returns
    -------
    pathlib.Path
        ``tokenizer.safetensors`` in ``config.out``; beside it the manifest ``tokenizer.json`` (how
        the weights were made, their checksum, errors on training and held-out photographs), the
        ``log.jsonl`` and the ``state.safetensors`` to resume from.

    Raises
    ------
    DomainError
        If CUDA is asked for and there is none.
    SchemaError
        If ``config.out`` holds the state of another configuration, or more than 1 % of the photographs
        are damaged or smaller than a crop.
    FloatingPointError
        If the loss or its gradient is not finite; the last good state is kept.
    """
    require_device(config.device)
    images = load_images(config.data, config.crop)
    train, heldout = split(images.names)
    training = [images.images[i] for i in train]
    config.out.mkdir(parents=True, exist_ok=True)
    with deterministic(config.threads) if config.device == "cpu" else nullcontext():
        tokenizer = _train(config, training, _digest(config, images))
        measured = {
            "train": _measure(tokenizer, training, config),
            "heldout": _measure(tokenizer, [images.images[i] for i in heldout], config),
        }
    weights = config.out / "tokenizer.safetensors"
    sha256 = tokenizer.save(weights)
    manifest = {
        "sha256": sha256,
        "parameters": sum(parameter.numel() for parameter in tokenizer.parameters()),
        "configuration": config.determining,
        "device": config.device,
        "loss": "mean squared error + gradient_weight x mean absolute error of pixel differences",
        "noise": "white Gaussian on the latents, deviation uniform in [0, noise_max] for each crop",
        "images": images.manifest,
        "heldout_photographs": [images.names[i] for i in heldout],
        "measured": measured,
        "provenance": provenance(),
    }
    write_bytes_atomically(weights.with_suffix(".json"), (json.dumps(manifest, indent=2) + "\n").encode())
    return weights
