"""The README says what the code says."""

import re
from pathlib import Path

import pytest

from figures import readme

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("document", readme.DOCUMENTS)
def test_the_generated_parts_are_up_to_date(document):
    text = (ROOT / document).read_text()
    assert readme.regenerate(document, text) == text, "run `python -m figures --readme`"


def test_a_missing_marker_is_named():
    with pytest.raises(readme.SchemaError, match="answers"):
        readme.regenerate("README.md", TEXT.replace("<!-- answers -->", ""))


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", TEXT):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_python_example_runs_to_the_numbers_beside_it():
    code, *_ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    imports, calls = code.split("\n\n", 1)
    scope = {}
    exec(imports, scope)
    for line in calls.strip().splitlines():
        call, comment = line.split("#")
        printed = [float(number) for number in re.findall(r"\d+\.\d+", comment)]
        value = eval(call, scope)
        value = value if isinstance(value, float) else value.distortion
        assert round(value, len(str(printed[-1]).split(".")[1])) == printed[-1]


@pytest.mark.parametrize("command", re.findall(r"^python -m qtheory (.*?)\s*(?:#.*)?$", TEXT, re.MULTILINE))
def test_the_commands_run(command, tmp_path, monkeypatch, capsys):
    from qtheory.__main__ import main

    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    assert capsys.readouterr().out


def test_the_dry_run_counts_for_the_device_that_the_costs_are_of():
    (line,) = [one for one in TEXT.splitlines() if one.startswith("python -m ") and "--dry-run" in one]
    launched = next(one for one in TEXT.splitlines() if "# one GPU of 80 GB" in one)
    for option in ("--device cuda", "--bf16"):
        assert option in line
        assert option in launched


@pytest.mark.parametrize("document", ["README.md", "docs/reproduction.md"])
def test_prose_is_wrapped(document):
    """Lists of answers, tables and commands have lines as long as they need."""
    prose = re.sub(r"```.*?```", "", (ROOT / document).read_text(), flags=re.DOTALL)
    long = [line for line in prose.splitlines() if len(line) > 124 and not re.match(r"- |\|", line)]
    assert not long
