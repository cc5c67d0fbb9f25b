"""Tables 1 to 7 of the paper: as printed, from the authors' logs, and what this project measured of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from figures.pocket_table import readable
from figures.recipe import TABLE_FOLDERS, find_table
from qtheory import paper
from qtheory.results import write_bytes_atomically

Parts = list[tuple[str, pd.DataFrame]]

_HEADINGS = {
    "approach": "method", "distortion_per_dim": "E/d", "utilization": "U", "psnr": "PSNR", "ssim": "SSIM",
    "lpips": "LPIPS", "rfid": "r-FID", "ris": "r-IS", "training_gpu_hours": "GPU hours",
}  # fmt: skip


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: name and title, its parts from stored tables, and where they come from."""

    name: str
    title: str
    tables: tuple[str, ...]
    parts: Callable[[Sequence[Path]], Parts]
    caption: str


def _text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame for people: headings with spaces, utilization in per cent, no missing values."""
    frame = frame.copy()
    if "utilization" in frame:
        frame["utilization"] = [f"{100 * value:.1f} %" for value in frame["utilization"]]
    for name in frame.select_dtypes("number"):
        frame[name] = ["–" if pd.isna(value) else f"{value:.10g}" for value in frame[name]]
    frame = frame.rename(columns=lambda name: _HEADINGS.get(name, str(name).replace("_", " ")))
    return frame.astype(object).where(frame.notna(), "–")


def _printed(number: int) -> Parts:
    frame = paper.table(number).drop(columns=["cited"], errors="ignore")
    return [("As printed", _text(frame))]


def _logs(approaches: Sequence[str], **equal: int) -> Parts:
    frame = paper.authors_logs()
    for name, value in equal.items():
        frame = frame[frame[name] == value]
    frame = frame[frame["approach"].isin(approaches)]
    return [("From the authors' logs, with their digits", _text(frame))] if len(frame) else []


def _confounders(folders: Sequence[Path]) -> Parts:
    frame = find_table("structure/modules", folders).frame
    rows = frame[frame["stage"] == "tokenizer"][["module", "parameters", "output"]]
    return [*_printed(1), ("VAR's tokenizer, counted in the code", _text(rows))]


def _definitions(folders: Sequence[Path]) -> Parts:
    numbers = find_table("theory/schemes", folders).frame.rename(
        columns={"compression_ratio": "Q_i / Q_o", "input_bits": "Q_i", "output_bits": "Q_o"}
    )
    return [*_printed(2), ("At the sizes of the paper's tokenizer, 16 x 16 x 32", _text(numbers))]


def _comparison(folders: Sequence[Path]) -> Parts:
    ours = readable(find_table("substitution/pocket", folders).frame)
    every = paper.authors_logs()["approach"].unique()
    adapted = readable(find_table("adaptation/pocket", folders).frame)
    pocket = [("Pocket comparison, substituted", ours), ("Pocket comparison, adapted", adapted)]
    return [*_printed(3), *_logs(list(every), tokens=512), *pocket]


def _token_counts(folders: Sequence[Path]) -> Parts:
    return [*_printed(5), *_logs(["MMD VQ"])]


def _equivalence(folders: Sequence[Path]) -> Parts:
    frame = find_table("token-codebook/paper", folders).frame
    means = frame.groupby(["bits", "size", "correlation", "method"], sort=False)["distortion"].mean()
    wide = means.unstack("method").reset_index().round(4)
    return [*_printed(6), ("Error at equal bits, synthetic maps", _text(wide))]


def _joint(folders: Sequence[Path]) -> Parts:
    ours = readable(find_table("joint/pocket", folders).frame)
    return [*_printed(7), ("Pocket comparison, joint", ours)]


def _only_printed(number: int) -> Callable[[Sequence[Path]], Parts]:
    return lambda folders: _printed(number)


_SOURCE = "The printed cells are those of `qtheory.paper.table({0})`. "
TABLES = {
    table.name: table
    for table in (
        PaperTable(
            "table-1", "Table 1: confounders of published tokenizers", ("structure/modules",), _confounders,
            _SOURCE.format(1) + "Parameters of VAR by `python -m empirical structure`.",
        ),
        PaperTable(
            "table-2", "Table 2: information quantities", ("theory/schemes",), _definitions,
            _SOURCE.format(2) + "Numbers by `python -m qtheory tables schemes`.",
        ),
        PaperTable(
            "table-3", "Table 3: quantizers at equal rate",
            ("substitution/pocket", "adaptation/pocket"), _comparison,
            _SOURCE.format(3) + "The pocket comparison is of another tokenizer, other images and another "
            "rate: its columns do not compare with the paper's, its order may. Made by `python -m empirical "
            "substitute` and `python -m empirical adapt`.",
        ),
        PaperTable(
            "table-4", "Table 4: codebook size", (), _only_printed(4),
            _SOURCE.format(4) + "Its exponent is judged in `text.codebook-size`.",
        ),
        PaperTable(
            "table-5", "Table 5: token count", (), _token_counts,
            _SOURCE.format(5) + "The text's reading of it is refuted in `text.token-count`.",
        ),
        PaperTable(
            "table-6", "Table 6: tokens against codewords", ("token-codebook/paper",), _equivalence,
            _SOURCE.format(6) + "Maps of Gaussian vectors by `python -m sims token-codebook --preset paper`.",
        ),
        PaperTable(
            "table-7", "Table 7: joint optimisation", ("joint/pocket",), _joint,
            _SOURCE.format(7) + "The pocket comparison by `python -m empirical joint`.",
        ),
    )
}  # fmt: skip


def markdown(frame: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a frame of text as a Markdown table."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def build(table: PaperTable, out: Path, folders: Sequence[Path] = TABLE_FOLDERS) -> Parts:
    """Write a table of the paper as Markdown and return its parts."""
    parts = table.parts(folders)
    lines = [f"# {table.title}", "", table.caption]
    for heading, frame in parts:
        lines += ["", f"## {heading}", "", *markdown(frame)]
    write_bytes_atomically(out / f"{table.name}.md", ("\n".join(lines) + "\n").encode())
    return parts
