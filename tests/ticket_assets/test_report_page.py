"""The report as a page and as Markdown, read as a parser reads them."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.ticket_assets.evaluation.reports import (
    CHAMPION,
    MODELS,
    evaluated,
    report,
    usual_report,
)
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.alerts import ALERTS
from ticket_assets.report_page import QUESTIONS, UNITS, as_html, as_markdown, conclusion

pytestmark = pytest.mark.xdist_group("evaluation report")  # they share what took long to make


class Page(HTMLParser):
    """Headings, list items, table rows and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "path", "use", "rect"):
            self.open.append(tag)
            self.texts.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def all_of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag and text]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return usual_report()


@pytest.fixture(scope="module")
def html(document: dict[str, Any]) -> str:
    return as_html(document, AlertLimits())


def test_the_page_stands_alone(html: str) -> None:
    page = Page(html)
    assert not {tag for tag, _ in page.attributes} & {"script", "link", "img", "iframe"}
    loaded = [
        value
        for _, attributes in page.attributes
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href") and not str(value).startswith("#")
    ]
    assert loaded == []


def test_it_has_a_picture_for_each_question_a_person_asks(html: str) -> None:
    labels = [
        attributes.get("aria-label") for tag, attributes in Page(html).attributes if tag == "svg"
    ]
    assert labels == [
        "Mean absolute error by day of closing",
        "Skill against the constant, by month",
        "Actual time by predicted time",
        "Predicted minus actual, by predicted time",
        "Slices, worst first",
    ]


def test_its_pictures_have_the_page_s_colours_and_no_others(html: str) -> None:
    svgs = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--series-1)" in svgs
    assert "#0102" not in svgs
    for variable in set(re.findall(r"var\((--[\w-]+)\)", html)):
        # Once for light, once for dark.
        assert html.count(f"{variable}: #") == 2, variable


def test_each_alert_is_an_item_and_those_that_fire_look_different(
    html: str, document: dict[str, Any]
) -> None:
    items = [attributes.get("class") for tag, attributes in Page(html).attributes if tag == "li"]
    assert items == ["fires" if each["fires"] else None for each in document["alerts"]]
    assert set(QUESTIONS) == set(UNITS) == set(ALERTS)


def test_the_table_has_every_model_in_both_populations_and_periods(html: str) -> None:
    cells = Page(html).all_of("td")
    for model in MODELS:
        assert cells.count(model) == 4


def test_a_name_cannot_become_markup() -> None:
    of = evaluated(days=30)
    rows = of.rows.assign(category="<b>bold</b>", assignment_group="<script>x</script>")
    html = as_html(report(replace(of, rows=rows)), AlertLimits())
    assert "<script" not in html
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold" in html


def test_the_same_document_gives_the_same_page(html: str, document: dict[str, Any]) -> None:
    assert as_html(document, AlertLimits()) == html


def test_a_report_without_rows_is_a_page_too() -> None:
    of = evaluated(days=2)
    html = as_html(report(replace(of, rows=of.rows[:0])), AlertLimits())
    assert "Too few days are evaluated to judge the model priority-hours." in html
    assert "<svg" not in html


def test_the_conclusion_names_the_error_and_the_best_model(document: dict[str, Any]) -> None:
    text = conclusion(document)
    assert text.startswith("On the last 28 days with tickets, priority-hours was wrong by ")
    assert "The model gradient-boosting was better by " in text
    assert text.endswith("Also better: constant, state-median.")


def test_the_conclusion_of_the_best_model_names_no_other() -> None:
    of = evaluated(days=40)
    best = replace(of, rows=of.rows.assign(**{CHAMPION: of.rows["target_s"] * 1.01}))
    assert conclusion(report(best)).endswith("No other model was better beyond chance.")


def test_the_markdown_has_a_row_an_alert_and_a_model(document: dict[str, Any]) -> None:
    lines = as_markdown(document).splitlines()
    tables = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    assert {len(row) for row in tables} == {2, 6}
    assert [row[0] for row in tables if len(row) == 2][2:] == list(QUESTIONS.values())
    assert [row[0] for row in tables if len(row) == 6][2:] == list(MODELS)
    assert lines[0] == f"**{conclusion(document)}**"


def test_the_markdown_s_errors_are_the_recent_ones_of_open_rows(document: dict[str, Any]) -> None:
    (record,) = (
        each
        for each in document["models"]
        if (each["period"], each["population"], each["model"]) == ("recent", "open", "constant")
    )
    (row,) = (line for line in as_markdown(document).splitlines() if line[:11] == "| constant ")
    _, _, mae, better, *_ = row.split("|")
    assert mae.strip() == "{mae_h:.1f} ({mae_low_h:.1f} to {mae_high_h:.1f})".format(**record)
    assert better.strip().startswith(f"{record['better_h']:.1f} (")


def test_the_first_rows_of_a_table_are_those_that_the_conclusion_is_about(html: str) -> None:
    cells = Page(html).all_of("td")
    start = cells.index(CHAMPION)
    assert cells[start + 1] == "open"
