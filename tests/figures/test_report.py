"""The report holds each claim with its evidence, and asks nothing of the network."""

import re
from html.parser import HTMLParser

import pytest

from figures import report
from figures.__main__ import RECIPES
from qtheory import claims
from qtheory.claims import LEDGER, Evidence
from qtheory.errors import DomainError


@pytest.fixture(scope="module")
def outcomes():
    return claims.verify(slow=False)


@pytest.fixture(scope="module")
def page(results, outcomes):
    from figures import recipe

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "find_table", lambda name: recipe.find_table(name, [results]))
        drawn = {
            chosen: recipe.render(
                recipe.draw(chosen, [recipe.find_table(table, [results]) for table in chosen.tables]), "svg"
            )
            for chosen in RECIPES.values()
        }
        return report.render_report(drawn, outcomes)


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
    for claim in LEDGER:
        assert f'<details id="{claim.id}"' in page
        assert f"python -m qtheory verify {claim.id}" in page


def test_tags_nest_and_ids_are_unique(page):
    document = Document(page)
    assert document.stack == []
    assert len(document.ids) == len(set(document.ids))


def test_no_reference_leaves_the_page(page):
    document = Document(page)
    assert all(source.startswith("#") for source in document.sources)
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page


def test_a_failed_check_is_shown_as_failed(outcomes, results):
    from dataclasses import replace

    broken = [replace(outcomes[0], evidence=Evidence("exact", 2, "<", 1)), *outcomes[1:]]
    entry = report.ledger_entries(broken)[0]["checks"][0]
    assert not entry["holds"]
    raised = [replace(outcomes[0], evidence=None, error="ValueError: no"), *outcomes[1:]]
    assert report.ledger_entries(raised)[0]["checks"][0]["error"] == "ValueError: no"


def test_verdict_counts_add_up_to_the_ledger(page):
    listed = re.findall(r'<span class="(holds|holds-amended|refuted|open)">(\d+) ', page)
    assert sum(int(count) for _, count in listed) == len(LEDGER)


def test_numbers_are_shown_exactly_where_they_are_short():
    from fractions import Fraction

    assert report.number(Fraction(1, 3)) == "1/3"
    assert report.number(4278190079) == "4278190079"
    assert report.number(0.123456789) == "0.123457"
    assert report.number(Fraction(10**20 + 1, 10**20)) == "1"


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
