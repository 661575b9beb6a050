"""The page of a comparison: whole, offline, readable by eye and by machine, in a real browser."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest

import prefect_compat
from prefect_compat.comparison.comparison import Comparison
from prefect_compat.comparison.costs import summarise
from prefect_compat.comparison.diff.differences import (
    Cell,
    ColumnDifference,
    RowDifference,
    TableDifference,
)
from prefect_compat.comparison.failure_matrix import Case, Outcome
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.fingerprint.fingerprint import UNKNOWN, Fingerprint
from prefect_compat.comparison.judging.outputs import NOT_APART_REMEDY
from prefect_compat.comparison.record.record import (
    NO_CONTENT,
    Aspect,
    Cost,
    Record,
    RecordedOutput,
    RecordedStep,
)
from prefect_compat.comparison.report.conclusion import conclusion
from prefect_compat.comparison.report.html import comparison_page
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import judge
from prefect_compat.graph.ids import OutputId, StepId
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from prefect_compat.lineage.graph import read_lineage
from tests.prefect_compat.comparison.records import DAGSTER, FIRST, PREFECT, SECOND
from tests.prefect_compat.comparison.report.compared import Reader, compared, costs
from tests.projects import JOB, project

STYLES = Path(prefect_compat.__file__).parent / "templates"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DAYS = [f"2016-05-{day:02}" for day in range(1, 32)]


def record(side: str, days: list[str] = DAYS, digest: str = "aa") -> Record:
    outputs = (OutputId((asset,), day) for asset in ("raw_log", "metrics") for day in days)
    return Record(
        side,
        steps=(
            RecordedStep(
                0,
                StepId("raw_log"),
                "succeeded",
                (),
                1,
                (),
                100.0,
                101.0,
                function_s=0.5,
                storage_s=0.2,
            ),
            RecordedStep(
                0, StepId("metrics"), "failed", (StepId("raw_log"),), 2, (1.0,), 101.0, 103.5
            ),
            RecordedStep(0, StepId("trial_summary"), "not started", (StepId("metrics"),), 0),
        ),
        outputs=tuple(RecordedOutput(out, Fingerprint("table", digest, (2, 3))) for out in outputs),
        checks=(),
        materialized=(("raw_log", len(days)), ("metrics", len(days))),
        cost=Cost(3.5, 1.0, 0.5, 3.0, 2**28, 2.5),
        versions=(("python", "3.11"), ("dagster", "1.13")),
    )


def comparison(dagster: Record, prefect: Record, **changes: object) -> Comparison:
    work = Work(
        Project("ticket_assets.definitions"),
        JobChoice(JOB),
        "2016-05-01...2016-05-31",
        "{}",
        ("S",),
    )
    both = dagster.has_run and prefect.has_run
    return replace(
        Comparison(
            work,
            dagster,
            prefect,
            judge(dagster, prefect),
            (),
            summarise([dagster] * 3, [prefect] * 3) if both else None,
        ),
        **changes,  # type: ignore[arg-type]
    )


GOOD = comparison(record("dagster"), record("prefect"))
BAD = comparison(
    record("dagster"),
    record("prefect", DAYS[:-1], "<b>&"),
    rows=(
        RowDifference(
            OutputId(("raw_log",), DAYS[0]),
            TableDifference(
                (2, 2),
                changed_rows=1,
                columns=(ColumnDifference("price <é>", 1),),
                cells=(Cell("1", "price <é>", "0.1", "0.10000000000000002"),),
            ),
        ),
    ),
)
BROKEN = comparison(record("dagster"), Record.of_failure("prefect", "no <server> & no luck"))
YEAR = [f"2016-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
LONG = comparison(record("dagster", YEAR), record("prefect", YEAR))
CASES = {"good": GOOD, "bad": BAD, "broken": BROKEN, "long": LONG}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("store")
    lineage = read_lineage(project(store).resolve_job_def(JOB))
    return {name: comparison_page(found, lineage) for name, found in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_it_is_whole_and_loads_nothing(pages: dict[str, str], name: str) -> None:
    reader = Reader(pages[name])
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    addresses = re.findall(r"(?:https?:)?//[^\s\"'<)]+", pages[name])
    assert {address for address in addresses if "www.w3.org" not in address} == set()
    assert "url(" not in pages[name]
    assert "@import" not in pages[name]
    ids = [found["id"] for _, found in reader.elements if found.get("id")]
    assert len(ids) == len(set(ids))


def verdict_of(page: str) -> tuple[str, str]:
    """The level and the words of the page's first paragraph."""
    found = re.search(r'<header>\s*<p class="verdict (\w+)">(.*?)</p>', page)
    assert found
    return found[1], re.sub("<[^>]*>", "", found[2])


