"""Resources and configuration of the assets: the log, what is evaluated, the sample, the model."""

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from ticket_assets.addresses import holds_secret, printable
from ticket_assets.errors import SourceError
from ticket_assets.evaluation.alert_limits import AlertLimits, broken_rule
from ticket_assets.evaluation.models import PriorityHours
from ticket_assets.event_log import DownloadLimits, Log, open_log
from ticket_assets.event_log.live import LiveFile, list_files
from ticket_assets.store.tables import Table, to_frame


class EventLog(dg.ConfigurableResource["EventLog"]):
    """The incident event log: fetched once, parsed once, read by day."""

    # Dagster records a resource's configuration, shows it, and makes each run's copy of the
    # resource from it; private attributes do not reach the copy (1.13). So `source` is the address
    # without its secrets. `address` is the whole address, as a dependency: the copy gets the same
    # object, and Dagster writes it nowhere. A `source` in a run's configuration replaces both.
    source: str = Field(
        description="sample, uci, an http(s):// or s3:// address, a path, or a live log's folder"
    )
    address: dg.ResourceDependency[SecretStr]
    cache: str = Field(description="folder of the downloads and the parsed log")
    dask: str = Field(default="", description="cluster that parses a large log; see TICKET_DASK")
    timeout_s: float = 30.0
    attempts: int = 4
    limit_mb: int = 4096

    _opened: Log | None = PrivateAttr(default=None)

    def _real_address(self) -> str:
        known = self.address.get_secret_value()
        if self.source == printable(known):
            return known
        if "://" in self.source and holds_secret(self.source):
            raise SourceError(
                f"The run's configuration, event_log.source: found {printable(self.source)} with a"
                " user, a password or a query; expected an address without secrets, because"
                " Dagster records a run's configuration. Set TICKET_EVENT_LOG to the whole address"
                " instead, and renew its secret."
            )
        return self.source

    def open(self, log: logging.Logger | logging.LoggerAdapter[Any]) -> Log:
        """The parsed log; the first call of a run fetches and parses it if needed."""
        if self._opened is None:
            self._opened = open_log(
                self._real_address(),
                cache=Path(self.cache),
                limits=self._limits,
                log=log.info,
                dask=self.dask,
            )
        return self._opened

    def list_files(self) -> tuple[LiveFile, ...]:
        """The files of a live log; none of them is read."""
        return list_files(self._real_address(), self._limits)

    @property
    def _limits(self) -> DownloadLimits:
        return DownloadLimits(
            timeout_s=self.timeout_s, attempts=self.attempts, limit_mb=self.limit_mb
        )

    def read(self, log: dg.DagsterLogManager, first_day: date, last_day: date) -> Table:
        """The rows of these days, both included, ordered by day and `log_row`."""
        if self.dask:
            return self.open(log).read_large(first_day, last_day, self.dask)
        return to_frame(self.open(log).read(first_day, last_day))


def _limit(name: str, description: str) -> Any:
    default = getattr(AlertLimits, name)
    return Field(
        default=None, description=f"{description}; empty: TICKET_ALERT_LIMITS, else {default:g}"
    )


class AlertLimitsConfig(dg.Config):
    """The limits of the report's alerts; an empty one is as the settings say."""

    mae_h: float | None = Field(
        default=None,
        description="MAE in hours that is too large; empty: TICKET_MAE_LIMIT_H, else the highest of"
        " any 28 days before",
    )
    baseline_better_h: float | None = _limit(
        "baseline_better_h", "hours by which a baseline must be better"
    )
    challenger_better_h: float | None = _limit(
        "challenger_better_h", "hours by which another model must be better"
    )
    change_significance: float | None = _limit(
        "change_significance", "probability of a false alarm of a changed error"
    )
    drift_significance: float | None = _limit(
        "drift_significance", "adjusted p-value below which an input has changed"
    )
    drift_share: float | None = _limit(
        "drift_share", "share of incidents with another value of the input"
    )
    slice_significance: float | None = _limit(
        "slice_significance", "adjusted p-value below which a slice is worse"
    )
    slice_worse_h: float | None = _limit("slice_worse_h", "hours by which a slice must be worse")
    fewest_incidents: int | None = _limit(
        "fewest_incidents", "incidents without which there is no interval and no test of a slice"
    )

    @field_validator("*")
    @classmethod
    def _is_a_limit(cls, value: float | None, info: ValidationInfo) -> float | None:
        # Pydantic calls this before the run's first step, and its error names the field.
        if rule := broken_rule(str(info.field_name), value):
            raise ValueError(f"found {value}, expected {rule}")
        return value

    def limits(self, otherwise: AlertLimits) -> AlertLimits:
        """The limits that are set here, and the others from `otherwise`."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return replace(otherwise, **given)


class Evaluation(dg.ConfigurableResource["Evaluation"]):
    """What is evaluated, unless a run's configuration says otherwise: the settings' choice."""

    model: str = Field(description="the model; see TICKET_MODEL")
    population: str = Field(description="the rows that are sampled; see TICKET_POPULATION")
    alert_limits: dict[str, float] = Field(
        description="limits of alerts that are not the defaults; see TICKET_ALERT_LIMITS"
    )


class SampledBatchConfig(dg.Config):
    """The size and the seed of each day's batch."""

    batch_size: int = Field(
        default=1000, ge=1, description="rows drawn from each day; all of a day that has fewer"
    )
    seed: int = Field(default=498, ge=0, description="with the day, decides which rows are drawn")
    population: str = Field(
        default="", description="all, or open: without Closed rows; empty: TICKET_POPULATION"
    )


def _hours(default: float, priority: str) -> Any:
    description = f"hours predicted for {priority[0].lower()}{priority[1:]}"
    return Field(default=default, gt=0, title=f"{priority}, hours", description=description)


class PredictionsConfig(dg.Config):
    """The model, and the hours that `priority-hours` predicts to closing."""

    model: str = Field(default="", description="the model; empty: TICKET_MODEL")

    critical_h: float = _hours(PriorityHours.critical, "1 - Critical")
    high_h: float = _hours(PriorityHours.high, "2 - High")
    moderate_h: float = _hours(PriorityHours.moderate, "3 - Moderate")
    low_h: float = _hours(PriorityHours.low, "4 - Low")
    other_h: float = _hours(PriorityHours.other, "Any other priority")

    def hours(self) -> PriorityHours:
        return PriorityHours(
            critical=self.critical_h,
            high=self.high_h,
            moderate=self.moderate_h,
            low=self.low_h,
            other=self.other_h,
        )
