"""Both orchestrators keep their runs in a real PostgreSQL, as docs/postgresql.md says."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from tests.conftest import ROOT
from tests.projects import JOB, partition_tags
from tests.ticket_assets.upstream_fixes import letters
from tools.second_checkout import free_port

BIN = Path(sys.executable).parent
LIMIT_S = 600
PASSWORD = "change-me"  # of the two users in the documentation's SQL


def installed_server() -> Path | None:
    """The folder of PostgreSQL's programs: the newest of Debian's, else the PATH's."""
    debian = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
    ]
    if debian:
        return max(debian, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


POSTGRESQL = installed_server()
pytestmark = [
    pytest.mark.skipif(
        POSTGRESQL is None, reason="no PostgreSQL server is installed (Debian: postgresql)"
    ),
    pytest.mark.xdist_group("postgresql"),  # they share what took long to make
]


@dataclass(frozen=True)
class Server:
    port: int

    def url(self, driver: str, name: str, password: str = PASSWORD, database: str = "") -> str:
        return f"{driver}://{name}:{password}@127.0.0.1:{self.port}/{database or name}"

    def rows(self, name: str, query: str, *values: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url("postgresql", name))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall()
        finally:
            connection.close()


@contextmanager
def running(log: Path, *command: str | Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block: after it, it and its children are ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + LIMIT_S
    while not answers():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, f"not ready in {LIMIT_S} s:\n{log.read_text()}"
        time.sleep(0.05)


def owner_of(folder: Path) -> dict[str, Any]:
    """The command that starts PostgreSQL's programs on the folder: they refuse to run as root."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return {"cwd": folder, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def documented_sql() -> str:
    page = (ROOT / "docs" / "postgresql.md").read_text()
    return "".join(re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL))


@contextmanager
def started_server(programs: Path, folder: Path) -> Iterator[Server]:
    """An empty server with the users and databases of the documentation."""
    owner, port, log, data = owner_of(folder), free_port(), folder / "log", folder / "data"

    def do(program: str, *arguments: str | Path, text: str = "") -> None:
        command = (programs / program, *arguments)
        limits = {"check": True, "timeout": LIMIT_S, "stdout": subprocess.DEVNULL}
        subprocess.run(command, input=text, text=True, **limits, **owner)

    def is_ready() -> bool:
        asked = (programs / "pg_isready", "-q", *place)
        return subprocess.run(asked, timeout=LIMIT_S, check=False).returncode == 0

    access = ("--auth-local=trust", "--auth-host=scram-sha-256")
    do("initdb", "-D", data, "-U", "postgres", "--no-sync", *access)
    place = ("-h", folder, "-p", str(port))
    listening = ("-k", folder, "-h", "127.0.0.1", "-p", str(port), "-c", "fsync=off")
    with running(log, programs / "postgres", "-D", data, *listening, **owner) as process:
        wait_until(is_ready, process, log)
        administrator = ("-U", "postgres", *place)
        do("psql", "-X", "-v", "ON_ERROR_STOP=1", *administrator, text=documented_sql())
        yield Server(port)
    assert process.returncode == 0, log.read_text()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    assert POSTGRESQL
    # Not in pytest's own folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="ticket-pg-"))
    try:
        with started_server(POSTGRESQL, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Ended:
    code: int
    output: str


def ran(tmp_path: Path, *command: str, **variables: str) -> Ended:
    """One of our environment's programs, run to its end with homes of the test's own."""
    handle, log = tempfile.mkstemp(dir=tmp_path, suffix=".log")
    os.close(handle)
    env = environment(tmp_path, variables)
    with running(Path(log), BIN / command[0], *command[1:], env=env) as process:
        code = process.wait(LIMIT_S)
    return Ended(code, Path(log).read_text())


def environment(tmp_path: Path, variables: Mapping[str, str]) -> dict[str, str]:
    home = tmp_path / "dagster"
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "deployment" / "dagster-postgres.yaml", home / "dagster.yaml")
    return {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(home),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "TICKET_STORE": str(tmp_path / "store"),
        **variables,
    }


def run_day(tmp_path: Path, day: str, url: str) -> Ended:
    job = ("dagster", "job", "execute", "-m", "ticket_assets.definitions", "-j", JOB)
    tags = json.dumps({**partition_tags(day), "the_test": tmp_path.name})
    return ran(tmp_path, *job, "--tags", tags, TICKET_DAGSTER_POSTGRES_URL=url)


@contextmanager
def instance_of(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("TICKET_DAGSTER_POSTGRES_URL", url)
    with dg.DagsterInstance.get() as instance:
        yield instance


def databases_in(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if ".db" in path.suffixes]


def test_dagster_keeps_a_run_its_materializations_and_checks_in_postgresql_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("postgresql+psycopg2", "dagster")
    ended = run_day(tmp_path, "2016-03-08", url)
    assert ended.code == 0, ended.output
    with instance_of(tmp_path, url, monkeypatch) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(tags={"the_test": tmp_path.name}))
        assert run.status is dg.DagsterRunStatus.SUCCESS
        kinds = dg.DagsterEventType
        made = instance.all_logs(run.run_id, of_type=kinds.ASSET_MATERIALIZATION)
        judged = instance.all_logs(run.run_id, of_type=kinds.ASSET_CHECK_EVALUATION)
        days = [event.asset_materialization.partition for event in made]
        assert days == ["2016-03-08"] * 9
        checks = [event.get_dagster_event().asset_check_evaluation_data for event in judged]
        assert [check.passed for check in checks] == [True] * 6
        keys = {event.get_dagster_event().asset_key for event in made}
        assert keys <= set(instance.all_asset_keys())
    query = "SELECT count(*) FROM event_logs WHERE run_id = %s AND dagster_event_type = %s"
    for kind, count in (("ASSET_MATERIALIZATION", 9), ("ASSET_CHECK_EVALUATION", 6)):
        assert server.rows("dagster", query, run.run_id, kind) == [(count,)]
    assert databases_in(tmp_path) == []


@pytest.mark.nightly
def test_two_days_run_by_dagster_at_the_same_time_both_succeed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("postgresql+psycopg2", "dagster")
    days = ("2016-03-09", "2016-03-10")
    with ThreadPoolExecutor(2) as pool:
        for ended in pool.map(lambda day: run_day(tmp_path, day, url), days):
            assert ended.code == 0, ended.output
    with instance_of(tmp_path, url, monkeypatch) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"the_test": tmp_path.name}))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 2
        assert {run.tags["dagster/partition"] for run in runs} == set(days)
        for run in runs:
            made = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            assert len(made) == 9


@pytest.mark.nightly
def test_prefects_server_keeps_a_derived_flows_runs_in_postgresql_alone(
    server: Server, tmp_path: Path
) -> None:
    log, port = tmp_path / "server.log", str(free_port())
    api = f"http://127.0.0.1:{port}/api"
    url = server.url("postgresql+asyncpg", "prefect")
    env = environment(tmp_path, {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url})

    def answers() -> bool:
        try:
            return bool(urllib.request.urlopen(f"{api}/health", timeout=5).status == 200)
        except OSError:
            return False

    def task_runs() -> dict[str, str]:
        query = "SELECT name, state_type::text FROM task_run"
        return dict(server.rows("prefect", query))

    start = (BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", port)
    with running(log, *start, env=env) as process:
        wait_until(answers, process, log)
        project = ("-m", "ticket_assets.definitions", "-j", JOB, "--partition", "2016-03-08")
        ended = ran(tmp_path, "prefect-compat", "run", *project, PREFECT_API_URL=api)
        assert ended.code == 0, ended.output
        # The server records the states of tasks a little after they are sent.
        wait_until(lambda: list(task_runs().values()) == ["COMPLETED"] * 15, process, log)
    assert {"raw_log", "trial_summary", "metrics_metrics_are_finite"} <= task_runs().keys()
    flow_runs = server.rows("prefect", "SELECT name, state_type::text FROM flow_run")
    assert flow_runs == [(f"{JOB} 2016-03-08", "COMPLETED")]
    assert databases_in(tmp_path) == []


UPSTREAM = """
storage:
  postgres:
    postgres_url:
      env: TICKET_DAGSTER_POSTGRES_URL
telemetry:
  enabled: false
"""


def test_every_row_is_the_one_that_dagster_writes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch leaves what upstream's storage leaves event by event; a run of each alone."""
    found: dict[str, dict[str, list[str]]] = {}
    entries = {"ours": (ROOT / "deployment" / "dagster-postgres.yaml").read_text()}
    for name, entry in {**entries, "theirs": UPSTREAM}.items():
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000" if name == "ours" else "0")
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / name))
        url = server.url("postgresql+psycopg2", "dagster")
        monkeypatch.setenv("TICKET_DAGSTER_POSTGRES_URL", url)
        (tmp_path / name).mkdir()
        (tmp_path / name / "dagster.yaml").write_text(entry)
        with dg.DagsterInstance.get() as instance:
            run_ids = [
                letters.JOB.execute_in_process(instance=instance, tags=letters.RANGE).run_id
                for _ in range(2)
            ]
            assert instance.get_materialized_partitions(letters.letters.key) == {"a", "b", "c"}
            found[name] = {
                table: letters.in_any_order(rows_of(server, table, run_ids)) for table in TABLES
            }
    for table, rows in found["theirs"].items():
        assert "\n".join(found["ours"][table]) == "\n".join(rows), table
        assert rows, table


