"""The report holds each claim with its evidence, and asks nothing of the network."""

import json
import re
from html.parser import HTMLParser

import pytest

from figures import formulas, ledger
from figures.__main__ import RECIPES
from figures.inline import inline_svg
from figures.typeset import mathml
from qtheory.bounds import BOUNDS
from qtheory.claims import LEDGER, claim, run_check
from qtheory.claims.report import as_json
from qtheory.errors import DomainError


class Document(HTMLParser):
    """Collects tags and ids, and whether the tags nest."""

    VOID = frozenset({"meta", "input", "link", "br", "img", "hr"})

    def __init__(self, text):
        super().__init__()
        self.ids, self.sources, self.stack = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.sources += [value for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_each_claim_opens_to_its_statement_proof_and_evidence(page):
    for one in LEDGER:
        assert f'<details id="{one.id}"' in page
        assert f"python -m qtheory verify {one.id}" in page


def test_tags_nest_and_ids_are_unique(page):
    document = Document(page)
    assert document.stack == []
    assert len(document.ids) == len(set(document.ids))


INLINE = ("data:,", "data:image/png;base64,")


def test_no_reference_leaves_the_page(page):
    document = Document(page)
    assert all(source.startswith("#") or source.startswith(INLINE) for source in document.sources)
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page


def test_every_link_leads_to_an_id(page):
    document = Document(page)
    assert {source[1:] for source in document.sources if source.startswith("#")} <= set(document.ids)


def _ledger(**changed):
    """The ledger of one claim, with fields of its first check changed."""
    one = claim("finding1.identity")
    stored = as_json([run_check(one, check) for check in one.checks])
    stored["claims"][0]["checks"][0].update(changed)
    return stored


def test_a_failed_check_is_shown_as_failed():
    assert ledger.entries(_ledger())[0]["checks"][0]["holds"]
    assert not ledger.entries(_ledger(passed=False))[0]["checks"][0]["holds"]
    raised = ledger.entries(_ledger(passed=False, error="ValueError: no"))[0]["checks"][0]
    assert (raised["error"], raised["kind"]) == ("ValueError: no", "")


def test_a_stored_ledger_is_read_where_this_code_wrote_it_and_made_anew_where_not(
    tmp_path, monkeypatch, verified
):
    path = tmp_path / "ledger.json"
    monkeypatch.setattr(ledger.report, "verified_code", lambda: verified["code"])
    path.write_text(json.dumps(verified))
    ran = []
    monkeypatch.setattr(ledger.claims, "verify", lambda: ran.append(1) or [])
    assert ledger.current(path)["claims"] == json.loads(json.dumps(verified))["claims"]
    assert not ran
    path.write_text(json.dumps({**verified, "code": "other"}))
    assert ledger.current(path)["claims"] == []
    assert ran == [1]
    path.write_text("{")
    ledger.current(path)
    assert ran == [1, 1]


def test_displayed_formulas_belong_to_claims_and_bounds_and_become_mathml():
    assert set(formulas.CLAIMS) <= {one.id for one in LEDGER}
    assert set(formulas.BOUNDS) == set(BOUNDS)
    for latex in [
        *formulas.BOUNDS.values(),
        *formulas.QUANTIZERS.values(),
        *sum(formulas.CLAIMS.values(), ()),
    ]:
        markup = mathml(latex) if latex else "<math></math>"
        assert markup.startswith("<math")
        assert "\\" not in markup, latex


def test_bars_of_a_norm_are_as_high_as_the_letter_between_them():
    assert mathml(r"\lVert f \rVert_{1/3}").count('<mo stretchy="false">&#x02016;</mo>') == 2


def test_only_statements_of_the_paper_are_introduced_as_its_words(page):
    for one in LEDGER:
        entry = page.split(f'<details id="{one.id}"')[1].split("</dt>")[0]
        assert ("<dt>A theorem" in entry) == one.id.startswith("theorem.")
        assert not ("<dt>The paper says" in entry and "not in the paper" in entry)


def test_figures_name_claims_of_the_ledger_and_entries_lead_back(verified):
    for entry in ledger.entries(verified, RECIPES.values()):
        named = {one.name for one in RECIPES.values() if entry["id"] in one.claims}
        assert {one["name"] for one in entry["figures"]} == named
    known = {one.id for one in LEDGER}
    assert all(set(one.claims) <= known for one in RECIPES.values())


def test_colours_of_drawings_follow_the_page():
    drawing = b'<svg id="a"><path style="fill: #0072b2; stroke: #ffffff"/><use href="#a"/></svg>'
    text = inline_svg(drawing, "one", "A & B")
    assert 'aria-label="A &amp; B"' in text
    assert "var(--f-blue)" in text
    assert "var(--f-paper)" in text
    assert 'href="#one-a"' in text


def test_verdict_counts_add_up_to_the_ledger(page):
    listed = re.findall(r'<span class="(holds|holds-amended|refuted|open)">(\d+) ', page)
    assert sum(int(count) for _, count in listed) == len(LEDGER)


def test_numbers_are_shown_exactly_where_they_are_short():
    assert ledger.number("1/3") == "1/3"
    assert ledger.number("4278190079") == "4278190079"
    assert ledger.number("0.123456789") == "0.123457"
    assert ledger.number("100000000000000000001/100000000000000000000") == "1"


def test_an_answer_that_names_a_claim_links_to_its_entry(page):
    assert '<a href="#prop2.lower"><code>prop2.lower</code></a>' in page


def test_an_answer_that_stands_on_another_verdict_is_refused(monkeypatch):
    from figures import answers

    monkeypatch.setattr(answers, "LEDGER", ())
    with pytest.raises(DomainError, match="no such claim"):
        answers._claim("prop2.lower", "refuted")
    monkeypatch.setattr(answers, "LEDGER", LEDGER)
    with pytest.raises(DomainError, match="the ledger has refuted"):
        answers._claim("prop2.lower", "holds")
