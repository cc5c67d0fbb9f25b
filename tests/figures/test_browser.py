"""The report in a real browser: filters, entries, the calculator, widths; nothing asked of the network."""

import itertools
import math
import os
import shutil
from pathlib import Path

import pytest

from qtheory.__main__ import main as command
from qtheory.bounds import BOUNDS
from qtheory.claims import LEDGER
from qtheory.claims.calculator import calculate
from qtheory.sources import Gaussian, Laplace, Uniform

OVERLAPS = Path(__file__).with_name("overlaps.js").read_text()

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: extra `dev`")
BROWSER = next(
    filter(
        None,
        [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))],
    ),
    None,
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on PATH: install Debian's `chromium`, or name one in $CHROMIUM"
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        # as root, in containers, Chromium has no sandbox of its own
        started = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page)
    return path


class Opened:
    """The report in a window, with what it said and asked for."""

    def __init__(self, browser, file, width, **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.fixture(scope="module")
def opened(browser, file):
    window = Opened(browser, file, 1100)
    yield window
    window.context.close()


@pytest.fixture
def window(opened, file):
    opened.page.goto(file.as_uri())
    opened.page.reload()
    return opened.page


def shown(window):
    return window.eval_on_selector_all(".claim:not([hidden])", "all => all.map(one => one.id)")


def test_verdict_and_evidence_filter_the_ledger(window):
    window.select_option("#verdict", "open")
    assert shown(window) == [claim.id for claim in LEDGER if claim.verdict == "open"]
    window.select_option("#verdict", "")
    window.select_option("#kind", "certified")
    certified = shown(window)
    assert "prop2.lower" in certified
    assert "text.token-count" not in certified
    assert f"{len(certified)} of {len(LEDGER)} shown" in window.text_content("#count")


def test_search_finds_words_in_any_order_and_plain_notation(window):
    window.fill("#search", "token-count doubling")
    assert shown(window) == ["text.token-count"]
    window.fill("#search", "E*_VQ")
    assert "prop2.hierarchy" in shown(window)
    window.fill("#search", "no such words anywhere")
    assert shown(window) == []


def test_an_entry_opens_by_keyboard_and_by_link(window):
    window.focus("#prop5 summary")
    window.keyboard.press("Enter")
    assert window.is_visible("#prop5 ul.checks")
    window.select_option("#verdict", "open")
    window.click('.answers a[href="#prop2.lower"]')
    assert window.is_visible("#prop2\\.lower ul.checks")
    assert window.is_visible("#prop2\\.lower math")


def test_print_shows_every_entry(window):
    window.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert window.locator("details:not([open])").count() == 0
    window.evaluate("dispatchEvent(new Event('afterprint'))")
    assert window.locator(".claim[open]").count() == 0


SOURCES = {"uniform": Uniform, "gaussian": Gaussian, "laplace": Laplace}
PROBLEMS = [
    # source, d, K, dimension of the support, blocks, variance; ordinary ones, then ends of what is computed
    *itertools.product(["uniform", "gaussian", "laplace"], [1, 8], [1, 5, 256], [0], [None], [1.0]),
    ("uniform", 8, 4096, 4, (4, 4), 1.0),
    ("uniform", 8, 1000, 3, (1, 7), 1.0),
    ("uniform", 12, 2**20, 5, (3, 3, 6), 1.0),
    ("uniform", 6, 7, 2, (2, 2, 2), 1.0),
    ("uniform", 70, 2**300, 7, None, 1.0),
    ("uniform", 16, 2**40, 16, (8, 8), 1.0),
    ("gaussian", 8, 4096, 0, (4, 4), 0.25),
    ("gaussian", 8, 256, 0, None, 2.0),
    ("gaussian", 3, 65536, 0, (1, 2), 1.0),
    ("laplace", 24, 2**24, 0, (8, 16), 3.0),
    ("laplace", 70, 2**70, 0, None, 1.0),
    ("gaussian", 16, 65536, 0, None, 1.0),
    ("laplace", 2, 5, 0, (1, 1), 0.5),
    ("gaussian", 5, 396653, 0, (4, 1), 3.0),
    ("gaussian", 13, 1000, 0, (6, 7), 1.0),
    ("gaussian", 48, 10**9, 0, (40, 8), 1.0),
    ("gaussian", 5, 2**60 + 1, 0, (1, 4), 1.0),
    ("gaussian", 5, 2**61, 0, (1, 4), 1.0),
    ("laplace", 1, 300, 0, None, 2.0),
    ("gaussian", 2, 2**17, 0, None, 1.0),
    ("uniform", 1, 2**600, 1, (1,), 1.0),
    ("uniform", 10, 10**30, 3, (2, 3, 5), 1.0),
    ("uniform", 8, 2**1000, 8, None, 1.0),
    ("uniform", 50, 2**202, 0, None, 1.0),
    ("uniform", 50, 2**203, 0, None, 1.0),
    *[("uniform", d, 2 ** (101 * d // 25) + more, 0, None, 1.0) for d in (450, 575) for more in (0, 1)],
    ("uniform", 64, 2**1024, 0, None, 1.0),
    ("gaussian", 8, 16, 0, None, 1e-320),
]  # fmt: skip
ONLY_COMMAND = {"prop2.lower.game"}  # a sequence of linear programs; the page names the command there


@pytest.fixture
def quick():
    """The calculator without what only the command computes, which takes seconds for each problem."""
    whole = dict(BOUNDS)
    for name in ONLY_COMMAND:
        del BOUNDS[name]
    yield
    BOUNDS.clear()
    BOUNDS.update(whole)  # in their order, which tables follow


def _python(source, d, K, k, blocks, variance):
    law = Uniform(d) if source == "uniform" else SOURCES[source](d, variance)
    return calculate(law, K, support_dim=k or None, block_dims=blocks)


def test_the_calculator_has_the_rows_of_python_and_no_others(window, quick):
    script = """problems => problems.map(([source, d, K, k, blocks, variance]) =>
        calculator.calculate({source, d, K: BigInt(K), k, blocks, variance}))"""
    given = [[*problem[:2], str(problem[2]), *problem[3:]] for problem in PROBLEMS]
    compared = 0
    for problem, found in zip(PROBLEMS, window.evaluate(script, given), strict=True):
        expected = _python(*problem)
        rows = {row["name"]: row for row in found["rows"]}
        silent = {one["name"]: one["reason"] for one in found["silent"]}
        assert set(rows) == {row.name for row in expected.rows}, (problem, silent)
        assert (
            set(silent) - ONLY_COMMAND
            == {name for name, _ in expected.silent} - {"worst cases"} - ONLY_COMMAND
        )
        assert all("run python -m qtheory bounds" in silent[name] for name in ONLY_COMMAND & set(silent))
        for row in expected.rows:
            mine = rows[row.name]
            assert math.isclose(mine["value"], row.value, rel_tol=1e-9), (problem, row.name)
            if row.decibel is None:
                assert mine["decibel"] is None, (problem, row.name)
            else:
                assert math.isclose(mine["decibel"], row.decibel, rel_tol=1e-9, abs_tol=1e-7), (
                    problem,
                    row.name,
                )
            assert [mine[key] for key in ("section", "side", "claim", "verdict")] == [
                row.section, row.side, row.claim, row.verdict
            ]  # fmt: skip
            compared += 1
    assert compared > 10 * len(PROBLEMS)


def _fill(window, **fields):
    for name, value in fields.items():
        window.fill(f'[name="{name}"]', value)


def _as_number(text):
    return f"{float(text):.6g}"


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("gaussian", {"d": "16", "K": "2^16", "variance": "1"}),
        ("gaussian", {"d": "7", "K": "1000", "M": "3, 4", "variance": "0.3"}),
        ("laplace", {"d": "6", "K": "777", "M": "3", "variance": "2"}),
        ("uniform", {"d": "9", "K": "12345", "M": "3", "k": "3"}),
    ],
)
def test_the_panel_shows_the_digits_of_the_command_that_it_names(window, quick, capsys, source, fields):
    window.select_option('[name="source"]', source)
    _fill(window, **fields)
    arguments = window.text_content("#command").split()
    assert arguments[:4] == ["python", "-m", "qtheory", "bounds"]
    assert command(arguments[3:]) == 0
    names = {row.get_attribute("data-name"): row for row in window.query_selector_all("#rows tr[data-name]")}
    printed = {}
    for line in capsys.readouterr().out.splitlines():
        words = line.split()
        if words and words[0] in names and not line.startswith(" "):
            printed[words[0]] = words[1:5]
    assert set(printed) == set(names)
    for name, row in names.items():
        side, *numbers, decibel = [cell.inner_text() for cell in row.query_selector_all("td")][1:5]
        assert [side, *map(_as_number, numbers)] == [printed[name][0], *map(_as_number, printed[name][1:3])]
        assert float(decibel) == float(printed[name][3])


@pytest.mark.parametrize(
    ("d", "K", "mark"), [("1000", "2^8000", "as printed: refuted"), ("64", "2^5000", "as printed: open")]
)
def test_a_printed_bound_that_is_not_proved_is_marked_in_its_row(window, d, K, mark):
    window.select_option('[name="source"]', "uniform")
    _fill(window, d=d, K=K, M="")
    assert mark in window.text_content('#rows tr[data-name="prop2.lower.paper"]')
    assert "as printed" not in window.text_content('#rows tr[data-name="prop2.lower.sharp"]')
    assert "as printed" not in window.text_content('#rows tr[data-name="prop2.upper.paper"]')
    decibel = window.query_selector_all('#rows tr[data-name="prop3.sq.lower.sharp"] td')[4]
    assert decibel.inner_text() == ""  # Shannon's bound of the diagonal is below float64
    _fill(window, d="46")
    assert "as printed" not in window.text_content("#rows")


def test_an_input_at_the_edge_of_the_form_gives_reasons_and_no_error(window, opened):
    window.select_option('[name="source"]', "gaussian")
    _fill(window, d="2", K="2^100000")
    reasons = window.text_content("#silent")
    assert "beyond the range of double precision" in reasons
    assert "NaN" not in window.text_content("#rows")
    assert "Infinity" not in window.text_content("#rows")
    _fill(window, K="1")
    assert "needs two words or more" in window.text_content("#silent")
    assert opened.said == []


def test_the_panel_shows_a_problem_and_names_what_is_wrong_with_another(window):
    window.select_option('[name="source"]', "gaussian")
    window.fill('[name="d"]', "8")
    window.fill('[name="K"]', "2^12")
    row = window.locator("#rows tr", has_text="optimal-sq")
    assert "1.79511" in row.text_content()
    assert window.text_content("#command") == (
        "python -m qtheory bounds --d 8 --K 4096 --source gaussian --block-dims 4 4 --variance 1"
    )
    window.fill('[name="M"]', "3")
    assert "M = 3 does not divide d = 8" in window.text_content("#message")
    assert window.locator("#rows tr").count() == 0


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_overlaps_and_nothing_leaves_the_page_at_either_width(browser, file, width, scheme):
    window = Opened(browser, file, width, color_scheme=scheme)
    try:
        window.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width
        assert window.page.evaluate(OVERLAPS) == []
        assert window.said == []
        assert all(url.startswith(("file:", "data:")) for url in window.asked)
    finally:
        window.context.close()
