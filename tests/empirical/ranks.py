"""Trains every registered quantizer as one of several processes; `test_distributed.py` runs it.

``python ranks.py RANK WORLD RENDEZVOUS OUT``: each process gets its share of every batch, and writes
the final parameters and buffers of each case.
"""

import sys

import torch
from torch import nn

from empirical import processes
from empirical.quantizers import QUANTIZERS, REFERENCES, Usage, base, build

DIM, K, BATCH, STEPS = 6, 64, 48, 5  # fewer vectors than codewords: filling and revival take part
FEW = 16  # codewords of what is fitted once: fewer than the vectors of one process, or it could not fit alone
OPTIONS = {"fsq": {"form": "symmetric"}, "var": {"scales": (1,), "sizes": (FEW,)}}
NAMES = sorted(QUANTIZERS)
UNEQUAL = ("unequal shares", "unequal shares, equal weights")
MODES = ("synced", "local statistics", "local gradients", *UNEQUAL)
FIRST = 41  # vectors of a batch that the first process gets of unequal shares


class Model(nn.Module):
    """A linear layer, whose gradient shows whether losses are right, and a quantizer."""

    def __init__(self, name):
        super().__init__()
        self.layer = nn.Linear(DIM, DIM)
        self.quantizer = build(name, DIM, FEW if name in REFERENCES else K, **OPTIONS.get(name, {}))
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(DIM) + 0.1 * torch.randn(DIM, DIM, generator=generator))
            self.layer.bias.fill_(0.1)

    def forward(self, x):
        result = self.quantizer(self.layer(x))
        # what a training with unequal shares has to do with its own means over a batch
        weight = processes.share_of_rank(x) if torch.distributed.is_initialized() else 1.0
        return (result.z_q - x).square().mean() * weight + sum(result.losses.values())


def counted(model, batch):
    """Return the use of each codeword, and of each of every sub-codebook, on all shares of a batch."""
    usage = Usage(model.quantizer)
    for rows in batch.split(7):
        usage.update(model.quantizer.encode(model.layer(rows)))
    whole, parts = usage.merged()
    return torch.cat([whole.counts, *(part.counts for part in parts)])


def share(batch, mode, rank, world):
    """Return the vectors of a batch that this process gets."""
    return (batch.split([FIRST, BATCH - FIRST]) if world > 1 and mode in UNEQUAL else batch.chunk(world))[
        rank
    ]


def train(name, mode, rank, world):
    """Return the state after a few steps on this process's share of the batches, and the use of codes."""
    model = Model(name).double()
    trained = model
    if world > 1 and mode != "local gradients":
        # buffers are not broadcast: the quantizers have to keep them equal themselves
        trained = nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        batch = torch.randn(BATCH, DIM, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        trained(share(batch, mode, rank, world)).backward()
        optimizer.step()
    return model.state_dict(), counted(model.eval(), share(batch, mode, rank, world))


def trained(rank=0, *, world):
    """Return final states and counts of codes of all quantizers in all modes."""
    several, shares = processes.several_processes, base.Quantizer._shares
    found = {"states": {}, "usage": {}}
    for mode in MODES if world > 1 else MODES[:1]:
        processes.several_processes = (lambda: False) if mode == "local statistics" else several
        base.Quantizer._shares = (lambda self, losses, _: losses) if mode == UNEQUAL[1] else shares
        for name in NAMES:
            found["states"][mode, name], found["usage"][mode, name] = train(name, mode, rank, world)
    processes.several_processes, base.Quantizer._shares = several, shares
    return found


def main(rank, world, rendezvous, out):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world
    )
    torch.save(trained(rank, world=world), out)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
