"""The structure of the comparison as tables: modules with shapes, parameters and what trains them.

The diagrams of the report are drawn from these tables, hence from the code, at the sizes of the paper.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empirical.head import Transplant, build_transplant
from empirical.protocol import ADAPTATION, JOINT
from empirical.quantizers import Quantizer
from empirical.quantizers._binary import BinaryQuantizer
from empirical.quantizers.fsq import FSQQuantizer
from empirical.quantizers.product import ProductQuantizer
from empirical.quantizers.registry import key_of
from empirical.tokenizers import VARTokenizer
from qtheory import paper
from qtheory.results import Table, write_table

SIDE = 256
CODEBOOK_SIZE = 65536
HEAD_WIDTH = 1024
"""Image side, codewords of a half and hidden channels of the heads, as in the paper and its published run."""

_LABELS = {
    "encoder": "encoder",
    "quant_conv": "convolution",
    "quantize": "native quantizer",
    "head_in": "head in",
    "halves": "quantizers",
    "head_out": "head out",
    "post_quant_conv": "convolution",
    "decoder": "decoder",
}


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape[1:]))


def _transplant(method: str) -> Transplant:
    return build_transplant(
        method, "full", channels=32, codebook_size=CODEBOOK_SIZE, width=HEAD_WIDTH, protocol="as_run",
        generator=torch.Generator().manual_seed(0),
    ).eval()  # fmt: skip


def _trained(module: str) -> dict[str, bool]:
    """Whether each phase trains a module: substitution whatever is transplanted, the others by recipe."""
    transplanted = module in ("head_in", "halves", "head_out")
    return {
        "trained_substitution": transplanted,
        "trained_adaptation": module in ADAPTATION["as_run"].trainable,
        "trained_adaptation_paper": module in ADAPTATION["paper"].trainable,
        "trained_joint": module in JOINT.trainable,
    }


def modules() -> Iterator[dict[str, Any]]:
    """Yield the modules from image to reconstruction, in the order of the data."""
    with torch.device("meta"):  # shapes only
        tokenizer, x = VARTokenizer().eval(), torch.zeros(1, 3, SIDE, SIDE)
        stages: list[tuple[str, str, nn.Module, Tensor]] = [("tokenizer", "encoder", tokenizer.encoder, x)]
        features = tokenizer.encoder(x)
        z_e = tokenizer.quant_conv(features)
        stages.append(("tokenizer", "quant_conv", tokenizer.quant_conv, features))
        stages.append(("tokenizer", "quantize", tokenizer.quantize, z_e))
        stages.append(("tokenizer", "post_quant_conv", tokenizer.post_quant_conv, z_e))
        stages.append(("tokenizer", "decoder", tokenizer.decoder, z_e))
    transplant = _transplant("ema")
    latent = torch.zeros(1, 32, SIDE // 16, SIDE // 16)
    for name in ("head_in", "halves", "head_out"):
        stages.append(("transplant", name, getattr(transplant, name), latent))
    outputs = {"decoder": x, "encoder": features}
    for stage, name, module, given in stages:
        quantizers = name == "halves"
        numbers = sum(map(_numbers, transplant.quantizers)) if quantizers else _parameters(module)
        yield {
            "stage": stage,
            "module": name,
            "label": _LABELS[name],
            "class": type(transplant.quantizers[0] if quantizers else module).__name__,
            "input": _shape(given),
            "output": _shape(outputs.get(name, z_e)),
            "parameters": numbers,
            **_trained(name),
        }


def _factors(quantizer: Quantizer) -> tuple[int, int]:
    """Return the number of factors of a quantizer's codebook, and the codewords of each."""
    if isinstance(quantizer, ProductQuantizer):
        return len(quantizer.block_sizes), quantizer.block_sizes[0]
    if isinstance(quantizer, FSQQuantizer):
        return len(quantizer.levels), quantizer.levels[0]
    if isinstance(quantizer, BinaryQuantizer):
        return quantizer.dim, 2
    return 1, quantizer.codebook_size


def _numbers(quantizer: Quantizer) -> int:
    """Return how many numbers the codewords of a quantizer are, 0 where they are fixed."""
    if isinstance(quantizer, FSQQuantizer | BinaryQuantizer):
        return 0
    return quantizer.dim * _factors(quantizer)[1]


def methods() -> Iterator[dict[str, Any]]:
    """Yield how each method of the paper quantizes the 32 channels of a position."""
    for name in paper.table(3)["approach"].drop_duplicates():
        transplant = _transplant(key_of(name))
        half = transplant.quantizers[0]
        factors, size = _factors(half)
        yield {
            "method": key_of(name),
            "name": name,
            "channels_at_quantizers": sum(quantizer.dim for quantizer in transplant.quantizers),
            "halves": len(transplant.quantizers),
            "half_dim": half.dim,
            "factors": factors,
            "factor_dim": half.dim // factors,
            "factor_size": size,
            "codebook_size": half.codebook_size,
            "head_parameters": _parameters(transplant.head_in) + _parameters(transplant.head_out),
            "codebook_numbers": sum(map(_numbers, transplant.quantizers)),
        }


TABLES = {"modules": modules, "methods": methods}


def write(name: str, out: Path) -> Table:
    """Compute a table and store it as ``out/structure/<name>.csv``."""
    import pandas as pd

    return write_table(
        out / "structure" / f"{name}.csv",
        pd.DataFrame(list(TABLES[name]())),
        study="structure",
        seed=None,
        digest="",
        command="python -m empirical structure",
    )
