"""The rows of a launched table: which cells of several launches it has, in which order, and their columns."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from empirical.cells import CellSpec, matrix
from empirical.counts import latent_side
from empirical.head import HEADS
from empirical.setup import Launch
from empirical.variants import adversarial_recipe, image_recipe, substitution_recipe


def loss(launch: Launch, cell: CellSpec) -> str:
    """Return the loss of a cell in words."""
    if not cell.trained:
        return ""
    if cell.phase == "substitution":
        words = substitution_recipe(cell.protocol).loss
        return words.replace(" (no lpips)", " + lpips") if launch.sizes.networks else words
    vq = ""
    if cell.phase == "joint":
        weight = image_recipe("joint", cell.protocol).quantizers
        vq = " + latent + vq" if weight == 1 else f" + {weight:g} (latent + vq)"
    gan = " + gan" if adversarial_recipe(cell.protocol).adversarial else ""
    return (f"pixel + lpips{gan}" if launch.sizes.networks else "pixel + gradient") + vq


def row(launch: Launch, cell: CellSpec, stored: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a finished cell, of what it stored."""
    measured = stored["row"]
    budget = launch.sizes.budget(cell.phase, cell.protocol, cell.method)
    positions = latent_side(launch.sizes) ** 2
    # the native quantizer brings sizes of its own
    found = {**cell.row, "image_tokens": positions * cell.chunks, **measured}
    spent = found["image_tokens"] * math.log2(found["codebook_size"] or 1)
    tokens = {"image_tokens": found["image_tokens"], "image_bits": spent}
    trained = {"loss": loss(launch, cell), "steps": budget.steps, "batch_size": budget.batch_size}
    processes = {"processes": stored["processes"]}
    return {**cell.row, **tokens, **(trained if cell.trained else {"loss": ""}), **processes, **found}


def in_order(launch: Launch, cells: Sequence[CellSpec]) -> list[CellSpec]:
    """Return cells of several launches in the order of the matrix that holds them all, and with its tables.

    Those of sizes that the preset had once are left out, and of its tables those that have a cell no more.
    """

    def place(cell: CellSpec) -> tuple[Any, ...]:
        return cell.phase, cell.protocol, cell.method, cell.head, cell.codebook_size, cell.chunks

    if not cells:
        return []
    # baselines have a protocol of their own, in whose order nobody asked for
    asked = sorted(cells, key=lambda cell: cell.phase == "baseline")
    whole = matrix(
        launch.sizes,
        dict.fromkeys(cell.protocol for cell in asked),
        {number for cell in cells for number in cell.tables},
        heads=HEADS[::-1],
        native=launch.sizes.networks,
    )
    places = {place(cell): number for number, cell in enumerate(whole)}
    found = sorted(
        (places[place(cell)], cell.seed, cell.name, cell) for cell in cells if place(cell) in places
    )
    present = (
        replace(cell, tables=tuple(n for n in cell.tables if n in whole[number].tables))
        for number, _, _, cell in found
    )
    return [cell for cell in present if cell.tables]