def test_the_verdict_comes_first(pages: dict[str, str]) -> None:
    assert verdict_of(pages["good"]) == ("good", "✓ Identical under both")
    assert "Differences" in Reader(pages["bad"]).text
    assert verdict_of(pages["bad"]) == ("bad", f"✗ Different in {len(BAD.verdict.findings)} places")
    assert verdict_of(pages["broken"]) == ("bad", "✗ Not compared: a side could not be run")
    assert escape("no <server> & no luck") in pages["broken"]


def test_every_difference_is_there_from_both_sides(pages: dict[str, str]) -> None:
    text = Reader(pages["bad"]).text
    for finding in BAD.verdict.findings:
        assert finding.place in text
        assert finding.left in text
        assert finding.right in text
    assert "price <é>" in text
    assert "0.10000000000000002" in text


def test_every_output_has_its_cell_in_words(pages: dict[str, str]) -> None:
    cells = re.findall(r'<td class="(\w+)" title="([^"]+)"', pages["bad"])
    states = {title.partition(": ")[0]: title.partition(": ")[2] for _, title in cells}
    assert states["raw_log[2016-05-01]"] == "different"
    assert states["metrics[2016-05-31]"] == "only in dagster"
    assert len(states) == 2 * len(DAYS)


def test_timelines_and_bars_say_it_in_words(pages: dict[str, str]) -> None:
    charts = [
        str(found["aria-label"])
        for tag, found in Reader(pages["good"]).elements
        if tag == "svg" and found.get("class") == "chart"
    ]
    assert charts[0] == (
        "Timeline of dagster: raw_log from 0.00 to 1.00 seconds, metrics from 1.00 to 3.50 seconds."
    )
    assert charts[1].startswith("Timeline of prefect: ")
    assert "prefect, cold: 3.50 seconds" in charts[2]


def test_what_scrolls_can_be_reached_by_keyboard(pages: dict[str, str]) -> None:
    for page in pages.values():
        for _, found in Reader(page).elements:
            if "scroll" in (found.get("class") or "").split():
                assert found["tabindex"] == "0"
                assert found.get("aria-label") or found.get("aria-labelledby")


def test_without_a_graph_the_page_is_still_written() -> None:
    assert "could not be run" in comparison_page(BROKEN, None)


def palettes() -> Iterator[tuple[str, dict[str, str]]]:
    """The colours of the pages, light and dark."""
    text = "".join((STYLES / name).read_text() for name in ("style.css", "comparison.css"))
    dark_parts = re.findall(r"prefers-color-scheme: dark\)\s*\{\s*:root\s*\{([^}]*)\}", text)
    light = re.sub(r"@media \(prefers-color-scheme: dark\)\s*\{\s*:root\s*\{[^}]*\}", "", text)
    for name, part in (("light", light), ("dark", "".join(dark_parts))):
        yield name, dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part))


