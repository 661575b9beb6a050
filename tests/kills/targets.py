"""The targets of the kills: each is a run that can start again and again."""

import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections import Counter
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from prefect_compat import as_flow
from tests.kills.forks import _fork
from tests.projects import JOB, project, run_dagster
from tests.ticket_assets.event_log.conftest import FileServer, Handler, whole
from ticket_assets.days import daily_partitions, to_days
from ticket_assets.event_log import archive, ingest, open_log, sources
from ticket_assets.event_log.synthetic import Shape, write_sample
from ticket_assets.store.day_locks import DayLocks
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.locks import lock_file, unlock
from ticket_assets.store.provenance import with_provenance

SMALL = Shape(incidents=2500)
DAYS = "2016-03-05...2016-03-08"
MANY = daily_partitions(*(pd.Timestamp(day).date() for day in ("2016-05-01", "2016-06-30")))
KEYS = [f"2016-05-{day:02}" for day in range(1, 32)]
Snapshot = dict[str, str]


class Target(Protocol):
    """A run that starts from `old` or from nothing, and whose whole result is `new`."""

    name: str

    def run(self, folder: Path, version: str) -> None:
        """Makes the version, `old` or `new`, in the folder."""

    def demand_free(self, folder: Path) -> None:
        """Raises where a lock of a process that was killed still holds."""

    def learn(self) -> None:
        """Keeps what a whole run, just made, is like."""

    def forget(self) -> None:
        """Leaves what is there now out of the next `faults`."""

    def faults(self) -> list[str]:
        """Other faults after a kill."""


