"""The table of the matrix says what ran, what did not, and why."""

import json
from pathlib import Path

import pytest

from tests.matrix.cells import CELLS, Cell
from tests.matrix.results import Result, as_json, count, failures, read_results, table, write_table

PASSED = Result("1.12.0/3.6.*", "all", "2026-11-24", "1.12.0", "3.6.29", "2.3.3", 7, 0)
FAILED = Result(
    *("1.13.*/3.8.*", "all", "2026-11-24", "1.13.29", "3.8.8", "3.1.0", 5, 2), (("no Dask", 3),)
)
NOT_RUN = Result("1.13.*/3.9.*", "all", "2026-11-24", "1.13.*", "3.9.*", "3.*", fault="no certifi")


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_a_report_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase/>"
        "<testcase classname='tests.a' name='test_x'><failure/></testcase>"
        "<testcase classname='tests.b' name='test_y'><error/></testcase>"
        "<testcase><skipped message='Skipped: no Dask'/></testcase>"
        "<testcase><skipped message='no Dask'/></testcase></testsuite></testsuites>"
    )
    assert count(report) == (1, 2, (("no Dask", 2),))
    assert failures(report) == ["tests.a.test_x", "tests.b.test_y"]


def test_each_cell_has_a_row_and_each_row_the_columns_of_the_head() -> None:
    head, _, *cells = rows(table([PASSED, FAILED, NOT_RUN]))
    assert head == [
        *("Dagster", "Prefect", "pandas", "tests", "passed", "failed", "skipped", "day")
    ]
    assert cells == [
        ["1.12.0", "3.6.29", "2.3.3", "all", "7", "0", "0", "2026-11-24"],
        ["1.13.29", "3.8.8", "3.1.0", "all", "5", "2", "3", "2026-11-24"],
        ["1.13.*", "3.9.*", "3.*", "not run (1)", "", "", "", "2026-11-24"],
    ]


def test_faults_and_reasons_stand_below() -> None:
    text = table([PASSED, FAILED, NOT_RUN])
    assert "\n(1) no certifi\n" in text
    assert "\n- no Dask: 3\n" in text


@pytest.mark.parametrize(("result", "has_failed"), [(PASSED, 0), (FAILED, 1), (NOT_RUN, 0)])
def test_a_cell_that_cannot_be_installed_has_not_failed(result: Result, has_failed: int) -> None:
    assert result.has_failed == bool(has_failed)


def test_a_cell_in_which_nothing_passed_has_failed() -> None:
    assert Result("c", "all", "d", "1", "2", "3").has_failed


def test_results_are_kept(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(as_json([FAILED, NOT_RUN])))
    assert read_results(tmp_path / "r.json") == {
        "1.13.*/3.8.*": FAILED,
        "1.13.*/3.9.*": NOT_RUN,
    }
    assert read_results(tmp_path / "none.json") == {}


def test_a_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- matrix: begin -->\nold\n<!-- matrix: end -->\nbelow\n")
    write_table(page, "new")
    text = page.read_text()
    assert text.startswith("above\n<!-- matrix: begin -->")
    assert text.endswith("<!-- matrix: end -->\nbelow\n")
    assert "new" in text
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="Add them"):
        write_table(page, "new")


def test_each_cell_asks_for_its_versions_and_for_nothing_of_the_tickets() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS) == 12
    asked = Cell("1.12.0", "3.6.*", "2.*").requirements
    assert {"dagster==1.12.0", "prefect==3.6.*", "pandas==2.*", "fastapi<0.137"} <= set(asked)
    assert not [line for line in asked if "matplotlib" in line or "ticket" in line]
