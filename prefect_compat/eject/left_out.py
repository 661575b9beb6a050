"""Features of the definitions that the written project does not have, and what to do."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from prefect_compat.eject.steps import EjectedStep
from prefect_compat.engine.dagster_port.definitions import assets_definitions
from prefect_compat.graph.job_source import JobSource

Left = tuple[str, str, str]


def left_out(source: JobSource, steps: Sequence[EjectedStep]) -> list[Left]:
    """Each feature that is left out: its name, where it is used, what to do."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for feature, where, what in (*_of_assets(source.job), *_of_steps(steps), *_timers(source)):
        found[feature, what].append(where)
    return sorted(
        (feature, ", ".join(sorted(set(where))), what) for (feature, what), where in found.items()
    )


def _of_assets(job: dg.JobDefinition) -> Iterator[Left]:
    for assets_def in assets_definitions(job):
        for spec in assets_def.specs:
            name = spec.key.to_user_string()
            if spec.automation_condition is not None:
                yield (
                    "automation condition",
                    name,
                    "schedule the flow, or start it from a Prefect automation",
                )
            if getattr(spec, "freshness_policy", None) is not None:
                yield "freshness policy", name, "watch the deployment with a Prefect automation"
            if spec.metadata:
                yield "metadata of the definition", name, "none is needed for a run"
            if spec.owners or spec.kinds or spec.group_name not in (None, "default"):
                yield "owners, kinds, groups", name, "labels of Dagster's catalogue; use tags"
            if spec.code_version:
                yield "code version", name, "use a cache policy of Prefect's if you need it"
        if assets_def.backfill_policy is not None:
            yield (
                "backfill policy",
                ", ".join(sorted(key.to_user_string() for key in assets_def.keys)),
                "pass a range as the flow's partition, or run it once for each",
            )


def _of_steps(steps: Sequence[EjectedStep]) -> Iterator[Left]:
    for step in steps:
        if "returned result" in step.rules:
            yield "metadata of materializations", step.name, "they are lines of the run's log"
        if step.step.retry.jitter:
            yield "jitter of retries", step.name, "use `retry_jitter_factor` of the task"
        if step.step.pool:
            yield (
                "pool",
                step.name,
                f"set a limit of the tag: `prefect concurrency-limit create {step.step.pool} 1`",
            )
        if step.step.priority:
            yield "priority", step.name, "Prefect has none"


def _timers(source: JobSource) -> Iterator[Left]:
    name = source.plan.name
    for schedule in source.repository.schedule_defs:
        if schedule.job_name == name:
            yield "schedule's function", schedule.name, "its cron stands in prefect.yaml"
    for sensor in source.repository.sensor_defs:
        yield "sensor", sensor.name, "use a Prefect automation, or a scheduled flow that looks"