def snapshot(folder: Path) -> Snapshot:
    """The sha256 of each file, hidden ones too, but for the locks of days; folders of stages."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if ".locks" in path.parts:
            continue
        if path.is_file():
            content = path.read_bytes()
            if path.parent.name == "downloads" and path.suffix == ".json":
                content = _without_time(content)
            found[name] = hashlib.sha256(content).hexdigest()
        elif path.name == ".staging":
            found[name] = "a folder"
    return found


def _without_time(content: bytes) -> bytes:
    try:
        facts = json.loads(content)
    except ValueError:
        return content
    return json.dumps({k: v for k, v in facts.items() if k != "fetched_at"}).encode()


def make_small() -> None:
    """As if the logs were far too large for memory: many blocks, many parts."""
    archive.CHUNK = 1 << 16
    ingest.BLOCK_BYTES = 1 << 19
    ingest.ROWS_PER_PART = 1000
    sources.write_sample = lambda path: write_sample(path, SMALL)


class _Plain:
    def learn(self) -> None:
        """Files are all that there is."""

    def forget(self) -> None:
        """Nothing is kept."""

    def faults(self) -> list[str]:
        return []


@dataclass
class Ingest(_Plain):
    """A log is generated, unpacked or fetched, then parsed."""

    name: str
    source: str
    other: str

    def run(self, folder: Path, version: str) -> None:
        # Both are in the whole result, as in the cache of someone who goes over to another log.
        for source in (self.other, self.source)[: 1 if version == "old" else 2]:
            open_log(source, cache=folder)

    def demand_free(self, folder: Path) -> None:
        """Takes each lock; whoever waits for one would wait for ever."""
        for path in folder.rglob("*.lock"):
            unlock(lock_file(path))


def serve(content: bytes) -> tuple[str, int]:
    """The address of a file, and the process that answers there."""
    state = FileServer("", content, [whole])
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state}))
    pid = _fork(http.serve_forever)
    http.socket.close()
    return f"http://127.0.0.1:{http.server_address[1]}/log.csv", pid


def write_logs(folder: Path) -> None:
    """The logs of `ingests`; `log.csv` is the job's too."""
    write_sample(folder / "other.csv", Shape(incidents=500))
    write_sample(folder / "log.csv", Shape(incidents=2500, seed=1))
    with zipfile.ZipFile(folder / "log.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(folder / "log.csv", "log.csv")


def ingests(folder: Path, address: str) -> list[Ingest]:
    """One for each way in which a log is had."""
    other, packed = folder / "other.csv", folder / "log.zip"
    return [
        Ingest("ingest, sample", "sample", str(other)),
        Ingest("ingest, zip", str(packed), str(other)),
        Ingest("ingest, download", address, str(other)),
    ]


class _Stored(_Plain):
    def demand_free(self, folder: Path) -> None:
        keys = [path.stem for path in (folder / ".locks").glob("*.lock")]
        locks = DayLocks(folder / ".locks", wait_s=0)
        locks.acquire(keys)
        locks.release()


class Publish(_Stored):
    """The store alone: a month in one output."""

    name = "store, 31 days"

    def run(self, folder: Path, version: str) -> None:
        rows = 20 if version == "old" else 30
        table = pd.DataFrame({"day": pd.Series(to_days(KEYS * rows)).sort_values()})
        table["number"] = range(len(table))
        table = with_provenance(
            table.reset_index(drop=True), {key: {"of": version} for key in KEYS}
        )
        store = DailyStore(root=str(folder))
        store.setup_for_execution(None)  # type: ignore[arg-type]
        context = dg.build_output_context(
            asset_key="thing",
            asset_partitions_def=MANY,
            asset_partition_key_range=dg.PartitionKeyRange(KEYS[0], KEYS[-1]),
        )
        store.handle_output(context, table)
        store.teardown_after_execution(None)  # type: ignore[arg-type]


class UnderDagster(_Stored):
    """The whole job, its events in Dagster's storage as it is deployed."""

    name = "Dagster job, 4 days"

    def __init__(self, log: Path, cache: Path, home: Path) -> None:
        self._log, self._cache, self._home = log, cache, home
        self._known: set[str] = set()
        self._expected: dict[str, Counter[str]] = {}

    def run(self, folder: Path, version: str) -> None:
        os.environ["DAGSTER_HOME"] = str(self._home)
        with dg.DagsterInstance.get() as instance:
            result = run_dagster(
                project(folder, str(self._log), self._cache), DAYS, instance, _ops(version)
            )
        assert result.success, result.all_events

    def runs(self) -> set[str]:
        found = {path.stem for path in (self._home / "history" / "runs").glob("*.db")}
        return found - {"index"}

    def faults(self) -> list[str]:
        """A step that is reported done has all its events, in both databases."""
        new = self.runs() - self._known
        history = self._home / "history"
        databases = [history / "runs.db", history / "runs" / "index.db"]
        shards = {run: history / "runs" / f"{run}.db" for run in new}
        said = [
            f"{path.name}: {answer}"
            for path in [*databases, *shards.values()]
            if path.exists() and (answer := _integrity(path)) != "ok"
        ]
        for run, shard in shards.items():
            found = self.events(shard, run)
            known = self.events(databases[1], run) if found else {}
            for step, counts in found.items():
                made = known.get(step, Counter())["ASSET_MATERIALIZATION"]
                if made not in (0, self._expected[step]["ASSET_MATERIALIZATION"]):
                    said.append(f"{step}: half a batch, {made} materializations in the index")
                if not counts["STEP_SUCCESS"]:
                    continue
                wanted = self._expected[step]
                if counts != wanted:
                    said.append(f"{step}: {counts} in its run, expected {wanted}")
                for kind in ("ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"):
                    if known.get(step, Counter())[kind] != wanted[kind]:
                        said.append(f"{step}: {known.get(step)} in the index, expected {wanted}")
        return said

    def forget(self) -> None:
        self._known = self.runs()

    def learn(self) -> None:
        for run in self.runs():  # each was whole
            self._expected = self.events(self._home / "history" / "runs" / f"{run}.db", run)

    def events(self, database: Path, run: str) -> dict[str, Counter[str]]:
        """The number of events of each kind, by step."""
        kinds = ("STEP_SUCCESS", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION")
        found: dict[str, Counter[str]] = {}
        with sqlite3.connect(database) as connection:
            tables = connection.execute("select name from sqlite_master").fetchall()
            if ("event_logs",) not in tables:
                return {}  # killed before the first event
            for step, kind, count in connection.execute(
                "select step_key, dagster_event_type, count(*) from event_logs"
                " where run_id = ? group by 1, 2",
                (run,),
            ):
                if kind in kinds and step:
                    found.setdefault(step, Counter())[kind] = count
        return found


EVERY_PART = dg.StaticPartitionsDefinition([f"part-{number:03}" for number in range(300)])


def _job_of_events(file: Path, version: str) -> dg.JobDefinition:
    """300 materializations, 300 results of a check, and hardly anything else to do."""

    @dg.asset(partitions_def=EVERY_PART, backfill_policy=dg.BackfillPolicy.single_run())
    def parts() -> None: ...

    @dg.asset_check(asset=parts, partitions_def=EVERY_PART)
    def is_good(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        for key in EVERY_PART.get_partition_keys():
            evaluation: Any = dg.AssetCheckEvaluation(
                asset_key=parts.key, check_name="is_good", passed=True, metadata={}, partition=key
            )
            context.op_execution_context.log_event(evaluation)
        return dg.AssetCheckResult(passed=True)

    @dg.asset(deps=[parts])
    def marker() -> None:
        staged = file.with_suffix(".new")
        staged.write_text(version)
        staged.replace(file)

    return dg.Definitions(
        [parts, marker], asset_checks=[is_good], jobs=[dg.define_asset_job("events")]
    ).resolve_job_def("events")


class ManyEvents(UnderDagster):
    """A run that is made of events: a kill falls into a batch of them."""

    name = "300 partitions"

    def run(self, folder: Path, version: str) -> None:
        os.environ["DAGSTER_HOME"] = str(self._home)
        keys = EVERY_PART.get_partition_keys()
        tags = {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
        folder.mkdir(exist_ok=True)
        job = _job_of_events(folder / "version.json", version)
        with dg.DagsterInstance.get() as instance:
            assert job.execute_in_process(instance=instance, tags=tags).success

    def demand_free(self, folder: Path) -> None:
        """Nothing is locked; a file that was not renamed may lie there."""


def _integrity(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        return str(connection.execute("pragma integrity_check").fetchone()[0])


def _ops(version: str) -> dict[str, Any]:
    return {"sampled_batch": {"batch_size": 50, "seed": 1 if version == "old" else 2}}


class UnderPrefect(_Stored):
    """The same job as the derived flow."""

    name = "Prefect flow, 4 days"

    def __init__(self, log: Path, cache: Path, server: str) -> None:
        self._log, self._cache, self._server = log, cache, server

    def run(self, folder: Path, version: str) -> None:
        # Each flow run would wait a whole second for its heartbeat thread.
        own = {PREFECT_API_URL: self._server, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(own):
            flow = as_flow(project(folder, str(self._log), self._cache), job=JOB)
            flow(partition=DAYS, **_ops(version))


def is_whole(path: Path) -> bool:
    """True where the file can be read to its end."""
    try:
        if path.suffix == ".parquet":
            pq.read_table(path)
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
    except (OSError, ValueError, pa.ArrowInvalid):
        return False
    return True


def copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
