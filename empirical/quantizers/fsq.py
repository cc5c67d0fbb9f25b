"""FSQ: bound each coordinate by a tanh, then round it to one of a few fixed values."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from empirical.quantizers._gradients import mean_square
from empirical.quantizers.base import Losses, Quantizer
from qtheory import _check
from qtheory.errors import DomainError

# the published run trained FSQ with a commitment loss, which FSQ does not have
COMMITMENT = {"as_run": 1.0, "paper": 0.0, "fair": 0.0}

_MARGIN = 1e-3  # keeps tanh from reaching the outer rounding threshold
_TABLE = 1 << 16  # codewords up to which a table of them is kept
_EXACT = 1 << 53  # codewords up to which codes are exact in float64, whatever the precision of products
_MOST_OFFICIAL = 1000  # beyond, the margin is wider than half a level, and the outer levels never occur


class FSQQuantizer(Quantizer):
    """Finite scalar quantization.

    Parameters
    ----------
    levels : sequence of int
        Values L of each coordinate.
    form : str
        ``official``: integers ``round(h tanh(z + s) - o)`` over floor(L / 2), with
        h = (L - 1)(1 - 0.001) / 2, o = 1/2 for even L and 0 for odd L, s = atanh(o / h); for 4 levels
        {-1, -0.5, 0, 0.5}. Needs 3 <= L <= 1000.
        ``symmetric``: L values evenly spaced from -1 to 1, the nearest to tanh(z).
    commitment : float
        Coefficient of the mean squared error between the input before its tanh and the codeword.
        FSQ proper has none; the published run had 1, which pulls inputs into the range of the values.

    Raises
    ------
    DomainError
        If a coordinate has too few levels, or too many.

    Notes
    -----
    Mentzer et al. (2024). `qtheory.quantizers.FSQ` is the reference in numpy (with integer codewords). The
    published run widened the tanh, by 1e-8, where this form narrows it by 0.001 as its authors do: the same
    levels, and thresholds that differ by a thousandth of the range.

    Examples
    --------
    >>> FSQQuantizer([4, 4]).decode(torch.tensor([0, 15])).tolist()
    [[-1.0, -1.0], [0.5, 0.5]]
    """

    radius: Tensor
    offset: Tensor
    shift: Tensor
    low: Tensor
    unit: Tensor
    sizes: Tensor
    radices: Tensor
    table: Tensor | None

    def __init__(self, levels: Sequence[int], *, form: str = "official", commitment: float = 0.0) -> None:
        _check.one_of("form", form, ("official", "symmetric"))
        checked, fewest = _check.integers("levels", levels), 3 if form == "official" else 2
        if min(checked) < fewest:
            raise DomainError(
                f"levels must be at least {fewest} in the {form} form, got {checked}; take form='symmetric' "
                "for 2 levels, or fewer dimensions for the same codebook_size"
            )
        if form == "official" and max(checked) > _MOST_OFFICIAL:
            raise DomainError(
                f"levels must be at most {_MOST_OFFICIAL} in the official form, got {max(checked)}; "
                "use form='symmetric'"
            )
        super().__init__(len(checked), math.prod(checked))
        self.levels = checked
        self.form = form
        self.commitment = _check.real("commitment", commitment, minimum=0)
        sizes = torch.tensor(checked)
        # rounding happens at low + code, code = 0 ... L - 1, and codewords are multiples of `unit`
        if form == "official":
            radius = (sizes - 1).double() * (1 - _MARGIN) / 2
            offset = torch.where(sizes % 2 == 0, 0.5, 0.0).double()
            low, unit = -(sizes // 2).double(), 1 / (sizes // 2).double()
            self.register_buffer("radius", (radius * unit).float(), persistent=False)
            self.register_buffer("offset", (offset * unit).float(), persistent=False)
            self.register_buffer("shift", torch.atanh(offset / radius).float(), persistent=False)
        else:  # tanh alone: its range is that of the codewords, and centred
            low, unit = -(sizes - 1).double() / 2, 2 / (sizes - 1).double()
        self.register_buffer("low", low.float(), persistent=False)
        self.register_buffer("unit", unit.float(), persistent=False)
        self.register_buffer("sizes", sizes, persistent=False)
        radices = torch.cumprod(torch.tensor([1, *checked[:-1]]), dim=0)
        self.register_buffer("radices", radices, persistent=False)
        few = self.codebook_size <= _TABLE
        table = self._codewords(torch.arange(self.codebook_size)) if few else None
        self.register_buffer("table", table, persistent=False)

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Levels of each coordinate."""
        return self.levels

    def _codewords(self, codes: Tensor) -> Tensor:
        digits = codes[:, None] // self.radices % self.sizes
        return (digits + self.low) * self.unit

    def _project(self, z: Tensor) -> Tensor:
        if self.form == "symmetric":
            return torch.tanh(z)
        return torch.addcmul(-self.offset, torch.tanh(z + self.shift), self.radius)

    def _assign(self, u: Tensor) -> Tensor:
        # in range without a clamp: tanh is at most 1, and the margin is wider than rounding errors
        digits = torch.addcdiv(-self.low, u, self.unit).round_()
        if self.codebook_size > _EXACT:  # by sums: a product of integer matrices has no CUDA kernel
            return (digits.long() * self.radices).sum(dim=1)
        return (digits.double() @ self.radices.double()).long()

    def _lookup(self, codes: Tensor) -> Tensor:
        # `table[codes]` is the same, and on a CPU three times slower and more
        return self._codewords(codes) if self.table is None else self.table.index_select(0, codes)

    def _losses(self, z: Tensor, u: Tensor, q: Tensor) -> Losses:
        if self.commitment == 0:
            return {}
        return {"commitment": self.commitment * mean_square(z, q.detach())}

    def _prepare(self, u: Tensor) -> None:
        """Nothing depends on data."""

    def _update(self, u: Tensor, codes: Tensor) -> None:
        """Nothing moves."""


def equal_levels(dim: int, codebook_size: int) -> tuple[int, ...]:
    """Return the number of levels that `dim` coordinates share to make `codebook_size` codewords.

    Raises
    ------
    DomainError
        If `codebook_size` is no such power.

    Examples
    --------
    >>> equal_levels(4, 256)
    (4, 4, 4, 4)
    """
    levels = round(codebook_size ** (1 / dim))
    if levels**dim != codebook_size:
        raise DomainError(
            f"codebook_size must be L^{dim} for a number of levels L, got {codebook_size}; "
            f"give `levels` or take {levels**dim}"
        )
    return (levels,) * dim
