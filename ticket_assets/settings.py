"""The settings of the project, read from the environment and validated."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

import dagster as dg

from ticket_assets.addresses import holds_secret, printable
from ticket_assets.errors import SettingError
from ticket_assets.evaluation.alert_limits import AlertLimits, broken_rule
from ticket_assets.evaluation.models import PRIORITY_HOURS
from ticket_assets.evaluation.named_models import ACCEPTED, is_model_name
from ticket_assets.evaluation.populations import POPULATIONS
from ticket_assets.event_log.live import is_live


@dataclass(frozen=True)
class Settings:
    """The settings of a user; `from_environment` names each field's variable and default."""

    event_log: str = field(repr=False)  # an address may hold a password or a token
    store: Path | str  # a string if it is an s3:// address
    cache: Path
    dask: str
    first_day: date
    last_day: date | None  # None: up to yesterday
    schedule: str  # a cron expression, in UTC
    download_timeout_s: float
    download_attempts: int
    download_limit_mb: int
    model: str
    population: str
    alert_limits: AlertLimits
    dagster_url: str
    webhook_url: str = field(repr=False)  # a secret: anyone who knows it can post to it

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of this environment; relative paths start at the working directory.

        Raises SettingError naming the variable, its value and what was expected.
        """
        env = os.environ if environment is None else environment
        event_log = env.get("TICKET_EVENT_LOG", "").strip() or "sample"
        settings = cls(
            event_log=event_log,
            store=_store(env),
            cache=_local_path(env, "TICKET_CACHE", "var/cache"),
            dask=_dask(env),
            # The first and last day of closed_at in the UCI log, and in the sample log.
            first_day=_day(env, "TICKET_FIRST_DAY", "2016-02-29"),
            last_day=_last_day(env, is_live(event_log)),
            schedule=_cron(env, "TICKET_SCHEDULE", "0 6 * * *"),
            download_timeout_s=_positive(env, "TICKET_DOWNLOAD_TIMEOUT_S", "30"),
            download_attempts=int(_positive(env, "TICKET_DOWNLOAD_ATTEMPTS", "4")),
            download_limit_mb=int(_positive(env, "TICKET_DOWNLOAD_LIMIT_MB", "4096")),
            model=_model(env),
            population=_choice(env, "TICKET_POPULATION", POPULATIONS),
            alert_limits=_alert_limits(env),
            dagster_url=_shown_address(env, "TICKET_DAGSTER_URL", "http://127.0.0.1:3000"),
            webhook_url=_address(env, "TICKET_WEBHOOK_URL", ""),
        )
        if settings.last_day and settings.first_day > settings.last_day:
            raise SettingError(
                f"TICKET_FIRST_DAY {settings.first_day} is later than TICKET_LAST_DAY"
                f" {settings.last_day}; expected the earlier day first. Swap them."
            )
        if settings.dask and isinstance(settings.store, str):
            raise SettingError(
                f"TICKET_DASK is '{settings.dask}' and TICKET_STORE is '{settings.store}'; Dask's"
                " workers write to a local folder only. Unset TICKET_DASK, or set TICKET_STORE to"
                " a folder."
            )
        return settings

    @property
    def is_live(self) -> bool:
        """True if files are added to the log; its days then have no fixed end."""
        return is_live(self.event_log)


def _local_path(env: Mapping[str, str], name: str, default: str) -> Path:
    text = env.get(name, "").strip() or default
    # One slash is enough: pathlib makes `s3:/bucket` of `s3://bucket`.
    if re.match(r"[A-Za-z][\w+.-]*:/", text):
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a local path such as '{default}'. Set it to"
            " one, or unset it."
        )
    return Path(text).expanduser().absolute()


def _store(env: Mapping[str, str]) -> Path | str:
    text = env.get("TICKET_STORE", "").strip()
    if "://" not in text:
        return _local_path(env, "TICKET_STORE", "var/store")
    # Refuses the parts of an address that s3fs would interpret: user@, ?versionId, patterns.
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
            f"TICKET_DASK is '{printable(text)}'; expected local, local:4 for four workers, or a"
            " scheduler's address such as tcp://10.0.0.1:8786 without user, password or query."
            " Correct it, or unset it to work without Dask."
        )
    return text


def _model(env: Mapping[str, str]) -> str:
    text = env.get("TICKET_MODEL", "").strip() or PRIORITY_HOURS
    if not is_model_name(text):
        raise SettingError(
            f"TICKET_MODEL is '{printable(text)}'; expected {ACCEPTED}. Correct it, or unset it."
        )
    return text


def _choice(env: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of the choices; the first is the default."""
    text = env.get(name, "").strip() or choices[0]
    if text not in choices:
        raise SettingError(
            f"{name} is '{printable(text)}'; expected {' or '.join(choices)}. Correct it, or unset"
            " it."
        )
    return text


