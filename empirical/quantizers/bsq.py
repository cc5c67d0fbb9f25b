"""BSQ: scale each vector to length 1, then take signs."""

import math

import torch
from torch import Tensor

from empirical.quantizers._binary import BinaryQuantizer, BinarySettings
from qtheory import _check
from qtheory.errors import DomainError

SETTINGS = {
    # the published run: no entropy; it multiplied by 1/sqrt(d) after the straight-through step
    "as_run": BinarySettings(commitment=1.0, scaled_gradient=True),
    # the paper names no number; those of the article it cites (Zhao et al. 2025), which has no commitment
    "paper": BinarySettings(commitment=0.0, entropy=0.1),
    "fair": BinarySettings(commitment=0.25, entropy=0.1),
}


class BSQQuantizer(BinaryQuantizer):
    """Binary spherical quantization.

    Parameters
    ----------
    dim : int
        Dimension d of the vectors; there are 2^d codewords, with coordinates +-1/sqrt(d).
    settings : BinarySettings
        See there; `SETTINGS` holds those of each protocol.

    Raises
    ------
    DomainError
        In use, if a vector has no length or one that overflows.

    Notes
    -----
    Zhao et al. (2025). `qtheory.quantizers.BSQ` is the reference in numpy. Zero counts as negative.

    Examples
    --------
    >>> quantizer = BSQQuantizer(4, SETTINGS["fair"])
    >>> quantizer(torch.tensor([1.0, 2.0, -3.0, 4.0])).z_q.tolist()
    [0.5, 0.5, -0.5, 0.5]
    """

    def __init__(self, dim: int, settings: BinarySettings) -> None:
        super().__init__(dim, settings, scale=1 / math.sqrt(_check.integer("dim", dim)))

    def _unscaled(self, z: Tensor) -> Tensor:
        lengths = torch.linalg.vector_norm(z, dim=1, keepdim=True)
        bad = int((~torch.isfinite(lengths) | (lengths == 0)).sum())
        if bad:
            raise DomainError(
                f"z must have vectors of positive finite length for BSQ, got {bad} of {len(z)} without; "
                "leave them out or put a bias in the layer before"
            )
        return z / lengths
