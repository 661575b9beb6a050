"""An address with a password and a token opens the log, and no output contains them."""

import gzip
import logging
import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from tests.logs import csv_bytes
from tests.projects import JOB, failure, run_and_notify, run_dagster
from tests.ticket_assets.event_log.conftest import (
    Answer,
    FileServer,
    Handler,
    cut_off,
    status,
    whole,
)
from tests.ticket_settings import SETTINGS
from tests.webhook import Webhook
from ticket_assets.configured import event_log_of
from ticket_assets.definitions import build_definitions
from ticket_assets.errors import SourceError
from ticket_assets.event_log import DownloadLimits, open_log
from ticket_assets.settings import Settings

# One word in user, password, token and in the server's answers: no output may contain it.
SECRET = "hunter2"
DAY = "2016-03-05"
UNUSED = "127.0.0.1:9"


def secret_address(address: str) -> str:
    """Both ways to carry a secret at once."""
    return f"{address.replace('://', f'://{SECRET}:{SECRET}@')}?token={SECRET}"


def redirect(location: str) -> Answer:
    return status(302, Location=location)


def other_words(handler: Handler) -> None:
    """A server may repeat the request in the words of its status."""
    handler.send_response(410, f"no log for {SECRET}")
    handler.end_headers()


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


def no_gzip(handler: Handler) -> None:
    handler.send(200, SECRET.encode(), Content_Encoding="gzip")


def too_large(handler: Handler) -> None:
    handler.send(200, gzip.compress(b"x" * (3 << 20)), Content_Encoding="gzip")


FAILURES = {
    "404": (status(404), "HTTP status 404 Not Found"),
    "500": (status(500), "HTTP status 500"),
    "a status in other words": (other_words, "HTTP status 410 Gone"),
    "an HTML page": (status(200, b"<html>log in</html>"), "HTML page instead of a zip"),
    "too large": (too_large, "larger than 1 MiB"),
    "broken off": (cut_off, "the connection"),
    "no answer": (hang_up, "ConnectionError"),
    "not packed as it says": (no_gzip, "ContentDecodingError"),
    "a redirect to nobody": (
        redirect(f"http://{SECRET}:{SECRET}@{UNUSED}/x?token={SECRET}"),
        "ConnectionError (Connection refused)",
    ),
    "a redirect to another protocol": (redirect(f"ftp://host/x?token={SECRET}"), "InvalidSchema"),
    "a redirect to no address": (redirect(f"http://[{SECRET}/x?token={SECRET}"), "ValueError"),
    "a redirect to a bad port": (redirect(f"http://host:{SECRET}/x"), "InvalidURL"),
    "a redirect to itself": (redirect(f"/log.csv?token={SECRET}"), "TooManyRedirects"),
}


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log records of every library, with urllib3's lines about requests."""
    caplog.set_level(logging.DEBUG)
    return caplog


def whole_text(error: BaseException | None) -> str:
    """The error as any program could print it: with its causes, and those that it suppresses."""
    texts = []
    while error is not None:
        texts += traceback.format_exception(error, chain=False)
        error = error.__cause__ or error.__context__
    return "".join(texts)


def with_secret(folder: Path) -> list[str]:
    """The files below the folder that hold the secret, in their bytes or their names."""
    return [
        str(path)
        for path in folder.rglob("*")
        if SECRET in str(path.relative_to(folder))
        or (path.is_file() and SECRET.encode() in path.read_bytes())
    ]


@pytest.mark.parametrize(("answer", "words"), FAILURES.values(), ids=FAILURES)
def test_no_failed_fetch_shows_the_secret(
    server: FileServer,
    limits: DownloadLimits,
    tmp_path: Path,
    every_log: pytest.LogCaptureFixture,
    answer: Answer,
    words: str,
) -> None:
    server.content, server.answers = csv_bytes(), [answer]
    with pytest.raises(SourceError) as refused:
        open_log(secret_address(server.url), cache=tmp_path, limits=limits, log=logging.info)
    assert f"token={SECRET}" in server.paths[0]
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"{server.url}: ")
    assert SECRET not in whole_text(refused.value)
    assert "fetching" in every_log.text
    assert SECRET not in every_log.text
    assert with_secret(tmp_path) == []


