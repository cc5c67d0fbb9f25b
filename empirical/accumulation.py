"""A batch in parts: what a decoder keeps for its backward pass, of one part at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from qtheory.errors import DomainError


def equal_parts(images: int, parts: int) -> int:
    """Return the images of a part.

    Parameters
    ----------
    images : int
        Images of a process's batch.
    parts : int
        Parts, of equal size: the mean of their means is then that of the batch.

    Raises
    ------
    DomainError
        If there are no such parts.

    Examples
    --------
    >>> equal_parts(32, 4)
    8
    """
    if parts < 1 or images % parts:
        raise DomainError(
            f"accumulate must divide the {images} images that a process has of a batch, got {parts}; take 1, "
            "or a divisor"
        )
    return images // parts


def in_parts(loss: Callable[[Tensor, Tensor], Tensor], y: Tensor, x: Tensor, parts: int) -> Tensor:
    """Return a mean loss of images, whose backward pass is done part by part where there are several.

    Each part adds its share to the gradients of the parameters that `loss` uses, and is then forgotten. They
    are those of the whole batch but for rounding where `loss` is a mean of values of single images, which
    that of an `empirical.adversary.Adversary` with a discriminator is not.

    What comes before `y` sees the whole batch at once, and gets its gradient when the returned loss is
    differentiated: statistics of codebooks and losses of distributions are those of the whole batch.

    Parameters
    ----------
    loss : callable
        Maps y and x to a mean over images, () tensor.
    y : (B, C, h, w) tensor
        What the decoder gets.
    x : (B, 3, H, W) tensor
        The images.
    parts : int
        With 1 nothing is special, and gradients wait for the caller's backward pass.

    Returns
    -------
    () tensor
        Without a graph where there are several parts and nothing before `y` is trained.

    Raises
    ------
    DomainError
        If the batch has no parts of equal size.
    """
    size = equal_parts(len(y), parts)
    if parts == 1:
        return loss(y, x)
    values, gradients = [], []
    for one, images in zip(y.split(size), x.split(size), strict=True):
        own = one.detach().requires_grad_(y.requires_grad)
        value = loss(own, images) / parts
        value.backward()
        values.append(value.detach())
        if own.grad is not None:
            gradients.append(own.grad)
    mean = torch.stack(values).sum()
    # adds 0, with the gradient that the parts gave
    return mean + (torch.cat(gradients) * (y - y.detach())).sum() if gradients else mean
