"""The store on S3, against a real S3 protocol server on loopback."""

import json
import logging
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import dagster as dg
import pandas as pd
import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.projects import JOB, REPORT_JOB, failure, files, project, run_dagster
from tests.ticket_assets.store.things import (
    KEYS,
    input_context,
    open_store,
    output_context,
    table,
)
from ticket_assets import figures
from ticket_assets.errors import StoreError
from ticket_assets.store.provenance import provenance_of
from ticket_assets.store.tables import LargeTable

pytestmark = pytest.mark.xdist_group("bucket")  # they share what took long to make

DAYS = "2016-03-05...2016-03-09"
SECRET = "hunter2hunter2"


def serve() -> ThreadedMotoServer:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return server


def url_of(server: ThreadedMotoServer) -> str:
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def client(service: str) -> Any:
    """A client with the credentials that are set now: boto3 by itself keeps the first ones."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return _client(service, *(os.environ[name] for name in names))


@cache
def _client(service: str, endpoint: str, key_id: str, key: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, aws_access_key_id=key_id, aws_secret_access_key=key
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = serve()
    yield url_of(server)
    server.stop()


@pytest.fixture(autouse=True)
def aws(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AWS's usual settings, with nothing of the user's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    """A prefix in a bucket of the test's own."""
    bucket = re.sub(r"\W+|_", "-", request.node.name)[:50].strip("-")
    client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix"


def objects(root: str) -> dict[str, bytes]:
    """Every object by its name below the store; fails if one is outside of it."""
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    s3 = client("s3")
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    assert all(item["Key"].startswith(f"{prefix}/") for item in listed)
    return {
        item["Key"].removeprefix(f"{prefix}/"): s3.get_object(Bucket=bucket, Key=item["Key"])[
            "Body"
        ].read()
        for item in listed
    }


class Local(NamedTuple):
    """The job's products of the days in a folder, and their digests as the catalog shows them."""

    store: Path
    digests: dict[tuple[str, str | None], object]


def digests(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], object]:
    return {
        (made.asset_key.to_user_string(), made.partition): made.metadata["content_sha256"].value
        for made in (event.materialization for event in result.get_asset_materialization_events())
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    store = tmp_path_factory.mktemp("store")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_dagster(project(store), DAYS, instance)
    assert result.success, failure(result)
    return Local(store, digests(result))


class TestTheJob:
    def test_leaves_the_same_files_as_in_a_folder_under_dagster(
        self, root: str, local: Local, instance: dg.DagsterInstance
    ) -> None:
        result = run_dagster(project(root), DAYS, instance)  # type: ignore[arg-type]
        assert result.success, failure(result)
        assert all(check.passed for check in result.get_asset_check_evaluations())
        assert len(digests(result)) == 45
        assert digests(result) == local.digests
        assert objects(root) == files(local.store)
        shown = {
            event.materialization.metadata["path"]
            for event in result.get_asset_materialization_events()
        }
        assert dg.MetadataValue.path(f"{root}/metrics") in shown

    @pytest.mark.usefixtures("prefect_server")
    def test_leaves_the_same_files_as_in_a_folder_under_prefect(
        self, root: str, local: Local
    ) -> None:
        from prefect_compat import as_flow

        result = as_flow(project(root), job=JOB)(partition=DAYS)  # type: ignore[arg-type]
        assert len(result.materializations) == 45
        assert all(check.passed for check in result.checks)
        assert objects(root) == files(local.store)

    def test_its_report_and_figures_read_the_stored_days(
        self, root: str, local: Local, instance: dg.DagsterInstance
    ) -> None:
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        s3 = client("s3")
        for name, content in files(local.store).items():
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content)
        assert figures.trials(root, DAYS) == figures.trials(local.store, DAYS)
        defs = project(root)  # type: ignore[arg-type]
        result = run_dagster(defs, None, instance, job=REPORT_JOB)
        assert result.success, failure(result)
        assert json.loads(objects(root)["performance_report.json"])["days"] == 5

    def test_fails_with_one_clear_sentence_without_a_bucket(
        self, instance: dg.DagsterInstance
    ) -> None:
        defs = project("s3://no-such-bucket/prefix")  # type: ignore[arg-type]
        message = failure(run_dagster(defs, "2016-03-08", instance))
        assert "TICKET_STORE s3://no-such-bucket/prefix: there is no bucket 'no-such-buc" in message
        assert "Create it, or correct TICKET_STORE." in message