@pytest.mark.parametrize(
    "address",
    [
        f"http://{UNUSED}/log.csv",
        "http://no-such-host.invalid/log.csv",
        "http://[::1/log.csv",
        "http://host:port/log.csv",
        "s3://bucket/log.csv",
        "ftp://host/log.csv",
        "/no/such/log.csv",
    ],
)
def test_no_wrong_address_shows_the_secret(
    limits: DownloadLimits,
    tmp_path: Path,
    every_log: pytest.LogCaptureFixture,
    address: str,
) -> None:
    secret = secret_address(address) if "://" in address else f"{address}?token={SECRET}"
    sources = {secret, secret.replace("://", ":/"), secret.partition("://")[2] or secret}
    # Typed without its scheme it is taken for a path; without the query its end is a file's.
    sources |= {source.partition("?")[0] for source in sources if not source.startswith("http:/")}
    for source in sources:
        with pytest.raises(SourceError) as refused:
            open_log(source, cache=tmp_path, limits=limits, log=logging.info)
        assert SECRET not in whole_text(refused.value)
    assert SECRET not in every_log.text
    assert with_secret(tmp_path) == []


def settings(server: FileServer, folder: Path, webhook: Webhook | None = None) -> Settings:
    return replace(
        SETTINGS,
        event_log=secret_address(server.url),
        store=folder / "store",
        cache=folder / "cache",
        download_attempts=1,
        webhook_url=webhook.url if webhook else "",
    )


def test_dagster_s_snapshot_of_the_project_has_the_address_without_its_secret(
    server: FileServer, tmp_path: Path
) -> None:
    repository = build_definitions(settings(server, tmp_path)).get_repository_def()
    snapshot = serialize_value(RepositorySnap.from_def(repository))
    jobs = [serialize_value(job.get_job_snapshot()) for job in repository.get_all_jobs()]
    assert server.url in snapshot
    assert any(server.url in job for job in jobs)
    assert SECRET not in snapshot + "".join(jobs)


def test_a_log_in_a_run_s_configuration_replaces_the_setting(
    server: FileServer, tmp_path: Path
) -> None:
    server.content, server.answers = csv_bytes(), [whole]
    log = event_log_of(settings(server, tmp_path))
    for source in ("sample", server.url):
        with dg.build_resources(
            {"event_log": log},
            resource_config={"event_log": {"config": {"source": source, "cache": str(tmp_path)}}},
        ) as resources:
            opened = resources.event_log.open(dg.build_op_context().log)
            assert opened.identity.source == source
    assert f"token={SECRET}" in server.paths[0]
    other = server.url.replace("://", f"://{SECRET}@") + "/other"
    with (
        dg.build_resources(
            {"event_log": log},
            resource_config={"event_log": {"config": {"source": other, "cache": str(tmp_path)}}},
        ) as resources,
        pytest.raises(SourceError, match="Set TICKET_EVENT_LOG to the whole address") as refused,
    ):
        resources.event_log.open(dg.build_op_context().log)
    assert SECRET not in str(refused.value)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """On disk, keeping also what Python's own loggers say."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "python_logs: {managed_python_loggers: [root], python_log_level: DEBUG}\n"
    )
    with dg.DagsterInstance.from_config(str(home)) as on_disk:
        yield on_disk


def test_neither_a_run_of_dagster_nor_its_notice_keeps_the_secret(
    server: FileServer,
    tmp_path: Path,
    instance: dg.DagsterInstance,
    webhook: Webhook,
    every_log: pytest.LogCaptureFixture,
) -> None:
    server.content, server.answers = csv_bytes(), [redirect(f"//{UNUSED}/x?{SECRET}"), whole]
    configured = settings(server, tmp_path, webhook)
    for outcome in ("failed", "succeeded"):
        run_and_notify(configured, DAY, instance)
        assert f"{outcome} (Dagster)" in webhook.bodies[-1]["text"]
    assert "Connection refused" in webhook.bodies[0]["text"]
    assert "Authorization" in server.requests[1]
    assert (tmp_path / "store" / "trial_summary" / f"{DAY}.json").exists()
    assert SECRET not in str(webhook.bodies) + every_log.text
    assert events_that_say(tmp_path, "log.csv"), "no event was kept"
    assert with_secret(tmp_path) == []


def events_that_say(home: Path, words: str) -> int:
    """The number of events with these words in Dagster's databases below the folder."""
    count = 0
    for path in home.rglob("*.db"):
        with sqlite3.connect(path) as connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master")}
            if "event_logs" in tables:
                query = "select count(*) from event_logs where event like ?"
                count += connection.execute(query, (f"%{words}%",)).fetchone()[0]
    return count


