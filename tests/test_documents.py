"""The documents say what the code says: links, commands, templates and numbers."""

import re
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from qtheory.claims import LEDGER, claim, verify
from qtheory.results import read_table
from sims.studies import STUDIES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS}
KNOWN = {one.id for one in LEDGER}


def _plain_formulas(text):
    """Return a text with formulas between dollars, whose backticks are then not those of code."""
    return re.sub(r"\$`|`\$", "$", re.sub(r"```math\n(.*?)\n```", r"$$\1$$", text, flags=re.DOTALL))


def _prose(text):
    return re.sub(r"```.*?```", "", _plain_formulas(text), flags=re.DOTALL)


@pytest.mark.parametrize("name", TEXTS)
def test_markdown_takes_nothing_of_a_formula_for_its_own(name):
    """Stars, underscores after braces, and backslashes before signs are safe in $`...`$ and math blocks."""
    text = re.sub(r"```.*?```|\$`.*?`\$|`[^`\n]*`", "", TEXTS[name], flags=re.DOTALL)
    assert "$$" not in text, "write a block of ```math"
    for formula in re.findall(r"\$([^$\n]+)\$", text):
        assert not re.search(r"\*|\\[^A-Za-z]|\}_|<", formula), formula
    assert text.count("$") % 2 == 0


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files(name):
    for target in re.findall(r"\]\(([^)]+)\)", _prose(TEXTS[name])):
        assert target.startswith("https://") or (ROOT / name).parent.joinpath(target).exists(), target


def _commands():
    found = set()
    for text in TEXTS.values():
        found.update(re.findall(r"python -m (qtheory|sims|empirical|figures)\b([^`\n#|]*)", text))
    return sorted(found)


@pytest.mark.parametrize("room", ["qtheory", "sims", "empirical", "figures"])
def test_commands_and_their_options_exist(room, capsys):
    """Options are those of the subcommand's help; what is in capitals is a place for one's own."""
    import importlib

    main = importlib.import_module(f"{room}.__main__").main
    commands = [arguments.split() for of, arguments in _commands() if of == room]
    assert commands
    for name in {words[0] for words in commands if words and not words[0].startswith("-")}:
        if room in ("qtheory", "empirical") and name.islower():
            with pytest.raises(SystemExit) as ended:
                raise SystemExit(main([name, "--help"]))
            shown = capsys.readouterr().out
            assert not ended.value.code, name
        else:
            shown = None
        for words in commands:
            if words and words[0] == name and shown is not None:
                for option in (word for word in words if word.startswith("--")):
                    assert option in shown, (room, name, option)


def test_studies_and_figures_that_are_named_exist():
    from figures.__main__ import RECIPES

    for room, arguments in _commands():
        names = [word for word in arguments.split()[:1] if re.fullmatch(r"[a-z0-9][a-z0-9-]*", word)]
        if room == "sims":
            assert set(names) <= {*STUDIES, "signs", "all"}, names  # signs: the template's own
        if room == "figures":
            assert set(names) <= set(RECIPES), names


def test_costs_are_those_that_the_studies_state():
    rows = re.findall(r"\| `python -m sims ([a-z-]+)` \| (.*?) \| (.*?) \|", TEXTS["README.md"])
    assert {name for name, *_ in rows} == set(STUDIES)
    for name, paper, large in rows:
        presets = STUDIES[name].presets
        assert (paper, large) == (presets["paper"].cost, presets["large"].cost), name


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "docs/ledger.md"])
def test_claims_that_are_named_exist(name):
    families = {one.id.split(".")[0] for one in LEDGER}
    named = re.findall(r"`([A-Za-z0-9]+(?:\.[a-z0-9-]+)+)`", _prose(TEXTS[name]))
    for one in named:
        if one.split(".")[0] in families:
            assert one in KNOWN, one


def _template(heading):
    text = TEXTS["docs/extending.md"]
    section = text[text.index(f"## {heading}") :]
    (code, *_) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    scope = {"__name__": "template"}
    exec(compile(code, heading, "exec"), scope)
    return scope


def test_the_template_of_a_study_runs_and_agrees_with_its_closed_form(tmp_path):
    from sims.runner import run_study

    study = _template("A study")["STUDY"]
    frame = run_study(study, "smoke", seed=0, out=tmp_path, quiet=True).frame
    assert len(frame) == 6
    gaps = (frame["distortion"] - frame["expected_distortion"]).abs()
    assert (gaps < 7 * frame["standard_error"]).all()  # false alarm below 1e-10
    assert "least error at scale 0.8" in study.findings(frame)[0]


