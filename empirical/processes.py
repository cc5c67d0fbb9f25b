"""Sums and rows of all processes of a training, where there are several."""

import torch
from torch import Tensor, nn


def several_processes() -> bool:
    """Whether this is one of several processes."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def number_of_processes(*, synced: bool = True) -> int:
    """Return how many processes share what is asked about: 1 where each is on its own."""
    return torch.distributed.get_world_size() if synced and several_processes() else 1


def summed_over_ranks(statistics: Tensor, *, synced: bool = True) -> Tensor:
    """Return sums or counts added up over all processes, where there are several."""
    if synced and several_processes():
        torch.distributed.all_reduce(statistics)
    return statistics


def share_of_rank(rows: Tensor) -> Tensor:
    """Return how many rows (N, d) this process has over the mean number of a process, () float64."""
    count = torch.tensor(len(rows), dtype=torch.float64, device=rows.device)
    return count * torch.distributed.get_world_size() / summed_over_ranks(count.clone())


def gathered_over_ranks(rows: Tensor, *, synced: bool = True) -> Tensor:
    """Return the rows (N, d) of all processes one after another, where there are several."""
    if not (synced and several_processes()):
        return rows
    size = torch.tensor([len(rows)], device=rows.device)
    sizes = [torch.zeros_like(size) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(sizes, size)
    lengths = [int(length) for length in sizes]
    padded = nn.functional.pad(rows, (0, 0, 0, max(lengths) - len(rows))).contiguous()
    parts = [torch.zeros_like(padded) for _ in lengths]
    torch.distributed.all_gather(parts, padded)
    return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])
