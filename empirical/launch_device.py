"""What a launch computes on, and what its dry run counts for."""

import torch

from qtheory.errors import DomainError


def device_of(device: str | None, executor: str, *, networks: bool, dry_run: bool) -> str:
    """Return the device of a launch: the one that is given, else a card where one is visible.

    Where none is visible and the processor is hardly meant, a dry run is of a card, from wherever it is
    asked for, and all else must say what it means.

    Parameters
    ----------
    device : str or None
        ``cpu`` or ``cuda``, where it is given.
    executor : str
        ``local`` or ``slurm``.
    networks : bool
        Whether the preset trains with networks, which takes a processor years.
    dry_run : bool
        Whether nothing is to be run.

    Raises
    ------
    DomainError
        If none is given and no card is visible, where the processor is hardly meant: on the login node of a
        cluster, or for a preset with networks.

    Examples
    --------
    >>> device_of("cpu", "slurm", networks=True, dry_run=False)
    'cpu'
    >>> device_of(None, "slurm", networks=False, dry_run=True)
    'cuda'
    """
    if device is not None or torch.cuda.is_available():
        return device or "cuda"
    if executor != "slurm" and not networks:
        return "cpu"
    if not dry_run:
        where = "jobs of Slurm" if executor == "slurm" else "a preset that trains with networks"
        raise DomainError(
            f"--device must be given for {where} where no card is visible, got none; give --device cuda "
            "for cards, or --device cpu to compute without"
        )
    return "cuda"


def hardware_of(device: str, *, networks: bool, bf16: bool) -> str:
    """Return what the hours of a dry run are of, a key of `empirical.cost.SUSTAINED`.

    Parameters
    ----------
    device : str
        Of the launch.
    networks, bf16 : bool
        With networks the hours are of a card, from wherever they are asked for.

    Examples
    --------
    >>> hardware_of("cpu", networks=False, bf16=False), hardware_of("cpu", networks=True, bf16=False)
    ('cpu', 'h100-fp32')
    >>> hardware_of("cpu", networks=False, bf16=True), hardware_of("cuda", networks=False, bf16=True)
    ('cpu', 'h100-bf16')
    """
    if device == "cpu" and not networks:
        return "cpu"
    return "h100-bf16" if bf16 else "h100-fp32"