def _alert_limits(env: Mapping[str, str]) -> AlertLimits:
    """The limits of TICKET_ALERT_LIMITS and TICKET_MAE_LIMIT_H, and the defaults of the others."""
    limits: dict[str, float] = {}
    if env.get("TICKET_MAE_LIMIT_H", "").strip():
        limits["mae_h"] = _positive(env, "TICKET_MAE_LIMIT_H", "120")
    # `mae_h` has a setting of its own.
    names = [each.name for each in fields(AlertLimits) if each.name != "mae_h"]
    faults = []
    for text in env.get("TICKET_ALERT_LIMITS", "").replace(",", " ").split():
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if name not in names:
            faults.append(f"found {printable(text)}; expected NAME=NUMBER with {', '.join(names)}")
        elif rule := broken_rule(name, number):
            faults.append(f"{name} is '{printable(value)}'; expected {rule}")
        else:
            limits[name] = number
    if faults:
        raise SettingError(f"TICKET_ALERT_LIMITS: {'. '.join(faults)}. Correct it, or unset it.")
    return AlertLimits.of(limits)


def _address(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "").strip() or default
    if text and not re.fullmatch(r"https?://[^\s/]+\S*", text):
        # The value is not shown: it may be a secret.
        raise SettingError(f"{name} is no http(s):// address. Correct it, or unset it.")
    return text.rstrip("/")


def _shown_address(env: Mapping[str, str], name: str, default: str) -> str:
    """An address that appears in notices and artifacts, so it must hold no secret."""
    address = _address(env, name, default)
    if holds_secret(address):
        raise SettingError(
            f"{name} is '{printable(address)}' with a user, password, query or fragment; expected"
            " an address without them, because it appears in notices and artifacts. Leave them"
            " out."
        )
    return address


def _day(env: Mapping[str, str], name: str, default: str) -> date:
    text = env.get(name, "").strip() or default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a day such as {default}. Correct it, or unset"
            " it."
        ) from None


def _last_day(env: Mapping[str, str], is_live: bool) -> date | None:
    if is_live and not env.get("TICKET_LAST_DAY", "").strip():
        return None
    return _day(env, "TICKET_LAST_DAY", "2017-02-18")


def _cron(env: Mapping[str, str], name: str, default: str) -> str:
    text = " ".join(env.get(name, "").split()) or default
    # Dagster also takes names such as `@daily`, and Prefect a sixth field. Both take these.
    is_cron = re.fullmatch(r"[\w*,/-]+( [\w*,/-]+){4}", text)
    try:
        if is_cron:
            dg.ScheduleDefinition(job_name="any", cron_schedule=text)
    except dg.DagsterInvalidDefinitionError:
        is_cron = None
    if not is_cron:
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a cron expression of five fields (minute,"
            f" hour, day of the month, month, day of the week) such as '{default}', or '* * * * *'"
            " for every minute. Correct it, or unset it."
        )
    return text


def _positive(env: Mapping[str, str], name: str, default: str) -> float:
    text = env.get(name, "").strip() or default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingError(
            f"{name} is '{printable(text)}'; expected a number above 0 such as {default}. Correct"
            " it, or unset it."
        )
    return number
