"""`prefect-compat compare` from a shell: two processes, two homes, two stores, one verdict."""

import json
import re
from pathlib import Path

import pytest

from tests.prefect_compat.comparison.totals import (
    ONE_DAY,
    compare,
    compare_from_shell,
    compare_here,
    write_project,
)

shared_server = pytest.mark.usefixtures("handed_over")


def test_the_same_on_both_sides(tmp_path: Path) -> None:
    write_project(tmp_path)
    found = compare_from_shell(tmp_path, *ONE_DAY, "--keep", "kept")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == (
        "Identical under both: the stores have the same content for 2 of 2 asset-days."
    )
    for side in ("dagster", "prefect"):
        kept = tmp_path / "kept" / side / "store"
        assert (kept / "total" / "2016-05-10").read_text() == "sum\n6\n"
        record = json.loads((tmp_path / "kept" / f"{side}.json").read_text())
        steps = [(step["step"], step["state"], step["upstream"]) for step in record["steps"]]
        numbers, total = ({"name": name, "mapping_key": None} for name in ("numbers", "total"))
        assert steps == [(numbers, "succeeded", []), (total, "succeeded", [numbers])]
    assert not (tmp_path / "home").exists()


@pytest.mark.nightly
@shared_server
def test_mapped_steps_are_compared_by_what_they_depend_on(tmp_path: Path) -> None:
    found = compare(tmp_path, "--store-env", "MY_STORE", "-j", "mapping", "--keep", "kept")
    assert found.exit_code == 0, found.stdout + found.stderr
    for side in ("dagster", "prefect"):
        record = json.loads((tmp_path / "kept" / f"{side}.json").read_text())
        upstream = {
            (step["step"]["name"], step["step"]["mapping_key"]): step["upstream"]
            for step in record["steps"]
        }
        assert len(upstream) == 1 + 3 + 3 + 1
        assert all(upstream[place] for place in upstream if place != ("mapped.parts", None))


@shared_server
def test_an_asset_that_is_not_deterministic_is_found_and_its_cells_are_shown(
    tmp_path: Path,
) -> None:
    found = compare(tmp_path, *ONE_DAY, first="os.getpid()")
    assert found.exit_code == 1, found.stderr
    assert re.search(
        r"different content: numbers\[2016-05-10\](, n)?: dagster has table 3 x 1 \w{12},"
        r" prefect has",
        found.stdout,
    )
    assert (
        "  numbers[2016-05-10]: 3 rows each; 1 row changed, 33.3% touched in all; differing cells:"
        " 1 in n (by "
    ) in found.stdout
    assert "    2, n: dagster " in found.stdout
    assert found.stdout.splitlines()[-1] == (
        "Different in 2 places: the stores have the same content for 0 of 2 asset-days."
    )


@pytest.mark.nightly
@shared_server
def test_what_is_declared_makes_contents_equal_and_is_said(tmp_path: Path) -> None:
    found = compare(tmp_path, *ONE_DAY, "--tolerance", "*:*=1e9", first="os.getpid()")
    assert found.exit_code == 0, found.stdout + found.stderr
    assert "equal as declared" in found.stdout.splitlines()[1]
    assert found.stdout.splitlines()[-1] == (
        "Equal as declared (all assets: within 1e+09 in all numbers): the stores have the same"
        " content for 0 of 2 asset-days, 2 are equal as declared."
    )


@pytest.mark.nightly
@shared_server
def test_rows_are_matched_by_the_key_that_is_declared(tmp_path: Path) -> None:
    found = compare(tmp_path, *ONE_DAY, "--key", "numbers=n", first="os.getpid()")
    assert found.exit_code == 1, found.stderr
    assert "1 row only in dagster (n=" in found.stdout
    found = compare(tmp_path, *ONE_DAY, "--key", "numbers=no", first="os.getpid()")
    assert found.exit_code == 2
    assert "numbers[2016-05-10]: The key 'no' is no column of the left side" in found.stderr


