"""Adversarial parts as one of several processes; `test_adversarial_ranks.py` runs it.

``python adversarial_ranks.py RANK WORLD RENDEZVOUS OUT``: each process gets its share of the batch.
"""

import sys

import torch
from torch import nn

from empirical._discriminator_layers import SyncedBatchNorm
from empirical.losses import LeCAM, adaptive_weight


def norm_case(rank, world):
    """Outputs, statistics and averaged gradients of batch norm on this process's share."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, 6, generator=generator, dtype=torch.float64) * 3 + 7
    target = torch.randn(4, 5, 6, generator=generator, dtype=torch.float64)
    share, wanted = x.chunk(world)[rank].requires_grad_(), target.chunk(world)[rank]
    norm = SyncedBatchNorm(5).double()
    y = norm(share)
    (y - wanted).square().mean().backward()
    for parameter in norm.parameters():
        if world > 1:
            torch.distributed.all_reduce(parameter.grad)
        parameter.grad /= world
    state = {key: value.clone() for key, value in norm.state_dict().items()}
    gradients = {f"{name}.grad": parameter.grad for name, parameter in norm.named_parameters()}
    return state | gradients | {"y": y.detach(), "x.grad": share.grad / world}


def loss_case(rank, world, synced):
    """Moving averages of LeCAM and the adaptive weight."""
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 8, 3, generator=generator, dtype=torch.float64)
    lecam = LeCAM(0.9, synced=synced)
    for _ in range(3):
        lecam(real.chunk(world)[rank], fake.chunk(world)[rank])
    layer = nn.Parameter(torch.randn(3, generator=generator, dtype=torch.float64))
    one = (real.chunk(world)[rank] * layer).square().mean()
    two = -(fake.chunk(world)[rank] * layer).mean()
    return {"real": lecam.real, "fake": lecam.fake, "weight": adaptive_weight(one, two, layer, synced=synced)}


def main(rank, world, rendezvous, out):
    torch.set_num_threads(1)
    if world > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world
        )
    results = {
        "norm": norm_case(rank, world),
        "synced": loss_case(rank, world, True),
        "local": loss_case(rank, world, False),
    }
    torch.save(results, out)
    if world > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
