"""Where a card may round the factors of float32 products to TF32, which keeps 10 of their 23 bits.

Products of matrices are exact unless said otherwise, so that quantizers search and learn with all bits.
Convolutions of tokenizer, heads and loss networks are rounded, as torch has it by default, and so are the
products of the discriminator, in the published run too: exact ones would make its steps three to four
times longer, a step of adaptation by about a sixth in float32 and a quarter in bfloat16 (estimated from
counted operations and the peaks of an H100). Exact all the same is the backward pass by which the decoder
learns, about an eighth of the discriminator's operations: in joint optimisation the quantizers learn by the
same one. What measures is exact, convolutions included: networks of metrics are a hundredth of a measurement.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def _allowed(products: bool, convolutions: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def exact_float32() -> Iterator[None]:
    """Let a card compute products and convolutions with all bits of float32, for a while.

    Examples
    --------
    >>> with exact_float32():
    ...     torch.backends.cudnn.allow_tf32
    False
    """
    with _allowed(products=False, convolutions=False):
        yield


@contextmanager
def rounded_products() -> Iterator[None]:
    """Let a card round the factors of products and convolutions, for a while.

    Examples
    --------
    >>> with rounded_products():
    ...     torch.backends.cuda.matmul.allow_tf32
    True
    """
    with _allowed(products=True, convolutions=True):
        yield
