"""Every setting of the project, read once from the environment and validated."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ticket_assets.addresses import holds_secret, printable
from ticket_assets.errors import SettingError


@dataclass(frozen=True)
class Settings:
    """What a user may set; each field's variable and default stand in `from_environment`."""

    event_log: str = field(repr=False)  # an address may hold a password or a token
    store: Path | str  # str where it is on S3
    cache: Path
    dask: str
    first_day: date
    last_day: date
    download_timeout_s: float
    download_attempts: int
    download_limit_mb: int
    dagster_url: str
    webhook_url: str = field(repr=False)  # whoever knows it can post to it

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings, relative paths resolved against the working directory.

        Raises SettingError naming the variable, its value and what was expected.
        """
        env = os.environ if environment is None else environment
        settings = cls(
            event_log=env.get("TICKET_EVENT_LOG", "").strip() or "sample",
            store=_store(env),
            cache=_local_path(env, "TICKET_CACHE", "var/cache"),
            dask=_dask(env),
            # The calendar days of closed_at in the UCI log; the sample log has the same.
            first_day=_day(env, "TICKET_FIRST_DAY", "2016-02-29"),
            last_day=_day(env, "TICKET_LAST_DAY", "2017-02-18"),
            download_timeout_s=_positive(env, "TICKET_DOWNLOAD_TIMEOUT_S", "30"),
            download_attempts=int(_positive(env, "TICKET_DOWNLOAD_ATTEMPTS", "4")),
            download_limit_mb=int(_positive(env, "TICKET_DOWNLOAD_LIMIT_MB", "4096")),
            dagster_url=_shown_address(env, "TICKET_DAGSTER_URL", "http://127.0.0.1:3000"),
            webhook_url=_address(env, "TICKET_WEBHOOK_URL", ""),
        )
        if settings.first_day > settings.last_day:
            raise SettingError(
                f"TICKET_FIRST_DAY {settings.first_day} lies after TICKET_LAST_DAY"
                f" {settings.last_day}. Swap them."
            )
        if settings.dask and isinstance(settings.store, str):
            raise SettingError(
                f"TICKET_DASK is '{settings.dask}' and TICKET_STORE is '{settings.store}'; they do"
                " not go together yet: Dask's workers write to a local folder only. Unset"
                " TICKET_DASK, or set TICKET_STORE to a folder."
            )
        return settings


def _local_path(env: Mapping[str, str], name: str, default: str) -> Path:
    text = env.get(name, "").strip() or default
    if re.match(r"[A-Za-z][\w+.-]*:/", text):
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a local path such as '{default}'."
        )
    return Path(text).expanduser().absolute()


def _store(env: Mapping[str, str]) -> Path | str:
    text = env.get("TICKET_STORE", "").strip()
    if "://" not in text:
        return _local_path(env, "TICKET_STORE", "var/store")
    # Not what s3fs would read as more than a name: user@, ?versionId, patterns.
    if not re.fullmatch(r"s3://[\w.-]+(/[^/?#@*\[\]\s]+)*/*", text):
        raise SettingError(
            f"TICKET_STORE is '{printable(text)}'; expected a local path such as 'var/store', or"
            " s3://bucket/prefix without a user, a query or a pattern. Credentials come from AWS's"
            " own settings (AWS_PROFILE, ...)."
        )
    return text.rstrip("/")


def _dask(env: Mapping[str, str]) -> str:
    text = env.get("TICKET_DASK", "").strip()
    is_address = re.fullmatch(r"[a-z]+://\S+", text) and not holds_secret(text)
    if text and not is_address and not re.fullmatch(r"local(:[1-9]\d*)?", text):
        raise SettingError(
            f"TICKET_DASK is '{printable(text)}'; expected nothing (no Dask), local, local:4 for"
            " four workers, or a scheduler's address such as tcp://10.0.0.1:8786, without user,"
            " password or query."
        )
    return text


def _address(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "").strip() or default
    if text and not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise SettingError(f"{name} is no http(s):// address. Correct or unset it.")
    return text.rstrip("/")


def _shown_address(env: Mapping[str, str], name: str, default: str) -> str:
    """An address for notices and artifacts, which must hold no secret."""
    address = _address(env, name, default)
    if holds_secret(address):
        raise SettingError(
            f"{name} is '{printable(address)}' with a user, password, query or fragment. It is"
            " written into notices and artifacts: leave these out."
        )
    return address


def _day(env: Mapping[str, str], name: str, default: str) -> date:
    text = env.get(name, "").strip() or default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a day such as {default}."
        ) from None


def _positive(env: Mapping[str, str], name: str, default: str) -> float:
    text = env.get(name, "").strip() or default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a number above 0 such as {default}."
        )
    return number
