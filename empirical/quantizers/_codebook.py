"""What quantizers with a list of codewords share: the nearest one is found, and looked up."""

from abc import abstractmethod
from typing import final

from torch import Tensor

from empirical.quantizers._nearest import nearest
from empirical.quantizers.base import Quantizer
from qtheory.errors import DomainError


class CodebookQuantizer(Quantizer):
    """Rounding to the nearest row of `codebook`, a buffer or parameter that a subclass registers."""

    codebook: Tensor

    @abstractmethod
    def _awaits_data(self) -> bool:
        """Whether the codewords come from training batches, and there was none."""

    def _require_codebook(self) -> None:
        if not self.training and self._awaits_data():  # a training batch comes with data
            raise DomainError(
                f"codebook of {type(self).__name__} must have seen data before it is evaluated, got none: it "
                "starts from vectors of the first training batch; call it once in training mode"
            )

    @final
    def _project(self, z: Tensor) -> Tensor:
        return z

    @final
    def _assign(self, u: Tensor) -> Tensor:
        self._require_codebook()
        return nearest(u, self.codebook.detach().to(u.dtype))

    @final
    def _lookup(self, codes: Tensor) -> Tensor:
        self._require_codebook()
        if self.codebook.requires_grad:  # whose backward pass adds in an order that does not change
            return self.codebook[codes]
        return self.codebook.index_select(0, codes)
