"""A small live log, and its definitions on an instance, for tests that add files to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from tests.logs import csv_bytes
from tests.projects import run_dagster
from tests.ticket_settings import SETTINGS
from ticket_assets.definitions import build_definitions
from ticket_assets.settings import Settings


def rows_of(day: int, count: int = 1, first: int = 1) -> list[dict[str, str]]:
    """Rows of incidents closed on this day of March 2016, each with its own number."""
    return [
        {"number": f"INC{first + n:07}", "closed_at": f"{day}/3/2016 12:00"} for n in range(count)
    ]


@dataclass
class Live:
    """A folder to which files are added, below which the store and the cache are."""

    folder: Path
    instance: dg.DagsterInstance
    first_day: date = date(2016, 3, 1)
    cursor: Any = None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @cached_property
    def settings(self) -> Settings:
        self.log.mkdir(exist_ok=True)
        return replace(
            SETTINGS,
            event_log=str(self.log),
            store=self.folder / "store",
            cache=self.folder / "cache",
            first_day=self.first_day,
            last_day=None,
        )

    @cached_property
    def defs(self) -> dg.Definitions:
        return build_definitions(self.settings)

    def add(self, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
        path = self.log / name
        self.log.mkdir(exist_ok=True)
        path.write_bytes(csv_bytes(rows))
        return path

    def observe(self) -> dg.ExecuteInProcessResult:
        job = self.defs.resolve_job_def("event_log_observation")
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def tick(self) -> dict[str, list[str]]:
        """The days that the automation conditions request now, by daily asset."""
        evaluated = dg.evaluate_automation_conditions(
            defs=self.defs,
            instance=self.instance,
            asset_selection=dg.AssetSelection.groups("ticket_evaluation"),
            cursor=self.cursor,
        )
        self.cursor = evaluated.cursor
        requested = {
            key.to_user_string(): sorted(evaluated.get_requested_partitions(key))
            for key in self.defs.resolve_asset_graph().get_all_asset_keys()
        }
        return {asset: [str(day) for day in days] for asset, days in requested.items() if days}

    def run(self, days: str) -> dg.ExecuteInProcessResult:
        return run_dagster(self.defs, days, self.instance)

    def late_rows(self, day: str) -> Any:
        """The number in the metadata of the day's latest `raw_log`."""
        of_day = dg.AssetRecordsFilter(dg.AssetKey("raw_log"), asset_partitions=[day])
        (record,) = self.instance.fetch_materializations(of_day, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization.metadata["late_rows"].value

    def messages(self, run_id: str) -> str:
        return "\n".join(entry.user_message for entry in self.instance.all_logs(run_id))
