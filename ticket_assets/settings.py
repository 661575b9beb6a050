"""Every setting of the project, read once from the environment and validated."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ticket_assets.errors import SettingError


@dataclass(frozen=True)
class Settings:
    """What a user may set; each field's variable and default stand in `from_environment`."""

    event_log: str
    store: Path
    cache: Path
    dask: str
    first_day: date
    last_day: date
    download_timeout_s: float
    download_attempts: int
    download_limit_mb: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings, relative paths resolved against the working directory.

        Raises SettingError naming the variable, its value and what was expected.
        """
        env = os.environ if environment is None else environment
        settings = cls(
            event_log=env.get("TICKET_EVENT_LOG", "").strip() or "sample",
            store=_local_path(env, "TICKET_STORE", "var/store"),
            cache=_local_path(env, "TICKET_CACHE", "var/cache"),
            dask=_dask(env),
            # The calendar days of closed_at in the UCI log; the sample log has the same.
            first_day=_day(env, "TICKET_FIRST_DAY", "2016-02-29"),
            last_day=_day(env, "TICKET_LAST_DAY", "2017-02-18"),
            download_timeout_s=_positive(env, "TICKET_DOWNLOAD_TIMEOUT_S", "30"),
            download_attempts=int(_positive(env, "TICKET_DOWNLOAD_ATTEMPTS", "4")),
            download_limit_mb=int(_positive(env, "TICKET_DOWNLOAD_LIMIT_MB", "4096")),
        )
        if settings.first_day > settings.last_day:
            raise SettingError(
                f"TICKET_FIRST_DAY {settings.first_day} lies after TICKET_LAST_DAY"
                f" {settings.last_day}. Swap them."
            )
        return settings


def _local_path(env: Mapping[str, str], name: str, default: str) -> Path:
    text = env.get(name, "").strip() or default
    if "://" in text:
        raise SettingError(f"{name} is '{text}'; expected a local path such as '{default}'.")
    return Path(text).expanduser().absolute()


def _dask(env: Mapping[str, str]) -> str:
    text = env.get("TICKET_DASK", "").strip()
    if text and not re.fullmatch(r"local(:[1-9]\d*)?|[a-z]+://\S+", text):
        raise SettingError(
            f"TICKET_DASK is '{text}'; expected nothing (no Dask), local, local:4 for four"
            " workers, or a scheduler's address such as tcp://10.0.0.1:8786."
        )
    return text


def _day(env: Mapping[str, str], name: str, default: str) -> date:
    text = env.get(name, "").strip() or default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{name} is '{text}'; expected a day such as {default}.") from None


def _positive(env: Mapping[str, str], name: str, default: str) -> float:
    text = env.get(name, "").strip() or default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingError(f"{name} is '{text}'; expected a number above 0 such as {default}.")
    return number
