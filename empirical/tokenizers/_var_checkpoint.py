"""What checkpoints of VAR tokenizers must hold, and where the published one comes from."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from empirical.tokenizers._var_layers import GROUPS
from qtheory.errors import SchemaError
from qtheory.weights import WEIGHTS

HITS = "quantize.ema_vocab_hit_SV"

_NAMED = 3  # how many misfits a message spells out
_PUBLISHED = WEIGHTS[0]
ORIGIN = f"{_PUBLISHED.source}, {_PUBLISHED.checksum}"
# size of the tokenizer: the tensor and the axis whose length it is
_SIZES = {
    "ch": ("encoder.conv_in.weight", 0),
    "z_channels": ("encoder.conv_out.weight", 0),
    "codebook_size": ("quantize.embedding.weight", 0),
}


def sizes(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the sizes of the tokenizer, keywords of its constructor, as its tensors have them."""
    found = {}
    for name, (key, axis) in _SIZES.items():
        if key not in tensors or tensors[key].ndim <= axis:
            raise SchemaError(
                f"{path} must hold a VAR tokenizer, whose {name} is the length of {key}: got "
                f"{len(tensors)} tensors without it, first {_some(tensors)}; get it from {ORIGIN}"
            )
        found[name] = tensors[key].shape[axis]
    if found["ch"] == 0 or found["ch"] % GROUPS:
        raise SchemaError(
            f"{path} must hold a VAR tokenizer, whose ch is a multiple of {GROUPS}: got {found['ch']}, the "
            f"length of encoder.conv_in.weight; get it from {ORIGIN}"
        )
    return found


def fitted(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` if names and shapes are the expected ones, with zeros where hits differ in scales."""
    fitting = dict(tensors)
    hits = fitting.setdefault(HITS, torch.zeros(expected[HITS].shape))
    if hits.shape[1:] == expected[HITS].shape[1:] and len(hits) != len(expected[HITS]):
        fitting[HITS] = torch.zeros(expected[HITS].shape)
    misfits = {
        "missing": [key for key in expected if key not in fitting],
        "unexpected": [key for key in fitting if key not in expected],
        "of another shape": [
            f"{key} must be {tuple(expected[key].shape)}, got {tuple(fitting[key].shape)}"
            for key in expected
            if key in fitting and fitting[key].shape != expected[key].shape
        ],
    }
    if any(misfits.values()):
        listed = "; ".join(f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in misfits.items() if keys)
        raise SchemaError(
            f"{path} must hold the {len(expected)} tensors of a VAR tokenizer, got {listed}; "
            f"get it from {ORIGIN}"
        )
    return fitting


def _some(keys: Iterable[str]) -> str:
    """Return the first few of `keys` as text."""
    names = list(keys)
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
