"""A live log under Dagster: a sensor sees new files, conditions evaluate new and changed days.

The sensor compares a listing of the files with the last one. If it differs, a run observes
`event_log`: it parses the new files and reports the days that are new or have other rows. The
automation conditions of the daily assets then request these days.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg

from ticket_assets.assets import DAILY_ASSETS, raw_log, trial_summary
from ticket_assets.configured import event_log_of
from ticket_assets.declarations import refusals_are_final
from ticket_assets.event_log import Log
from ticket_assets.event_log.live import LiveFile, last_complete_day
from ticket_assets.model_assets import challenger
from ticket_assets.resources import EventLog
from ticket_assets.settings import Settings
from ticket_assets.upstream_fixes.private_names import UnresolvedAssetJobDefinition

VERSION_TAG = "dagster/data_version"
LOOK_EVERY_S = 30
EVENTS_PER_QUERY = 500
SHOWN_DAYS = 10
# A file comes each day: one that is half a day late is a warning, a day late a failure.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=36), fail_window=timedelta(hours=48)
)

event_log_observation = dg.define_asset_job(
    "event_log_observation",
    selection=dg.AssetSelection.assets("event_log"),
    description="Parses new files of the live log and reports the days that are new or changed.",
)


@dataclass(frozen=True)
class LogParts:
    """The definitions that depend on the kind of the log; by default those of a closed one.

    `options` are those of daily assets, by name. `waiting_days` is as in `oldest_day_first`.
    """

    source: dg.SourceAsset
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting_days: Callable[[dg.DagsterInstance], Sequence[str]] | None = None
    jobs: tuple[UnresolvedAssetJobDefinition, ...] = ()
    sensors: tuple[dg.SensorDefinition, ...] = ()


def parts(settings: Settings, days: dg.PartitionsDefinition[str]) -> LogParts:
    """The definitions of a live log."""
    options: dict[str, dict[str, Any]] = {
        asset.name: {"automation_condition": new_or_changed_day()} for asset in DAILY_ASSETS
    }
    # It reads the days before from the log, which may begin later than the window of its lineage,
    # and late rows of one day would train a month of days again.
    past = dg.AssetSelection.assets(raw_log.name)
    options[challenger.name] = {"automation_condition": new_or_changed_day(ignored=past)}
    options[trial_summary.name] |= {"freshness_policy": FRESHNESS}
    return LogParts(
        observed_event_log(days),
        options,
        partial(waiting_days, settings, days),
        (event_log_observation,),
        (new_files(settings), evaluation_of_new_days()),
    )


def new_or_changed_day(
    ignored: dg.AssetSelection | None = None,
) -> dg.AutomationCondition[Any]:
    """True for a day of the log that was never evaluated, or has other rows than it had.

    `ignored` are dependencies whose partitions do not matter. A day whose run failed is not
    requested again until its rows change; the schedule retries it.
    """
    condition = dg.AutomationCondition
    of_deps = [
        each if ignored is None else each.ignore(ignored)
        for each in (
            condition.any_deps_updated(),
            condition.any_deps_missing(),
            condition.any_deps_in_progress(),
        )
    ]
    updated, missing, in_progress = of_deps
    never_evaluated = condition.missing() & ~condition.execution_failed()
    # Not `eager`: of daily partitions, that looks at the latest alone. And not since the latest
    # update: late rows that come during a run of their day would be lost when the run updates it.
    changed = updated.since(condition.newly_requested() | condition.initial_evaluation())
    return (
        (never_evaluated | changed)
        # A day that is not complete was not observed, so `event_log` is missing there.
        & ~missing
        & ~in_progress
        & ~condition.in_progress()
    ).with_label("new_or_changed_day")


def observed_event_log(days: dg.PartitionsDefinition[str]) -> dg.SourceAsset:
    """The source asset `event_log` with one data version for each complete day."""

    @dg.observable_source_asset(
        name="event_log",
        partitions_def=days,
        group_name="source",
        description="The live event log: one row per update of an incident. A day's data version"
        " is a digest of the files that have rows of it. Days that are not complete have none.",
    )
    def event_log(
        context: dg.OpExecutionContext, event_log: EventLog
    ) -> dg.DataVersionsByPartition:
        """The versions of the days that are new or have changed since the last observation."""
        with refusals_are_final():
            log = event_log.open(context.log)
        known = _observed_versions(context.instance)
        changed = days_to_evaluate(log, days.get_partition_keys(), known)
        new = [day for day in changed if day not in known]
        late = [day for day in changed if day in known]
        context.log.info(
            f"Days that are new: {_shown(new)}. Days with other rows than before:"
            f" {_shown(late)}. In {log.identity.location}, {log.span}."
        )
        return dg.DataVersionsByPartition({day: log.sha256_of_day(day) for day in changed})

    return event_log


def _shown(days: Sequence[str]) -> str:
    more = f" and {len(days) - SHOWN_DAYS} more" if len(days) > SHOWN_DAYS else ""
    return ", ".join(days[:SHOWN_DAYS]) + more if days else "none"


def _observed_versions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The data version of each day's latest observation."""
    latest = _latest_of_days(
        instance, "event_log", dg.DagsterEventType.ASSET_OBSERVATION, instance.fetch_observations
    )
    return {
        str(record.partition_key): record.asset_observation.tags[VERSION_TAG]
        for record in latest
        if record.asset_observation
    }


