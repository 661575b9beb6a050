import re
from pathlib import Path

import pytest

from ticket_assets.errors import SettingError
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.settings import Settings


def test_the_defaults_need_no_environment() -> None:
    settings = Settings.from_environment({})
    assert settings.event_log == "sample"
    assert settings.store == Path.cwd() / "var/store"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TICKET_FIRST_DAY", "29/2/2016", "TICKET_FIRST_DAY is '29/2/2016'; expected a day"),
        (
            "TICKET_FIRST_DAY",
            "2020-01-01",
            "is later than TICKET_LAST_DAY .*; expected the earlier day first",
        ),
        ("TICKET_SCHEDULE", "daily", r"TICKET_SCHEDULE is 'daily'; .* such as '0 6 \* \* \*'"),
        ("TICKET_SCHEDULE", "@daily", "expected a cron expression of five fields"),
        ("TICKET_SCHEDULE", "61 * * * *", "TICKET_SCHEDULE is '61 .*; expected a cron expression"),
        ("TICKET_SCHEDULE", "0 0 31 2 *", "TICKET_SCHEDULE is .0 0 31 2"),
        ("TICKET_SCHEDULE", "* * * * * *", "expected a cron expression of five fields"),
        ("TICKET_DOWNLOAD_ATTEMPTS", "0", "expected a number above 0"),
        ("TICKET_DOWNLOAD_TIMEOUT_S", "soon", "expected a number above 0"),
        (
            "TICKET_DASK",
            "yes",
            "expected local, local:4 for four workers, .* unset it to",
        ),
        ("TICKET_DASK", "local:0", "expected local, local:4"),
        ("TICKET_STORE", "gs://bucket/store", "'gs://bucket/store'; .* or s3://bucket/prefix"),
        ("TICKET_STORE", "s3://", "expected a local path .*, or s3://bucket/prefix"),
        ("TICKET_STORE", "s3://bucket/*/store", "expected a local path"),
        ("TICKET_CACHE", "s3://bucket/cache", "TICKET_CACHE is .*; expected a local path"),
        ("TICKET_MAE_LIMIT_H", "-1", "TICKET_MAE_LIMIT_H is '-1'; expected a number above 0"),
        (
            "TICKET_ALERT_LIMITS",
            "drift_share=2 slice_worse_h=soon",
            r"drift_share is '2'; .* below 1\. slice_worse_h is 'soon'; expected a number of hours",
        ),
        ("TICKET_ALERT_LIMITS", "mae_h=3", "found mae_h=3; expected NAME=NUMBER with baseline"),
        ("TICKET_ALERT_LIMITS", "drift_share", "drift_share is ''; expected a share"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings.from_environment({name: value})


def test_limits_of_alerts_are_read_by_name() -> None:
    environment = {
        "TICKET_ALERT_LIMITS": "drift_significance=0.01, fewest_incidents=100 slice_worse_h=5",
        "TICKET_MAE_LIMIT_H": "120",
    }
    assert Settings.from_environment(environment).alert_limits == AlertLimits(
        mae_h=120.0, drift_significance=0.01, fewest_incidents=100, slice_worse_h=5.0
    )
    assert Settings.from_environment({}).alert_limits == AlertLimits()


def test_the_store_may_be_on_s3() -> None:
    for text in ("s3://bucket/some/prefix", "s3://bucket/some/prefix/", "s3://my-bucket.v2"):
        settings = Settings.from_environment({"TICKET_STORE": text})
        assert settings.store == text.rstrip("/")


def test_a_store_on_s3_and_dask_are_refused_together() -> None:
    environment = {"TICKET_STORE": "s3://bucket/store", "TICKET_DASK": "local:2"}
    with pytest.raises(SettingError, match=r"write to a local folder only\. Unset TICKET_DASK"):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TICKET_STORE", "s3://key:hunter2@bucket/p", "AWS_PROFILE"),
        ("TICKET_STORE", "s3://bucket/p?secret=hunter2", "AWS_PROFILE"),
        ("TICKET_STORE", "s3:/key:hunter2@bucket/p", "expected a local path"),
        ("TICKET_CACHE", "https://user:hunter2@host/cache", "expected a local path"),
        ("TICKET_DASK", "tls://user:hunter2@host:8786", "without user, password or query"),
        ("TICKET_DASK", "gateway://host:8786?token=hunter2", "without user, password or query"),
        ("TICKET_DAGSTER_URL", "https://user:hunter2@host", "appears in notices"),
        ("TICKET_DAGSTER_URL", "https://host/?token=hunter2", "appears in notices"),
        ("TICKET_WEBHOOK_URL", "host/services/hunter2", "Correct it, or unset it"),
        ("TICKET_FIRST_DAY", "https://user:hunter2@host", "expected a day"),
        ("TICKET_DOWNLOAD_ATTEMPTS", "https://user:hunter2@host", "expected a number"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message) as refused:
        Settings.from_environment({name: value})
    assert name in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_settings_never_show_the_secret_of_the_log_s_address() -> None:
    address = "https://user:hunter2@host/log.zip?token=hunter2"
    settings = Settings.from_environment({"TICKET_EVENT_LOG": address})
    assert settings.event_log == address
    assert "hunter2" not in repr(settings)


def test_every_setting_stands_in_the_documentation_and_in_the_example(root: Path) -> None:
    read = set(re.findall(r'"(TICKET_\w+)"', (root / "ticket_assets/settings.py").read_text()))
    assert len(read) == 16
    for name in ("docs/settings.md", ".env.example"):
        text = (root / name).read_text()
        assert {setting for setting in read if setting not in text} == set(), name