TABLES = ("event_logs", "asset_check_executions", "asset_event_tags", "asset_keys")


def rows_of(server: Server, table: str, run_ids: list[str]) -> list[letters.Row]:
    """The rows of these runs, or of the job's assets, without ids: the table has other runs too."""
    of_runs = f"run_id in ({', '.join(['%s'] * len(run_ids))})"
    chosen = {
        "asset_event_tags": f"event_id in (select id from event_logs where {of_runs})",
        "asset_keys": f"last_{of_runs}",
    }
    query = f"select row_to_json(t)::text from {table} t where {chosen.get(table, of_runs)}"
    found = [json.loads(text) for (text,) in server.rows("dagster", query, *run_ids)]
    return [
        letters.lasting({name: value for name, value in row.items() if not name.endswith("_id")})
        for row in found
    ]


@pytest.mark.nightly
def test_a_wrong_url_is_explained_by_either_without_the_password(
    server: Server, tmp_path: Path
) -> None:
    dagster = ("dagster", "instance", "info")
    prefect = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(free_port()))
    variables = {
        dagster: "TICKET_DAGSTER_POSTGRES_URL",
        prefect: "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    }
    sync, asynchronous = "postgresql+psycopg2", "postgresql+asyncpg"
    secret, refused = "my-secret", "password authentication failed for user"
    elsewhere = Server(free_port())
    cases = (
        (dagster, server.url(sync, "dagster", secret), f'{refused} "dagster"'),
        (dagster, elsewhere.url(sync, "dagster", secret), "Connection refused"),
        (prefect, server.url(asynchronous, "prefect", secret), f'{refused} "prefect"'),
    )

    def end(case: tuple[tuple[str, ...], str, str]) -> Ended:
        command, url, _ = case
        return ran(tmp_path, *command, **{variables[command]: url})

    with ThreadPoolExecutor(len(cases)) as pool:  # Dagster's retries are 12 s of sleep
        for (_, _, words), ended in zip(cases, pool.map(end, cases), strict=True):
            assert ended.code != 0
            assert words in ended.output
            assert secret not in ended.output
            assert PASSWORD not in ended.output
