"""The benchmarks compare the same work, and judge what they measured."""

import json
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.goals import draw, outcomes, record, table
from benchmarks.guard import COMMITTED, Contest, alarms, contests, ratio
from benchmarks.year_floor import run
from tests.projects import project, run_dagster
from ticket_assets.settings import Settings


def test_the_floor_of_the_year_leaves_the_bytes_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Dagster and Prefect, and without the store's locks and flushes."""
    settings = Settings.from_environment()
    run(tmp_path / "plain", date(2016, 3, 7), date(2016, 3, 8), settings)
    defs = project(tmp_path / "store", settings.event_log, settings.cache)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_dagster(defs, "2016-03-07...2016-03-08", instance).success
    plain, stored = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".locks" not in path.parts
        }
        for folder in (tmp_path / "plain", tmp_path / "store")
    )
    assert plain == stored
    assert len(plain) == 9 * 2


def test_goals_are_met_by_ratios() -> None:
    seconds = {"the_year": {"plain Python": [2.0, 2.2, 9.0], "Dagster, kept connections": [5.5]}}
    found = {entry.name: entry for entry in outcomes(seconds)}
    year = found["the year, Dagster in SQLite"]
    assert (year.ratio, year.is_met) == (2.5, True)
    assert found["the year, Prefect"].is_met is None
    assert (
        "| the year, Dagster in SQLite | 5.50 s | plain Python | 2.20 s | 2.50 | 2.5 | yes |"
        in (table(outcomes(seconds)))
    )
    assert "not measured" in table(outcomes(seconds))


def test_the_history_keeps_each_release(tmp_path: Path) -> None:
    for release, ours in (("0.1", 4.4), ("0.2", 8.8)):
        seconds = {"the_year": {"plain Python": [2.2], "Dagster, kept connections": [ours]}}
        record(release, outcomes(seconds), tmp_path / "history.json")
    history = json.loads((tmp_path / "history.json").read_text())
    assert history == {
        "0.1": {"the year, Dagster in SQLite": 2.0},
        "0.2": {"the year, Dagster in SQLite": 4.0},
    }
    circles = ET.fromstring(draw(history)).findall("{http://www.w3.org/2000/svg}circle")
    assert [circle.attrib["fill"] for circle in circles] == ["#1a7f37", "#b35900"]


def test_the_guard_sees_a_ratio_that_is_half_as_large_again() -> None:
    slow = Contest("a contest", lambda: sum(range(400_000)), lambda: sum(range(200_000)))
    found = {slow.name: ratio(slow, rounds=5)}
    assert alarms(found, {slow.name: found[slow.name]}) == []
    assert len(alarms(found, {slow.name: found[slow.name] / 1.6})) == 1


def test_every_contest_of_the_guard_has_a_committed_ratio() -> None:
    with contests() as found:
        assert {contest.name for contest in found} == set(json.loads(COMMITTED.read_text()))