@shared_server
def test_runs_that_fail_in_the_same_way_are_not_compared_to_the_end(tmp_path: Path) -> None:
    options = (*ONE_DAY, "--junit", "j.xml")
    found = compare(tmp_path, *options, second="raise ValueError('no totals today')")
    assert found.exit_code == 2, found.stdout + found.stderr
    assert '<error message="total: ValueError: no totals today' in (tmp_path / "j.xml").read_text()
    assert found.stdout.splitlines()[-1] == (
        "Both runs failed in the same way: total: ValueError: no totals today."
        " Not compared to the end; until then, the stores have the same content for 1 of 1"
        " asset-days."
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ONE_DAY[2:], "Nothing says where io_manager stores"),
        (ONE_DAY[:2], "totals is partitioned: pass --partition"),
        ((*ONE_DAY[:3], "2017-05-10"), "'2017-05-10' does not exist"),
        ((*ONE_DAY, "-j", "other"), "no job 'other'"),
        ((*ONE_DAY, "-c", "missing.yaml"), r"missing\.yaml cannot be read as run config"),
        ((*ONE_DAY, "-f", "missing.py"), r"missing\.py"),
        (ONE_DAY, r"(?s)project\.py\", line 26, .*division by zero"),
    ],
)
def test_what_cannot_be_run_is_said_and_is_exit_code_2(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    first = "3" if not words.endswith("division by zero") else "3]})\n\n1 / 0\nprint({'n': [1"
    write_project(tmp_path, first)
    found = compare_here(tmp_path, *options)
    assert found.exit_code == 2, found.output
    assert re.search(words, found.stderr), found.stderr
    assert found.stdout == ""


ON_PREFECT_S_SIDE = "'derived_flow' in __import__('sys').argv[0]"
# Ends the literal in which FIRST stands, so that a statement of the module can follow.
MODULE_LEVEL = "3]}})\n\n{}\nprint({{'n': [1"


@shared_server
@pytest.mark.parametrize(
    ("first", "words"),
    [
        (MODULE_LEVEL.format(f"1 / (not {ON_PREFECT_S_SIDE})"), "division by zero"),
        pytest.param(
            MODULE_LEVEL.format(
                f"if {ON_PREFECT_S_SIDE}:\n"
                "    from prefect_compat.errors import PartitionError\n"
                "    raise PartitionError('2016-05-10 is not there')"
            ),
            "2016-05-10 is not there",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_where_one_side_cannot_be_run_the_page_says_so(
    tmp_path: Path, first: str, words: str
) -> None:
    found = compare(tmp_path, *ONE_DAY, "--html", "page.html", "--json", "all.json", first=first)
    assert found.exit_code == 2, found.stdout + found.stderr
    assert words in found.stderr
    assert "Parity" not in found.stdout
    page = (tmp_path / "page.html").read_text()
    assert "Not compared: a side could not be run" in page
    assert "Prefect could not be run" in page
    assert words in page
    assert json.loads((tmp_path / "all.json").read_text())["holds"] is False


@pytest.mark.nightly
def test_a_server_that_goes_away_is_said(tmp_path: Path) -> None:
    server = "__import__('os').environ['PREFECT_COMPAT_COMPARISON_SERVER'].split()[0]"
    kills = f"__import__('psutil').Process(int({server})).kill()"
    found = compare(
        tmp_path,
        *ONE_DAY,
        second=f"{ON_PREFECT_S_SIDE} and {kills}",
        PREFECT_CLIENT_MAX_RETRIES="0",
    )
    assert found.exit_code == 2, found.stdout + found.stderr
    assert "prefect: could not be run" in found.stderr
    assert re.search("Connection (refused|reset)|disconnected", found.stderr)  # as it happens


@pytest.mark.nightly
@shared_server
def test_a_store_that_cannot_be_read_is_not_parity(tmp_path: Path) -> None:
    spoils = (
        "import atexit, os, pathlib; "
        "numbers.to_csv = lambda *a, **k: None; "
        "[p.write_bytes(b'\\xff\\xfe') for p in pathlib.Path(os.environ['MY_STORE']).rglob('2016*')"
        f" if {ON_PREFECT_S_SIDE}]"
    )
    found = compare(tmp_path, *ONE_DAY, second=spoils)
    assert found.exit_code == 1, found.stdout + found.stderr
    assert "not comparable: numbers[2016-05-10]" in found.stdout
    assert "cannot be read back" in found.stdout


@pytest.mark.nightly
@shared_server
def test_a_failure_asked_for_is_the_same_on_both_sides(tmp_path: Path) -> None:
    found = compare(tmp_path, *ONE_DAY, "--fail", "total")
    assert found.exit_code == 0, found.stdout + found.stderr
    assert "1 of 1 asset-days after total: error in all attempts." in found.stdout


def test_what_was_asked_for_is_checked(tmp_path: Path) -> None:
    write_project(tmp_path)
    found = compare_here(tmp_path, *ONE_DAY, "--fail", "total:0")
    assert found.exit_code == 2
    assert "after the colon stands how many attempts fail" in found.stderr
    assert compare_here(tmp_path, *ONE_DAY, "--fail", "totals").exit_code == 2
