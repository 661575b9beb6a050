"""The simulator: the sample log, appended to a folder a day at a time."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ticket_assets.event_log import LiveLog, open_log
from ticket_assets.event_log.simulate import main

TODAY = date(2026, 3, 9)


def simulate(folder: Path, *options: str) -> int:
    return main(["--into", str(folder), *options])


def opened(folder: Path, cache: Path) -> LiveLog:
    log = open_log(str(folder), cache=cache, today=TODAY)
    assert isinstance(log, LiveLog)
    return log


def test_without_late_rows_the_days_are_those_of_the_sample(
    tmp_path: Path, sample_cache: Path
) -> None:
    assert simulate(tmp_path / "log", "--days", "3", "--late", "0") == 0
    live = opened(tmp_path / "log", tmp_path / "cache")
    days = date(2016, 3, 1), date(2016, 3, 3)
    columns = ["number", "sys_updated_at", "closed_at", "priority"]
    found = live.read(*days, columns).drop_columns(["log_row"])
    expected = open_log("sample", cache=sample_cache).read(*days, columns)
    assert found.equals(expected.drop_columns(["log_row"]))


def test_the_same_seed_makes_the_same_files_and_another_makes_others(tmp_path: Path) -> None:
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert simulate(tmp_path / folder, "--days", "3", "--late", "0.1", "--seed", seed) == 0
    a, b, c = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in "abc"
    )
    assert sorted(a) == ["2016-03-01.csv", "2016-03-02.csv", "2016-03-03.csv"]
    assert a == b
    assert a != c


def test_late_rows_come_in_a_later_file_and_none_comes_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate(tmp_path / "whole", "--days", "1", "--late", "0")
    simulate(tmp_path / "log", "--days", "4", "--late", "0.2")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("rows, 0 of them late")
    assert all(line.startswith("2016-03-0") for line in lines)
    log = opened(tmp_path / "log", tmp_path / "cache")
    whole = opened(tmp_path / "whole", tmp_path / "cache").rows_by_day["2016-03-01"]
    (first, *later) = log.files
    on_time = first.rows_by_day["2016-03-01"]
    late = [file.rows_by_day.get("2016-03-01", 0) for file in later]
    assert on_time + sum(late) == whole
    assert all(late)
    assert 0.15 * whole < sum(late) < 0.25 * whole


def test_a_log_may_end_today_though_the_sample_does_not(tmp_path: Path) -> None:
    assert simulate(tmp_path / "log", "--days", "3", "--start", "2026-03-05") == 0
    log = opened(tmp_path / "log", tmp_path / "cache")
    assert (log.first_day, log.last_day) == (date(2026, 3, 5), date(2026, 3, 7))
    table = log.read(log.first_day, log.last_day, ["opened_at", "closed_at"]).to_pandas()
    assert (table["opened_at"] <= table["closed_at"]).all()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--days", "0", "--days is '0'; expected 1 to 356, the sample's days"),
        ("--days", "many", "--days is 'many'; expected 1 to 356"),
        ("--start", "1/3/2016", "--start is '1/3/2016'; expected a day such as 2016-03-01"),
        ("--every", "-1", "--every is '-1'; expected seconds from 0 to 86400"),
        ("--every", "nan", "--every is 'nan'; expected seconds"),
        ("--late", "2%", "--late is '2%'; expected a share from 0 to 1"),
        ("--late", "1.5", "--late is '1.5'; expected a share from 0 to 1"),
        ("--seed", "-3", "--seed is '-3'; expected a whole number from 0"),
    ],
)
def test_a_wrong_argument_is_one_error_that_names_it(
    option: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path / "log", f"{option}={value}") == 2
    assert capsys.readouterr().err.startswith(f"Error: {message}")
    assert not (tmp_path / "log").exists()


def test_it_replaces_no_file_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path, "--days", "1") == 0
    assert simulate(tmp_path, "--days", "2") == 2
    assert "2016-03-01.csv is already there; expected a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["2016-03-01.csv"]
    (tmp_path / "file").touch()
    assert simulate(tmp_path / "file", "--days", "1") == 2
    assert "file: cannot be made: File exists" in capsys.readouterr().err


def test_as_a_command_it_waits_from_one_day_to_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ticket_assets.event_log.simulate", "--into", str(tmp_path)]
    with subprocess.Popen([*command, "--every", "600"], stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout
        assert made.stdout.readline().startswith("2016-03-01  ")
        assert [path.name for path in tmp_path.iterdir()] == ["2016-03-01.csv"]
        made.kill()
