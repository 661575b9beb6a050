import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.logs import write_log
from ticket_assets.errors import DataError, StoreError
from ticket_assets.event_log import cache, open_log

THREE_DAYS = [
    {"closed_at": "5/3/2016 12:00", "number": "a"},
    {"closed_at": "3/3/2016 00:00", "number": "b"},
    {"closed_at": "5/3/2016 23:59", "number": "c"},
    {"closed_at": "?", "number": "d"},
    {"closed_at": "4/3/2016 08:00", "number": "e"},
]


@pytest.fixture
def source(tmp_path: Path) -> str:
    return str(write_log(tmp_path / "log.csv", THREE_DAYS))


def numbers(log: object, first: int, last: int) -> list[str]:
    table = log.read(date(2016, 3, first), date(2016, 3, last))  # type: ignore[attr-defined]
    numbers: list[str] = table["number"].to_pylist()
    return numbers


def test_a_range_is_read_in_the_order_of_days_then_of_the_log(source: str, tmp_path: Path) -> None:
    log = open_log(source, cache=tmp_path)
    assert numbers(log, 1, 31) == ["b", "e", "a", "c"]
    assert numbers(log, 5, 5) == ["a", "c"]
    assert numbers(log, 6, 9) == []
    assert (log.first_day, log.last_day) == (date(2016, 3, 3), date(2016, 3, 5))
    assert log.rows_without_day == 1


def test_columns_can_be_narrowed(source: str, tmp_path: Path) -> None:
    table = open_log(source, cache=tmp_path).read(date(2016, 3, 3), date(2016, 3, 5), ["priority"])
    assert table.column_names == ["day", "log_row", "priority"]
    assert table["log_row"].to_pylist() == [2, 5, 1, 3]


def test_the_second_opening_does_not_parse_again(source: str, tmp_path: Path) -> None:
    lines: list[str] = []
    first = open_log(source, cache=tmp_path / "cache", log=lines.append)
    assert open_log(source, cache=tmp_path / "cache", log=lines.append) == first
    assert len([line for line in lines if line.startswith("parsed")]) == 1


def test_a_replaced_file_is_parsed_again(source: str, tmp_path: Path) -> None:
    before = open_log(source, cache=tmp_path / "cache")
    write_log(Path(source), THREE_DAYS[:2])
    assert open_log(source, cache=tmp_path / "cache").identity.rows == 2
    assert before.path.exists()


@pytest.mark.parametrize("pattern", ["*/part-*.parquet", "*/log.json", "files/*.json"])
def test_a_damaged_cache_is_built_again(source: str, tmp_path: Path, pattern: str) -> None:
    log = open_log(source, cache=tmp_path / "cache")
    (damaged,) = (tmp_path / "cache" / "event_log").glob(pattern)
    damaged.write_bytes(damaged.read_bytes()[:10])
    assert open_log(source, cache=tmp_path / "cache") == log
    assert numbers(log, 3, 5) == ["b", "e", "a", "c"]


def test_a_log_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_log(tmp_path / "log.csv", [{"active": "maybe"}])
    with pytest.raises(DataError):
        open_log(str(source), cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_cache_that_cannot_be_written_is_named(source: str, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="TICKET_CACHE"):
        open_log(source, cache=tmp_path / "cache")


def test_processes_that_open_one_log_at_once_all_succeed_and_one_parses(tmp_path: Path) -> None:
    source = str(write_log(tmp_path / "log.csv", THREE_DAYS * 5000))
    code = (
        "import sys; from pathlib import Path; from ticket_assets.event_log import open_log;"
        "log = open_log(sys.argv[1], cache=Path(sys.argv[2]), log=lambda line: print(line[:6]));"
        "print(log.identity.rows)"
    )
    command = [sys.executable, "-c", code, source, str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate()[0].split() for process in running]
    assert [words[-1] for words in outputs] == ["25000"] * 3
    assert [word for words in outputs for word in words if word == "parsed"] == ["parsed"]
    assert len(list((tmp_path / "cache" / "event_log").glob("**/*.parquet"))) == 1


def test_the_second_that_opens_a_log_says_that_it_waits_and_parses_nothing(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsing, second = threading.Event(), threading.Event()
    parsed: list[str] = []
    parse_log = cache.parse_log

    def parse(*arguments: Any) -> Path:
        parsed.append("parsed")
        if parsing.is_set():
            second.set()  # it has not waited
        parsing.set()
        second.wait()
        return parse_log(*arguments)

    def log(line: str) -> None:
        lines.append(line)
        second.set()

    lines: list[str] = []
    monkeypatch.setattr(cache, "parse_log", parse)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(open_log, source, cache=tmp_path / "cache")
        parsing.wait()
        assert open_log(source, cache=tmp_path / "cache", log=log) == first.result()
    assert lines == [f"waiting for another process that parses {source}"]
    assert parsed == ["parsed"]


def _left_in(folder: Path) -> list[str]:
    """Every file and folder, hidden or not."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _open_and_die_in(name: str, source: str, folder: Path) -> None:
    def die(*args: object, **named: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    module, _, function = name.rpartition(".")
    setattr(importlib.import_module(f"ticket_assets.event_log.{module}"), function, die)
    open_log(source, cache=folder)


@pytest.mark.parametrize(
    "function",
    ["ingest.write_part", "ingest.write_json", "ingest._published", "cache.write_json"],
)
def test_opening_any_log_removes_what_a_killed_process_left(
    source: str, tmp_path: Path, function: str
) -> None:
    other = str(write_log(tmp_path / "other.csv", THREE_DAYS[:2]))
    folder = tmp_path / "cache"
    open_log(other, cache=folder)
    before = _left_in(folder)
    process = multiprocessing.get_context("spawn").Process(
        target=_open_and_die_in, args=(function, source, folder)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert _left_in(folder) != before
    open_log(other, cache=folder)
    if function != "cache.write_json":  # there the parsed log is whole already
        assert _left_in(folder) == before
    open_log(source, cache=folder)
    whole = tmp_path / "whole"
    for wanted in (other, source):
        open_log(wanted, cache=whole)
    assert _left_in(folder) == _left_in(whole)


def test_opening_removes_what_a_killed_generation_of_the_sample_left(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_open_and_die_in, args=("synthetic._rows", "sample", tmp_path / "cache")
    )
    process.start()
    process.join()
    assert any(path.startswith("event_log/.staging/") for path in _left_in(tmp_path / "cache"))
    open_log(str(write_log(tmp_path / "log.csv")), cache=tmp_path / "cache")
    assert not any("staging" in path or "sample" in path for path in _left_in(tmp_path / "cache"))
