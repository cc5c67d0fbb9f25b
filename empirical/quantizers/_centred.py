"""The mean codeword, about which the searches expand the square."""

from torch import Tensor


def centred(codebook: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean codeword (d,), and codewords (K, d) less it.

    With vectors less it too, ``||c||^2 - 2 u.c`` loses no digits to an offset.
    """
    centre = codebook.mean(dim=0)
    return centre, codebook - centre
