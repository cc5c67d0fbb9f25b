"""How gradients pass the rounding of a quantizer, and come from its errors."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, q: Tensor) -> Tensor:
        # a copy, which is the caller's to change in place: losses keep q for their gradients
        return q.clone(memory_format=torch.contiguous_format)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def straight_through(u: Tensor, q: Tensor) -> Tensor:
    """Return the value of `q` with the gradient of `u`; ``u + (q - u)`` would round."""
    value: Tensor = _StraightThrough.apply(u, q.detach())
    return value


def rotation_trick(u: Tensor, q: Tensor) -> Tensor:
    """Return the value of `q` with the gradient of `u` rotated and scaled as ``u`` is to ``q``.

    The rotation in the plane of u and q that takes the direction of u to that of q, and the quotient
    of their lengths, are constants: the gradient in u is their transpose times that in q. Vectors
    whose rotation is not defined (zero, or opposite to their codeword) get the gradient of `q` as it is.

    Notes
    -----
    Fifty et al. (2025), with ``R = I - 2 r r' + 2 b a'`` for directions a of u, b of q, r of a + b.

    Examples
    --------
    >>> u = torch.tensor([[2.0, 0.0]], requires_grad=True)
    >>> rotation_trick(u, torch.tensor([[0.0, 3.0]]))[0, 1].backward()
    >>> u.grad.round(decimals=3)
    tensor([[1.5000, 0.0000]])
    """
    lengths_u, lengths_q = (torch.linalg.vector_norm(x.detach(), dim=-1, keepdim=True) for x in (u, q))
    a = u.detach() / torch.where(lengths_u > 0, lengths_u, 1.0)
    b = q.detach() / torch.where(lengths_q > 0, lengths_q, 1.0)
    middle = a + b
    between = torch.linalg.vector_norm(middle, dim=-1, keepdim=True)
    defined = (lengths_u > 0) & (lengths_q > 0) & (between > torch.finfo(u.dtype).eps ** 0.5)
    r = middle / torch.where(defined, between, 1.0)
    scale = lengths_q / torch.where(defined, lengths_u, 1.0)
    turned = u - 2 * (u * r).sum(-1, keepdim=True) * r + 2 * (u * a).sum(-1, keepdim=True) * b
    return straight_through(torch.where(defined, scale * turned, u), q)


# how the gradient passes the rounding
GRADIENTS = {"straight_through": straight_through, "rotation": rotation_trick}


class _MeanSquare(torch.autograd.Function):
    """To the last digit ``(a - b).square().mean()``, with a backward pass of one step in place of four."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return mse_loss(a, b)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        slope = (a - b) * (gradient / a.numel() * 2)  # of equal shapes, see `mean_square`
        return slope if ctx.needs_input_grad[0] else None, -slope if ctx.needs_input_grad[1] else None


def mean_square(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean squared difference over all elements of equal shapes, as the loss terms use it."""
    value: Tensor = _MeanSquare.apply(a, b)
    return value