def test_the_template_of_a_quantizer_quantizes():
    import torch

    quantizer = _template("A quantizer")["SignQuantizer"](3, 0.8)
    z = torch.tensor([[0.3, -2.0, 1.0]], requires_grad=True)
    result = quantizer(z)
    torch.testing.assert_close(result.z_q.detach(), torch.tensor([[0.8, -0.8, 0.8]]))
    torch.testing.assert_close(quantizer.decode(quantizer.encode(z)), torch.tensor([[0.8, -0.8, 0.8]]))
    result.z_q.sum().backward()
    torch.testing.assert_close(z.grad, torch.ones(1, 3))


def test_the_template_of_a_claim_passes_and_would_fail():
    scope = _template("A claim")
    (check,) = scope["CLAIM"].checks
    assert check.function().holds
    wrong = scope["Evidence"]("exact", check.function().computed, "==", Fraction(1, 6))
    assert not wrong.holds


@pytest.fixture(scope="module")
def outcomes():
    """Outcomes of all claims, by id."""
    found = {}
    for outcome in verify(slow=False):
        found.setdefault(outcome.claim.id, []).append(outcome)
    return found


def _known_numbers(ids, outcomes):
    """Numbers in the words and the evidence of claims."""
    words = []
    for one in ids:
        entry = claim(one)
        words += [entry.title, entry.statement, entry.sharp, entry.proof]
    evidences = [outcome.evidence for one in ids for outcome in outcomes[one] if outcome.evidence is not None]
    words += [evidence.detail for evidence in evidences]
    found = {float(number) for text in words for number in re.findall(r"\d*\.\d+|\d+", text)}
    for evidence in evidences:
        found |= {abs(float(evidence.computed)), abs(float(evidence.expected))}
    return found


@pytest.mark.parametrize(("name", "least"), [("docs/theory.md", 25), ("docs/reproduction.md", 12)])
def test_numbers_are_those_of_the_claims_that_are_named_with_them(name, least, outcomes):
    """Every decimal of a section rounds a number of a claim that the section names."""
    sections = re.split(r"^## ", _plain_formulas(TEXTS[name]), flags=re.MULTILINE)
    checked = 0
    for section in sections:
        ids = sorted(set(re.findall(r"`([^`\s]+)`", section)) & KNOWN)
        if not ids:
            continue
        known = _known_numbers(ids, outcomes)
        text = re.sub(r"`[^`]*`|\]\([^)]*\)|Section \d+\.\d+", "", section)
        for number in re.findall(r"(?<![\d.])\d+\.\d+", text):
            digits = len(number.split(".")[1])
            assert any(abs(round(one, digits) - float(number)) < 1e-12 for one in known), (ids[0], number)
            checked += 1
    assert checked >= least


def test_what_splitting_a_token_costs_is_what_the_table_at_desk_size_says():
    text = " ".join(TEXTS["docs/reproduction.md"].split("## Splitting a token")[1].split())
    frame = read_table(ROOT / "empirical" / "results" / "launch" / "desk.csv").frame
    frame = frame[frame["tables"].astype(str).str.contains("6")]
    errors, psnr, kid = [], [], []
    for phase in ("substitution", "adaptation"):
        rows = frame[frame["phase"] == phase].set_index(["codebook_size", "chunks"])
        for size in (64, 256):
            split, whole = rows.loc[(size, 4)], rows.loc[(size**2, 2)]
            ratio = split["latent_distortion_per_dim"] / whole["latent_distortion_per_dim"]
            errors.append(round(100 * (ratio - 1)))
            psnr.append(round(whole["psnr_luma"] - split["psnr_luma"], 1))
            kid.append(round(100 * (split["kid_efflite0"] / whole["kid_efflite0"] - 1)))
    assert "have {} % more error than one of $K^2$ for $K = 64$ and {} % more".format(*errors[:2]) in text
    assert "after adaptation {} % and {} %".format(*errors[2:]) in text
    assert f"{min(psnr)} to {max(psnr)} dB less PSNR and {min(kid)} to {max(kid)} % more KID" in text


def test_joint_training_improves_as_many_methods_as_the_notes_say():
    words = " ".join(TEXTS["docs/reproduction.md"].split())
    assert "it improves none of 13 over adaptation in KID, on photographs and at desk size" in words
    results = ROOT / "empirical" / "results"
    desk = read_table(results / "launch" / "desk.csv").frame
    pocket = [read_table(results / phase / "pocket.csv").frame for phase in ("adaptation", "joint")]
    compared = desk[desk["tables"].astype(str).str.contains("[37]")]
    for frame in (pd.concat(pocket), compared):
        whole = frame[frame["head"] == "full"]
        kid = whole.pivot_table("kid_efflite0", ["method", "codebook_size"], "phase").dropna()
        assert len(kid) == 13
        assert (kid["joint"] < kid["adaptation"]).sum() == 0
