"""The code location depends on the settings that it is given, and imports do nothing else."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from tests.projects import JOB
from tests.ticket_settings import SETTINGS
from ticket_assets.assets import DAILY_ASSETS
from ticket_assets.definitions import build_definitions

RANGES = [
    ("2016-03-01", "2016-03-03"),
    ("2016-12-30", "2017-01-02"),
]


def days_between(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    return [date.fromordinal(number).isoformat() for number in range(start, end + 1)]


@pytest.mark.usefixtures("instance")  # Dagster looks at the process's last one, dead or alive
def test_two_ranges_of_days_in_one_process(tmp_path: Path) -> None:
    """In assets, checks, jobs and schedule alike, though both are built before either is used."""
    both = [
        build_definitions(
            replace(
                SETTINGS,
                first_day=date.fromisoformat(first),
                last_day=date.fromisoformat(last),
                store=tmp_path,
            )
        )
        for first, last in RANGES
    ]
    for defs, (first, last) in zip(both, RANGES, strict=True):
        days = days_between(first, last)
        graph = defs.resolve_asset_graph()
        of_assets = {
            key.to_user_string(): node.partitions_def.get_partition_keys()
            for key in graph.get_all_asset_keys()
            if (node := graph.get(key)).partitions_def
        }
        assert of_assets == dict.fromkeys([asset.name for asset in DAILY_ASSETS], days)
        of_checks = {
            spec.name: spec.partitions_def.get_partition_keys()
            for check in defs.asset_checks or ()
            for spec in check.check_specs
            if spec.partitions_def
        }
        assert len(of_checks) == 6
        assert all(keys == days for keys in of_checks.values())
        of_job = defs.resolve_job_def(JOB).partitions_def
        assert of_job is not None
        assert of_job.get_partition_keys() == days
        assert ticked(defs) == days


def ticked(defs: dg.Definitions) -> list[str]:
    """The days that a tick of the schedule requests."""
    (schedule,) = defs.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    with (
        dg.instance_for_test() as instance,
        # Left open, it would leave Dagster a storage whose instance is gone.
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 9, 6, tzinfo=UTC),
            repository_def=defs.get_repository_def(),
        ) as context,
    ):
        requests = schedule.evaluate_tick(context).run_requests or ()
    return [str(request.partition_key) for request in requests]


IMPORTED = """
import gc, importlib, os, pkgutil, sys, warnings
import dagster, dagster_dask.executor
before = (dagster_dask.executor.dask, gc.get_freeze_count(), list(warnings.filters))
import ticket_assets
names = [m.name for m in pkgutil.walk_packages(ticket_assets.__path__, "ticket_assets.")]
names.remove("ticket_assets.definitions")
for name in names:
    importlib.import_module(name)
assert "ticket_assets.definitions" not in sys.modules
assert dagster_dask.executor.dask is before[0], "upstream's executor is replaced"
assert gc.get_freeze_count() == before[1], "objects are frozen"
ours = [f for f in warnings.filters if f not in before[2]]
# botocore and the like have filters of their own
assert not [f for f in ours if f[1] and "backfill_policy" in f[1].pattern], ours
print(len(names))
del os.environ["TICKET_STORE"]  # so that the error is that of the day
importlib.import_module("ticket_assets.definitions")
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_module_but_the_definitions_does_anything_or_reads_settings_when_it_is_imported(
    root: Path,
) -> None:
    done = python(IMPORTED, TICKET_FIRST_DAY="nonsense", TICKET_STORE="ftp://nonsense")
    assert "SettingError: TICKET_FIRST_DAY is 'nonsense'" in done.stderr  # of the last import
    files = [path for path in (root / "ticket_assets").rglob("*.py") if path.stem != "__init__"]
    packages = len(list((root / "ticket_assets").glob("*/__init__.py")))
    assert int(done.stdout) == len(files) - 1 + packages


def test_importing_the_definitions_warns_of_nothing() -> None:
    code = "from ticket_assets.definitions import defs; defs.get_repository_def()"
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_alone_read_the_environment_and_the_definitions_alone_ask_for_it(
    root: Path,
) -> None:
    files = {path.stem: path.read_text() for path in (root / "ticket_assets").rglob("*.py")}
    # Dagster passes DAGSTER_HOME to a storage in no other way, and its own switch for batches.
    assert {name for name, text in files.items() if "os.environ" in text} == {
        "settings",
        "batched_events",
        "event_log_storage",
    }
    assert [name for name, text in files.items() if ".from_environment()" in text] == [
        "definitions"
    ]