class TestFiles:
    def test_come_back_unchanged(self, root: str) -> None:
        store = open_store(root)
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        assert list(objects(root)) == [f"thing/{key}.parquet" for key in KEYS]
        loaded = store.load_input(input_context(KEYS[0], KEYS[-1]))
        pd.testing.assert_frame_equal(loaded, table())
        assert provenance_of(loaded) == provenance_of(table())
        narrow = store.load_input(input_context(KEYS[0], KEYS[-1], columns=["day", "number"]))
        assert list(narrow.columns) == ["day", "number"]

    def test_of_documents_come_back_unchanged_too(self, root: str) -> None:
        documents = {key: {"id": key, "data": None} for key in KEYS}
        store = open_store(root)
        store.handle_output(output_context(KEYS[0], KEYS[-1]), documents)
        assert store.load_input(input_context(KEYS[0], KEYS[-1])) == documents

    def test_of_a_day_that_is_run_again_are_replaced(self, root: str) -> None:
        store = open_store(root)
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        before = objects(root)
        open_store(root).handle_output(output_context(KEYS[0], KEYS[0]), table((1, 0, 0)))
        assert len(store.load_input(input_context(KEYS[0], KEYS[0]))) == 1
        changed = {name for name, content in objects(root).items() if before[name] != content}
        assert changed == {f"thing/{KEYS[0]}.parquet"}

    def test_that_are_missing_are_named_unless_this_is_allowed(self, root: str) -> None:
        store = open_store(root)
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        message = rf"no file for 1 of 4 days in {root}/thing \(first: 2016-05-13\)"
        with pytest.raises(StoreError, match=message):
            store.load_input(input_context(KEYS[0], "2016-05-13"))
        every_day = input_context("2016-05-01", "2016-05-31", allow_missing_partitions=True)
        assert len(store.load_input(every_day)) == 3

    def test_that_are_damaged_are_named(self, root: str) -> None:
        store = open_store(root)
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        key = f"{prefix}/thing/{KEYS[1]}.parquet"
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"PAR1 and no more")
        with pytest.raises(StoreError, match=f"s3://{bucket}/{key} cannot be read.*Remove it"):
            store.load_input(input_context(KEYS[0], KEYS[-1]))

    def test_take_one_request_each_and_one_to_list_them(
        self, root: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = open_store(root)
        with caplog.at_level(logging.INFO, "werkzeug"):
            store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
            store.load_input(input_context(KEYS[0], KEYS[-1]))
        asked = sorted(re.findall(r'"([A-Z]+) /', caplog.text))
        assert asked == ["GET"] * (len(KEYS) + 1) + ["PUT"] * len(KEYS)

    def test_of_a_table_on_dask_are_refused(self, root: str) -> None:
        large = LargeTable.of(_days, [0], _days(0), "local:2")
        with pytest.raises(StoreError, match=r"\(TICKET_DASK\) .* to a local folder only"):
            open_store(root, dask="local:2").handle_output(output_context(KEYS[0], KEYS[0]), large)


def _days(source: int, columns: list[str] | None = None) -> pd.DataFrame:
    return table()[["day", "log_row"]]


class TestRefusals:
    @pytest.fixture
    def user(self, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        """A user who may not replace the second day; from now on the server checks access."""
        iam = client("iam")
        iam.create_user(UserName="user")
        allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        second = f"arn:aws:s3:::*/thing/{KEYS[1]}.parquet"
        denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": second}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed, denied]})
        iam.put_user_policy(UserName="user", PolicyName="policy", PolicyDocument=policy)
        key = iam.create_access_key(UserName="user")["AccessKey"]
        requests.post(f"{server}/moto-api/reset-auth", data=b"0", timeout=10)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        yield key["SecretAccessKey"]
        requests.post(f"{server}/moto-api/reset-auth", data=b"inf", timeout=10)
        iam.delete_access_key(UserName="user", AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName="user", PolicyName="policy")
        iam.delete_user(UserName="user")

    def test_one_file_of_three_is_named_and_each_file_is_whole(
        self, root: str, request: pytest.FixtureRequest
    ) -> None:
        open_store(root).handle_output(output_context(KEYS[0], KEYS[-1]), table())
        before = objects(root)
        secret = request.getfixturevalue("user")
        store = open_store(root)
        with pytest.raises(StoreError) as refused:
            store.handle_output(output_context(KEYS[0], KEYS[-1]), table((1, 1, 0)))
        message = str(refused.value)
        assert message.startswith(
            f"TICKET_STORE {root}: the store refuses these credentials (Access"
        )
        ((written, unchanged, unconfirmed),) = re.findall(
            r"are written: (.*); \d are not: (.*); 1 may .* confirmation: (.*)\. Each file", message
        )
        assert unconfirmed == f"thing/{KEYS[1]}.parquet"
        named = f"{written}, {unchanged}, {unconfirmed}".split(", ")
        assert sorted(set(named) - {"none"}) == sorted(before)
        assert secret not in message
        assert len(store.load_input(input_context(KEYS[1], KEYS[1]))) == 0
        now = objects(root)
        assert {name for name in now if now[name] != before[name]} == set(written.split(", "))
        assert set(now) == set(before)

    @pytest.mark.usefixtures("user")
    @pytest.mark.parametrize(
        ("key_id", "code"), [(None, "SignatureDoesNotMatch"), ("AKIANONE", "InvalidAccessKeyId")]
    )
    def test_wrong_credentials_are_refused_and_not_repeated(
        self,
        key_id: str | None,
        code: str,
        monkeypatch: pytest.MonkeyPatch,
        instance: dg.DagsterInstance,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        if key_id:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
        defs = project("s3://any/prefix")  # type: ignore[arg-type]
        message = failure(run_dagster(defs, "2016-03-08", instance))
        assert (
            f"TICKET_STORE s3://any/prefix: the store refuses these credentials ({code}" in message
        )
        assert "Use credentials that may list, read and write there." in message
        assert SECRET not in message + caplog.text

    def test_no_credentials_at_all(self, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StoreError, match=f"{root}: no credentials were found .*AWS_PROFILE"):
            open_store(root).load_input(input_context(KEYS[0], KEYS[0]))


def test_a_store_that_goes_away_is_named_and_its_password_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    short_lived = serve()
    monkeypatch.setenv("AWS_ENDPOINT_URL", url_of(short_lived))
    client("s3").create_bucket(Bucket="short-lived")
    store = open_store("s3://short-lived")
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    short_lived.stop()
    with pytest.raises(StoreError, match=r"the store does not answer .*Of 3 files, 0 are written"):
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    with_password = url_of(short_lived).replace("//", f"//user:{SECRET}@")
    monkeypatch.setenv("AWS_ENDPOINT_URL", with_password)
    with pytest.raises(StoreError, match="Check the network and AWS_ENDPOINT_URL") as refused:
        open_store("s3://short-lived").load_input(input_context(KEYS[0], KEYS[0]))
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
