"""Constants and statistics keep their precision when a module is cast."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_LEAST = torch.float32


class KeptBuffers(nn.Module):
    """A module whose floating-point buffers no cast makes narrower than float32.

    ``model.bfloat16()`` would round thresholds, so that FSQ of 256 levels gives two of five vectors another
    code, and moving averages, whose small steps would be lost. Parameters are the user's: they are cast.

    Examples
    --------
    >>> import torch
    >>> module = KeptBuffers()
    >>> module.register_buffer("count", torch.tensor(0.1))
    >>> module.bfloat16().count.dtype, module.double().count.dtype, module.half().count.dtype
    (torch.float32, torch.float64, torch.float32)
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "KeptBuffers":
        before = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            after = self._buffers[name]
            if after is not None and after.is_floating_point() and after.itemsize < _LEAST.itemsize:
                self._buffers[name] = buffer.to(after.device, _LEAST)
        return self