def luminance(colour: str) -> float:
    """Relative luminance: WCAG 2.2, definitions."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "colours"), list(palettes()))
def test_text_stands_out_from_the_page(scheme: str, colours: dict[str, str]) -> None:
    """A contrast of 4.5 to 1: WCAG 2.2, success criterion 1.4.3."""
    for name in ("text", "quiet", "link", "good", "bad", "warn", "none", "left", "right"):
        light, dark = sorted(map(luminance, (colours[name], colours["page"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, name)


MEASURE = """<script>addEventListener("load", () => {
  const frame = document.querySelector("iframe"), root = frame.contentDocument.documentElement;
  document.title = JSON.stringify({
    overflow: root.scrollWidth - frame.clientWidth,
    height: root.scrollHeight,
    loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
    regions: [...root.querySelectorAll(".scroll")].filter((e) => e.tabIndex !== 0).length,
    charts: [...root.querySelectorAll("svg")].filter((e) => e.clientHeight < 40).length,
  });
})</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", CASES)
def test_in_a_browser_nothing_overflows(
    pages: dict[str, str], name: str, width: int, tmp_path: Path
) -> None:
    frame = f'<iframe width="{width}" height="800" srcdoc="{escape(pages[name], quote=True)}">'
    (tmp_path / "page.html").write_text(f"{MEASURE}{frame}</iframe>", encoding="utf-8")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --dump-dom"
        " --disable-background-networking --disable-component-update --disable-sync"
    )
    found = subprocess.run(
        [
            str(CHROMIUM),
            *options.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    title = re.search(r"<title>(\{.*?\})</title>", found.stdout)
    assert title, found.stdout[:300]
    measured = dict(re.findall(r'"(\w+)":(-?\d+)', title[1].replace("&quot;", '"')))
    height = int(measured.pop("height"))
    assert height > 800
    assert int(measured.pop("overflow")) <= 0
    assert measured == {"loaded": "0", "regions": "0", "charts": "0"}


def grid(page: str) -> dict[str, str]:
    """The status of each place in the table of outputs."""
    cells = (attrs for tag, attrs in Reader(page).elements if tag == "td")
    titles = (attrs["title"] for attrs in cells if "title" in attrs)
    return dict(str(title).split(": ", 1) for title in titles)


def changed(side: Record, **changes: object) -> Record:
    """The record with its first output changed."""
    first, *others = side.outputs
    return replace(side, outputs=(replace(first, **changes), *others))  # type: ignore[arg-type]


def test_an_output_without_content_is_told_from_one_that_is_identical() -> None:
    sides = [changed(record(side), fingerprint=NO_CONTENT) for side in ("dagster", "prefect")]
    page = comparison_page(comparison(*sides), None)
    states = grid(page)
    assert states[f"raw_log[{DAYS[0]}]"] == "no content to compare"
    assert states[f"raw_log[{DAYS[1]}]"] == "identical"
    assert "∅ no content to compare" in Reader(page).text
    assert "no content to compare" not in Reader(comparison_page(GOOD, None)).text


def test_an_output_that_is_not_kept_apart_is_named_with_the_remedy() -> None:
    prefect = changed(record("prefect"), is_kept_apart=False)
    page = comparison_page(comparison(record("dagster"), prefect), None)
    assert grid(page)[f"raw_log[{DAYS[0]}]"] == "not kept apart"
    assert NOT_APART_REMEDY in Reader(page).text
    assert NOT_APART_REMEDY not in Reader(comparison_page(BAD, None)).text


def test_runs_that_failed_in_the_same_way_are_said_to_have_failed() -> None:
    sides = [replace(record(side), error="no") for side in ("dagster", "prefect")]
    page = comparison_page(comparison(*sides), None)
    assert "Both runs failed in the same way: metrics." in Reader(page).text
    assert "Both runs failed" not in Reader(comparison_page(GOOD, None)).text


def page_of(comparison: Comparison, **arguments: object) -> Reader:
    return Reader(comparison_page(comparison, None, **arguments))  # type: ignore[arg-type]


def test_the_table_of_outputs_has_a_line_an_asset_and_a_cell_a_partition() -> None:
    bare = replace(SECOND, output=OutputId(("b",), "2016-03-09"), fingerprint=NO_CONTENT)
    extra = replace(SECOND, output=OutputId(("c",)))
    left = replace(DAGSTER, outputs=(bare, FIRST, extra))
    right = replace(PREFECT, outputs=(FIRST, bare))
    reader = page_of(compared(left, right))
    assert reader.tables["Every output"] == [
        ["Asset", "unpartitioned", "2016-03-08", "2016-03-09"],
        ["b", "", "○ not made", "∅ no content to compare"],
        ["a", "", "✓ identical", "○ not made"],
        ["c", "✗ only in dagster", "", ""],
    ]
    cells = [a for tag, a in reader.elements if tag == "td" and "title" in a]
    assert [(cell["class"], cell["title"]) for cell in cells] == [
        ("none", "b[2016-03-08]: not made"),
        ("bare", "b[2016-03-09]: no content to compare"),
        ("good", "a[2016-03-08]: identical"),
        ("none", "a[2016-03-09]: not made"),
        ("bad", "c: only in dagster"),
    ]
    legend = next(words for words in reader.paragraphs if "✓" in words and "∅" in words)
    assert legend.split(" · ") == [
        "✓ identical",
        "∅ no content to compare",
        "○ not made",
        "✗ only in dagster",
    ]


def test_findings_are_counted_by_kind_and_listed_from_both_sides() -> None:
    reader = page_of(compared(prefect=replace(PREFECT, outputs=(), checks=())))
    assert "1 \u00d7 different check result, 2 \u00d7 missing on one side." in reader.paragraphs
    assert reader.tables["Differences"] == [
        ["Kind", "Place", "Dagster has", "Prefect has"],
        ["missing on one side", "a[2016-03-08]", "table 2 x 3 aa", "nothing"],
        ["missing on one side", "b", "table 2 x 3 bb", "nothing"],
        ["different check result", "a:is_good", "passed (ERROR)", "nothing"],
    ]


def test_five_hundred_findings_are_listed() -> None:
    files = tuple(f"{number}/x" for number in range(503))
    reader = page_of(compared(prefect=replace(PREFECT, files=(*PREFECT.files, *files))))
    assert len(reader.tables["Differences"]) == 501
    assert "And 3 more, in the JSON file." in reader.paragraphs
    few = page_of(compared(prefect=replace(PREFECT, checks=())))
    assert not any("And " in words for words in few.paragraphs)


def facts_of(page: str) -> dict[str, str]:
    pairs = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page)
    return dict(pairs)


def test_the_facts_are_those_of_the_verdict() -> None:
    bare = replace(SECOND, fingerprint=NO_CONTENT)
    left, right = (replace(side, outputs=(FIRST, bare)) for side in (DAGSTER, PREFECT))
    found = compared(left, replace(right, checks=()), costs=costs())
    assert facts_of(comparison_page(found, None)) == {
        "Outputs identical": "1 of 1",
        "No content to compare": "1",
        "Steps compared": "2",
        "Check results": "1 and 0",
        "Differences": "1",
        "Run, Dagster": "3.0 s",
        "Run, Prefect": "13.0 s",
    }


def test_costs_are_charted_and_listed() -> None:
    reader = page_of(compared(costs=costs()))
    charts = [a["aria-label"] for tag, a in reader.elements if a.get("class") == "chart"]
    assert charts[-2:] == [
        "Bars: dagster, cold: 3.00 seconds; prefect, cold: 13.00 seconds;"
        " dagster, warm: 4.00 seconds; prefect, warm: 14.00 seconds.",
        "Bars: dagster, import: 1.00 seconds; dagster, start-up: 2.00 seconds;"
        " prefect, import: 11.00 seconds; prefect, start-up: 12.00 seconds.",
    ]
    floors = [a for tag, a in reader.elements if tag == "path" and a.get("class") == "floor"]
    assert len(floors) == 1
    sides = [a["class"] for tag, a in reader.elements if tag == "rect"][-8:]
    assert sides == [*("left", "right") * 2, "left", "left", "right", "right"]
    assert reader.headings[-5:-1] == ["What it cost", "The run", "Before the run", "Each step"]
    rows = reader.tables["Before the run"]
    assert rows[0] == ["Seconds", "Dagster", "Prefect"]

    def shown(value: float, digits: int = 2) -> str:
        least, most = value - 0.5, value + 1
        return f"{value:.{digits}f} {least:.{digits}f}\u2013{most:.{digits}f}"

    assert [row[1:] for row in rows[1:]] == [
        *([shown(number), shown(number + 10)] for number in (1, 2, 3, 4, 7, 8, 5)),
        ["6", "16"],
    ]
    step = ["a", *(shown(number, 3) for number in (2, 1, 4, 3))]
    assert reader.tables["Each step"][1] == step
    cold = page_of(compared(costs=costs(warm=False)))
    assert not any("warm" in (a.get("aria-label") or "") for _, a in cold.elements)


@pytest.mark.parametrize(("runs", "is_cut"), [(100, False), (101, True)])
def test_a_timeline_of_many_steps_shows_the_first_run(runs: int, is_cut: bool) -> None:
    many = tuple(
        replace(step, run=run, started_s=1.0 + run, ended_s=1.5 + run + (run == 0))
        for run in range(runs)
        for step in DAGSTER.steps
    )
    reader = page_of(compared(replace(DAGSTER, steps=many), replace(PREFECT, steps=many)))
    charts = [a["aria-label"] or "" for _, a in reader.elements if a.get("class") == "chart"]
    assert [chart.count(" from ") for chart in charts] == [2 if is_cut else 50] * 2
    assert all(" a from 0.00 to 1.50 seconds" in chart for chart in charts)
    assert any("Only the first run is shown." in p for p in reader.paragraphs) is is_cut


def test_both_timelines_share_one_scale() -> None:
    slow = replace(PREFECT, steps=(replace(PREFECT.steps[0], started_s=1.0, ended_s=5.0),))
    reader = page_of(compared(DAGSTER, slow))
    bars_ = [a for tag, a in reader.elements if tag == "rect" and "rest" in (a["class"] or "")]
    widths = [float(a["width"] or 0) for a in bars_]
    assert widths == [181.5, 726.0]


def statuses_of(page: str) -> dict[str, str]:
    """The level of each node in the drawing."""
    groups = (a for tag, a in Reader(page).elements if tag == "g" and "data-id" in a)
    return {str(a["data-id"]): str(a["class"]).split()[-1] for a in groups}


def test_an_asset_is_drawn_by_its_worst_output(tmp_path: Path) -> None:
    lineage = read_lineage(project(tmp_path).resolve_job_def(JOB))
    prefect = changed(record("prefect"), fingerprint=Fingerprint("table", "bb", (2, 3)))
    statuses = statuses_of(comparison_page(comparison(record("dagster"), prefect), lineage))
    assert statuses["asset:raw_log"] == "bad"
    assert statuses["asset:metrics"] == "good"
    assert statuses["asset:predictions"] == "none"
    assert statuses["asset:event_log"] == "external"


def test_the_failure_matrix_has_a_row_a_case() -> None:
    work = compared().work
    different = compared(prefect=replace(PREFECT, checks=()))
    outcomes = (
        Outcome(Case("an error", replace(work, fault=Fault("b"))), GOOD),
        Outcome(Case("an empty partition", work), different),
        Outcome(Case("a retry", reason="no policy"), None),
    )
    reader = page_of(compared(), outcomes=outcomes)
    table = [[" ".join(cell.split()) for cell in row] for row in reader.tables["Under failure"]]
    assert table[1:] == [
        ["an error", "b: error in all attempts", "✓ identical", "1", "1", "none"],
        ["an empty partition", "2016-03-08", "✗ different", "0", "0",
         str(different.verdict.findings[0])],
        ["a retry", "", "○ not run", "", "", "no policy"],
    ]  # fmt: skip
    assert len(table[0]) == 6
    page = comparison_page(compared(), None, outcomes)
    assert verdict_of(page) == ("bad", "✗ Different under 1 of 2 failures")


def test_settings_and_versions_are_listed() -> None:
    rows = page_of(compared()).tables["Settings and versions"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", rows[0][1])
    assert ["job", "the_job"] in rows
    assert ["python", "3.11"] in rows


def test_the_legend_lists_the_statuses_from_good_to_bad() -> None:
    names = ("a", "b", "c")
    left = [replace(SECOND, output=OutputId((name,))) for name in names]
    unknown = Fingerprint(UNKNOWN, "some.Type")
    other = Fingerprint("table", "other")
    right = (left[0], replace(left[1], fingerprint=unknown), replace(left[2], fingerprint=other))
    found = compared(replace(DAGSTER, outputs=tuple(left)), replace(PREFECT, outputs=right))
    legend = next(words for words in page_of(found).paragraphs if "·" in words)
    assert legend == "✓ identical · ! not comparable · ✗ different"


def test_the_time_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        shown = page_of(compared()).tables["Settings and versions"][0][1]
    time.tzset()
    made = datetime.strptime(shown, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - made) < timedelta(hours=1)


def test_the_page_says_how_each_side_was_run() -> None:
    plain = compared()
    for name, words in {
        "dagster": "in one process, one step at a time; events in SQLite, in a home of its own",
        "prefect": "one task at a time; a temporary server with SQLite",
        "candidate": "as the flow declares; a temporary server with SQLite",
        "base": "Dagster in one process, one step at a time",
        "head": "Dagster in one process, one step at a time",
    }.items():
        text = page_of(replace(plain, left=replace(DAGSTER, side=name))).text
        assert f"{name} was run {words}" in text
    other = replace(DAGSTER, side="a folder")
    assert "a folder was run" not in page_of(replace(plain, left=other)).text
    read = replace(DAGSTER, unknown=((str(Aspect.COSTS), "only read"),))
    assert "dagster was run" not in page_of(replace(plain, left=read)).text


def test_the_page_concludes_and_says_what_was_not_compared() -> None:
    left = replace(DAGSTER, unknown=(("files", "only read"),))
    found = compared(left)
    failures = (Outcome(Case("an error", found.work), found),)
    reader = page_of(found, outcomes=failures)
    assert " ".join(conclusion(found, failures)) in reader.paragraphs
    assert "files: only read" in reader.text
    assert "the_job" in reader.headings[0]


def test_each_timeline_has_the_colour_of_its_side() -> None:
    page = comparison_page(GOOD, None)
    for side, colour in (("dagster", "left"), ("prefect", "right")):
        (chart,) = re.findall(rf'<svg[^>]*aria-label="Timeline of {side}: .*?</svg>', page, re.S)
        colours = re.findall(r'<rect class="(\w+)', chart)
        assert colours
        assert set(colours) == {colour}
