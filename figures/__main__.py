"""``python -m figures``: draw all figures, or the named ones, and the report from stored tables."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from figures import (
    arena,
    bounds_by_dimension,
    codebook_density,
    desk,
    desk_methods,
    equal_rate,
    finite_sample,
    gains,
    implementation_diagram,
    ledger_glance,
    low_dimensional_support,
    paper_tables,
    pocket,
    pocket_heads,
    pocket_pictures,
    quantizer_variance,
    readme,
    support_rates,
    token_codebook,
    tokenizer_diagram,
    transplant_diagram,
    utilization,
    variance_scaling,
    worst_case_rates,
)
from figures.recipe import Recipe, build
from figures.report import build_report
from qtheory import command
from qtheory.errors import DomainError

_MODULES = (
    tokenizer_diagram,
    transplant_diagram,
    implementation_diagram,
    ledger_glance,
    bounds_by_dimension,
    variance_scaling,
    quantizer_variance,
    equal_rate,
    gains,
    low_dimensional_support,
    support_rates,
    worst_case_rates,
    utilization,
    codebook_density,
    token_codebook,
    finite_sample,
    arena,
    pocket,
    pocket_heads,
    pocket_pictures,
    desk,
    desk_methods,
)
RECIPES: dict[str, Recipe] = {module.RECIPE.name: module.RECIPE for module in _MODULES}
GALLERY = Path(__file__).with_name("gallery")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m figures", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="figures to draw (default: all, and the report)"
    )
    parser.add_argument("--list", action="store_true", help="list the figures and the tables they need")
    parser.add_argument(
        "--out", type=Path, default=GALLERY, help="folder of the figures (default: figures/gallery)"
    )
    parser.add_argument(
        "--readme", action="store_true", help="make the generated parts of the documents anew"
    )
    parser.add_argument("--report", type=Path, default=Path("report.html"), help="file of the report")
    return parser


def _draw(names: Sequence[str], out: Path, report: Path) -> int:
    """Draw the named figures and tables; or all, and the report."""
    known = [*RECIPES, *paper_tables.TABLES]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DomainError(f"NAME must be one of {', '.join(known)}; got {', '.join(unknown)}")
    chosen = [one for name, one in RECIPES.items() if name in names or not (names or one.absent())]
    for one in chosen:
        if reason := one.absent():
            raise DomainError(f"NAME must be a figure whose tables are stored; {one.name} is {reason}")
    tables = [table for name, table in paper_tables.TABLES.items() if not names or name in names]
    command.output_folder("--out", out)
    if not names:
        command.output_file("--report", report)
    with tqdm(chosen, desc="figures", unit="figure", file=sys.stderr) as shown:
        drawn = {recipe: build(recipe, out) for recipe in shown}
    parts = {table.name: paper_tables.build(table, out) for table in tables}
    if not names:
        found = build_report(drawn, parts, report)
        print("\nWhat was found:", *(f"- {answer}" for answer in found), f"\nreport: {report}", sep="\n")
    print(f"figures: {out}")
    return 0


def _list() -> int:
    listed: list[Recipe | paper_tables.PaperTable] = [*RECIPES.values(), *paper_tables.TABLES.values()]
    for one in listed:
        reason = one.absent() if isinstance(one, Recipe) else ""
        print(f"{one.name}: {one.title} [{', '.join(one.tables)}]{f' ({reason})' if reason else ''}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = _parser().parse_args(argv)

    def run() -> int:
        if options.list:
            return _list()
        if options.readme:
            readme.write()
            return 0
        return _draw(options.names, options.out, options.report)

    return command.run("python -m figures", run, kept="figures already drawn are kept")


if __name__ == "__main__":
    sys.exit(main())
