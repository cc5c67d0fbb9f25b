"""Reconstructions of a few held-out images by the cells of a launch: files, and one labelled picture."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from empirical.cells import MAIN_HEAD, PHASES, CellSpec
from empirical.head import TRAINED, Transplant
from empirical.pixels import to_png
from empirical.setup import Setup
from empirical.streaming import to_float
from empirical.tokenizers import Tokenizer, VARTokenizer
from qtheory.results import write_bytes_atomically

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image as Picture

SHOWN = 4  # images: the first that are held out
ORIGINALS = "originals"  # folder in that of a cell
_MARGIN, _GAP, _FONT = 8, 2, 13  # pixels
_COLUMNS = PHASES[1:]
_TITLE = 2 * _FONT


@torch.no_grad()
def keep(setup: Setup, tokenizer: Tokenizer, transplant: Transplant | None) -> None:
    """Write the cell's reconstructions of the first held-out images to its folder, with the originals.

    Parameters
    ----------
    setup : Setup
        Of the cell; in processes other than the first nothing is done.
    tokenizer : Tokenizer
        Encoder and decoder, in evaluation mode.
    transplant : Transplant or None
        What lies between them, in evaluation mode.
    """
    if not setup.runtime.first:
        return
    crops = setup.heldout
    x = to_float(torch.stack([crops[i] for i in range(min(SHOWN, len(crops)))]), setup.runtime.device)
    z_e = tokenizer.encode(x)
    if transplant is not None:
        z_e = transplant(z_e).y
    elif setup.cell.method == "native" and isinstance(tokenizer, VARTokenizer):
        z_e = tokenizer.native_quantize(z_e)
    folder = setup.launch.folder(setup.cell)
    _write(folder, tokenizer.decode(z_e).clamp(-1, 1))
    _write(folder / ORIGINALS, x)


def _write(folder: Path, images: Tensor) -> None:
    for number, image in enumerate(images.float().cpu()):
        write_bytes_atomically(folder / f"{number}.png", base64.b64decode(to_png(image)))


class Strips(NamedTuple):
    """A row of the picture: what it is called, and the folder of each phase."""

    label: str
    folders: dict[str, Path]


def rows(out: Path, frame: "pd.DataFrame") -> list[Strips]:
    """Return the rows of the picture: the originals, then each method and size that kept reconstructions.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the launch.
    frame : pandas.DataFrame
        Its table. Of several seeds the first is shown; baselines stand under substitution.

    Returns
    -------
    list of Strips
        Empty where no cell kept reconstructions.
    """
    found: dict[tuple[str, ...], Strips] = {}
    if frame.empty:
        return []
    several = frame["protocol"].nunique() > 1
    for values in frame.to_dict("records"):
        cell = CellSpec(**{name: values[name] for name in CellSpec.__dataclass_fields__})
        folder = out / cell.name
        if (folder / "0.png").exists():
            key = (cell.method, cell.head, str(cell.codebook_size), str(cell.chunks), cell.protocol)
            row = found.setdefault(key, Strips(_label(cell, several), {}))
            row.folders.setdefault(_COLUMNS[0] if cell.phase == "baseline" else cell.phase, folder)
    shown = [phase for phase in _COLUMNS if any(phase in row.folders for row in found.values())]
    originals: dict[str, Path] = {
        phase: next(row.folders[phase] / ORIGINALS for row in found.values() if phase in row.folders)
        for phase in shown
    }
    return [Strips("original", originals), *found.values()] if found else []


def _label(cell: CellSpec, several: bool) -> str:
    """Return the method, and beside it what tells it from others of the same name."""
    sizes = f" {cell.codebook_size}x{cell.chunks}" if cell.chunks else ""
    head = f", heads {cell.head}" if cell.method in TRAINED and cell.head != MAIN_HEAD else ""
    protocol = f", {cell.protocol}" if several and cell.phase != "baseline" else ""
    return f"{cell.method}{sizes}{head}{protocol}"


def write_picture(out: Path, frame: "pd.DataFrame", path: Path) -> Path | None:
    """Draw the reconstructions, methods in rows and phases side by side, below the originals.

    Parameters
    ----------
    out, frame
        As in `rows`.
    path : pathlib.Path
        The PNG file.

    Returns
    -------
    pathlib.Path or None
        The file; None where no cell kept reconstructions, and nothing is written.
    """
    from PIL import Image, ImageDraw, ImageFont

    chosen = rows(out, frame)
    if not chosen:
        return None
    font = ImageFont.load_default(_FONT)
    strips = [{phase: _strip(folder) for phase, folder in row.folders.items()} for row in chosen]
    width, height = next(iter(strips[0].values())).size
    left = int(max(font.getlength(row.label) for row in chosen)) + 2 * _MARGIN
    columns = {phase: left + i * (width + _MARGIN) for i, phase in enumerate(strips[0])}
    size = left + len(columns) * (width + _MARGIN), _TITLE + len(chosen) * (height + _GAP)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    for phase, x in columns.items():
        draw.text((x, _FONT // 2), phase, fill="black", font=font)
    for i, (row, pictures) in enumerate(zip(chosen, strips, strict=True)):
        y = _TITLE + i * (height + _GAP)
        draw.text((_MARGIN, y + height / 2), row.label, fill="black", font=font, anchor="lm")
        for phase, picture in pictures.items():
            canvas.paste(picture, (columns[phase], y))
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG")
    write_bytes_atomically(path, buffer.getvalue())
    return path


def _strip(folder: Path) -> "Picture":
    """Return the images of a folder side by side."""
    from PIL import Image

    files = [folder / f"{number}.png" for number in range(SHOWN)]
    images = [Image.open(file) for file in files if file.exists()]
    side = images[0].width
    strip = Image.new("RGB", (len(images) * (side + _GAP) - _GAP, images[0].height), "white")
    for i, image in enumerate(images):
        strip.paste(image, (i * (side + _GAP), 0))
        image.close()
    return strip