@pytest.mark.nightly
def test_a_process_for_each_step_has_the_address_and_keeps_none_of_it(
    server: FileServer, tmp_path: Path, root: Path
) -> None:
    """Dagster's default executor: each process reads the definitions again."""
    server.content, server.answers = csv_bytes(), [whole]
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    materialize = ("dagster", "asset", "materialize", "-m", "benchmarks.default_executor")
    run = subprocess.run(
        [sys.executable, "-m", *materialize, "--select", "raw_log", "--partition", DAY],
        cwd=root,
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "TICKET_EVENT_LOG": secret_address(server.url),
            "TICKET_STORE": str(tmp_path / "store"),
            "TICKET_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert events_that_say(home, "STEP_WORKER_STARTED") > 0, "the steps shared a process"
    assert f"token={SECRET}" in server.paths[0]
    assert SECRET not in run.stdout + run.stderr
    assert with_secret(tmp_path) == []


def test_neither_a_flow_run_of_prefect_nor_the_lineage_page_keeps_the_secret(
    server: FileServer, tmp_path: Path, every_log: pytest.LogCaptureFixture, prefect_database: Path
) -> None:
    from prefect.logging.handlers import APILogWorker

    from prefect_compat import as_flow
    from prefect_compat.errors import StepError
    from prefect_compat.lineage.graph import read_lineage
    from prefect_compat.lineage.page import lineage_page

    server.content, server.answers = csv_bytes(), [redirect(f"//{UNUSED}/x?{SECRET}"), whole]
    defs = build_definitions(settings(server, tmp_path))
    flow = as_flow(defs, job=JOB, makes_artifacts=True)
    with pytest.raises(StepError, match="Connection refused") as refused:
        flow(partition=DAY)
    assert SECRET not in whole_text(refused.value)
    result = flow(partition=DAY)
    assert len(result.materializations) == 9
    assert "Authorization" in server.requests[1]
    assert SECRET not in repr(result) + every_log.text
    assert SECRET not in lineage_page(read_lineage(defs.resolve_job_def(JOB)))
    APILogWorker.drain_all()
    files = prefect_database.parent.glob(f"{prefect_database.name}*")
    kept = b"".join(path.read_bytes() for path in files)
    assert b"log.csv" in kept
    assert SECRET.encode() not in kept
    assert with_secret(tmp_path) == []


def test_the_error_of_a_failed_run_is_complete_without_the_secret(
    server: FileServer, tmp_path: Path
) -> None:
    server.answers = [status(404)]
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_dagster(build_definitions(settings(server, tmp_path)), DAY, instance)
    assert f"{server.url}: HTTP status 404 Not Found" in failure(result)
    assert SECRET not in serialize_value(list(result.all_events))
