"""LFQ: the sign of each coordinate."""

from empirical.quantizers._binary import BinaryQuantizer, BinarySettings
from qtheory import _check

SETTINGS = {
    # the published run: no entropy, the setting that the method's authors warn of
    "as_run": BinarySettings(commitment=1.0),
    # the paper names no number; weights of the article it cites (Yu et al. 2024), and the temperature that
    # vector-quantize-pytorch has by default
    "paper": BinarySettings(commitment=0.25, entropy=0.1, inverse_temperature=100.0),
    # at 100 only coordinates within 0.01 of zero have a gradient; at 1 those of unit size have one too
    "fair": BinarySettings(commitment=0.25, entropy=0.1, inverse_temperature=1.0),
}


class LFQQuantizer(BinaryQuantizer):
    """Lookup-free quantization.

    Parameters
    ----------
    dim : int
        Dimension d of the vectors; there are 2^d codewords, with coordinates +-1.
    settings : BinarySettings
        See there; `SETTINGS` holds those of each protocol.

    Notes
    -----
    Yu et al. (2024). `qtheory.quantizers.LFQ` is the reference in numpy. Zero counts as negative.

    Examples
    --------
    >>> import torch
    >>> quantizer = LFQQuantizer(3, SETTINGS["fair"])
    >>> quantizer.decode(torch.tensor(5)).tolist()
    [1.0, -1.0, 1.0]
    """

    def __init__(self, dim: int, settings: BinarySettings) -> None:
        super().__init__(_check.integer("dim", dim), settings, scale=1.0)