def _evaluated_versions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The log's identity in each day's latest trial summary."""
    latest = _latest_of_days(
        instance,
        trial_summary.name,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        instance.fetch_materializations,
    )
    return {
        str(record.partition_key): str(made.metadata["log_sha256"].value)
        for record in latest
        if (made := record.asset_materialization) and "log_sha256" in made.metadata
    }


def _latest_of_days(
    instance: dg.DagsterInstance,
    asset: str,
    kind: dg.DagsterEventType,
    fetch: Callable[..., dg.EventRecordsResult],
) -> Iterator[dg.EventLogRecord]:
    """The latest event of this kind of each day of the asset."""
    key = dg.AssetKey(asset)
    ids = sorted(instance.get_latest_storage_id_by_partition(key, kind).values())
    for start in range(0, len(ids), EVENTS_PER_QUERY):
        batch = ids[start : start + EVENTS_PER_QUERY]
        yield from fetch(dg.AssetRecordsFilter(key, storage_ids=batch), limit=len(batch)).records


def days_to_evaluate(log: Log, days: Sequence[str], evaluated: Mapping[str, str]) -> list[str]:
    """Those of the days that the log has completely, and whose identity is not the evaluated one.

    `evaluated` has the identity with which each day was evaluated.
    """
    return [
        day
        for day in days
        if str(log.first_day) <= day <= str(log.last_day)
        and evaluated.get(day) != log.sha256_of_day(day)
    ]


def waiting_days(
    settings: Settings, days: dg.PartitionsDefinition[str], instance: dg.DagsterInstance
) -> list[str]:
    """The days of the live log that Dagster's catalog does not know as they are now."""
    log = event_log_of(settings).open(dg.get_dagster_logger())
    return days_to_evaluate(log, days.get_partition_keys(), _evaluated_versions(instance))


def new_files(settings: Settings) -> dg.SensorDefinition:
    """The sensor that has the log observed when its files or complete days have changed."""

    @dg.sensor(
        name="new_files",
        job=event_log_observation,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for files that were added to the live log, replaced or removed. If"
        " there are any, a run observes `event_log`.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        files = event_log_of(settings).list_files()
        if not files:
            return dg.SkipReason("The log has no file yet.")
        cursor = _digest_of(files)
        if cursor == context.cursor:
            return dg.SkipReason(f"The {len(files)} files of the log are the same as before.")
        context.update_cursor(cursor)
        return dg.RunRequest()

    return look


def _digest_of(files: Collection[LiveFile]) -> str:
    """A text that changes with the files, and when another day is complete."""
    day = last_complete_day(tuple(files), datetime.now(UTC).date())
    text = "\n".join([str(day), *(f"{file.name} {file.version}" for file in files)])
    return hashlib.sha256(text.encode()).hexdigest()


def evaluation_of_new_days() -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the daily assets' automation conditions."""
    return dg.AutomationConditionSensorDefinition(
        "evaluation_of_new_days",
        target=dg.AssetSelection.assets(*(asset.name for asset in DAILY_ASSETS)),
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates the days of the live log that are new, and again those that have"
        " other rows than before.",
    )
