"""Dagster's side of a comparison: the job in one Dagster run, in this process.

python -m prefect_compat.comparison.sources.dagster_job '{"module": ..., "job": ..., ...}'
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg

from prefect_compat.comparison.record.contents import read_contents
from prefect_compat.comparison.record.dynamic_partitions import DynamicPartitions
from prefect_compat.comparison.record.events import EventReader, declared_assets
from prefect_compat.comparison.record.files import stored_files
from prefect_compat.comparison.record.record import NOT_STARTED, Record, RecordedStep
from prefect_compat.comparison.record.stopwatch import Stopwatch
from prefect_compat.comparison.record.versions import versions
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.place import validate_origin
from prefect_compat.comparison.sources.side import (
    SideTask,
    StepCounter,
    add_dynamic_partitions,
    main,
    with_warm_run,
)
from prefect_compat.engine.dagster_port.events import upstream_steps
from prefect_compat.engine.dagster_port.graph import parse_step_key
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.flow.parameters import run_config_of
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.job import read_plan, resolve_job
from prefect_compat.graph.partitions import chunks, run_keys, run_tags
from prefect_compat.graph.plan import Plan

STATES = {
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}


def run_dagster(task: SideTask) -> Record:
    """Runs the job under Dagster and says what Dagster recorded."""
    repository = task.project.load()
    validate_origin()
    meter = Meter()
    with dg.DagsterInstance.get() as instance:
        add_dynamic_partitions(instance, task.dynamic_partitions)
        return record_dagster(repository, task, instance, meter)


def record_dagster(
    defs: Loadable, task: SideTask, instance: dg.DagsterInstance, meter: Meter
) -> Record:
    """Runs the job of the definitions in an instance of its own."""
    job = resolve_job(defs, task.choice)
    config, placed = json.loads(task.run_config), json.loads(task.resources)
    keys = run_keys(job, task.partition, instance)
    # A run for each chunk of partitions, as Dagster's backfill starts them.
    plan = read_plan(job)
    runs = list(chunks(keys, plan.partitions_per_run)) if keys else [None]

    def run() -> list[str]:
        return [_run(job, instance, chunk, config, placed, dict(task.tags)) for chunk in runs]

    counter = StepCounter(Path(task.home), total=len(plan.steps) * len(runs))
    with (
        Stopwatch().running() as stopwatch,
        DynamicPartitions().recorded() as dynamic,
        counter.running(),
    ):
        meter.is_ready()
        run_ids = run()
        cost = meter.has_run()
        changes = dynamic.changes()
    entries = [
        [entry for entry in instance.all_logs(run_id) if entry.dagster_event is not None]
        for run_id in run_ids
    ]
    by_run = [[entry.get_dagster_event() for entry in of_run] for of_run in entries]
    events = list(chain.from_iterable(by_run))
    reader = EventReader(plan, [task.home, *run_ids], task.ignored_metadata)
    resources = merged_config(config, placed).get("resources", {})
    record = Record(
        side="dagster",
        steps=tuple(
            step
            for number, (run_id, of_run) in enumerate(zip(run_ids, entries, strict=True))
            for step in _steps(
                number, upstream_steps(instance, run_id), of_run, plan, stopwatch, reader
            )
        ),
        outputs=read_contents(job, instance, resources, reader.outputs(by_run), run_ids),
        checks=reader.checks(events),
        materialized=_materialized(by_run, declared_assets(plan)),
        cost=cost,
        versions=versions(),
        error=_error(events),
        observations=reader.observations(events),
        dynamic_partitions=changes,
        files=stored_files(Path(task.home), run_ids),
        run_ids=tuple(run_ids),
    )
    # Last: it would overwrite what the recorded run has stored.
    return replace(record, cost=with_warm_run(cost, task, run))


def _run(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    keys: tuple[str, ...] | None,
    config: dict[str, Any],
    placed: dict[str, Any],
    tags: dict[str, str],
) -> str:
    """The id of a run in this process, with the job's own IO manager: Dagster would put one in
    memory in the place of its default."""
    result = job.execute_in_process(
        run_config=merged_config(run_config_of(job, config, {}, keys), placed),
        instance=instance,
        tags=run_tags(job, keys, tags, instance),
        resources={
            key: job.resource_defs[key] for key in ("io_manager",) if key in job.resource_defs
        },
        # A failed run is a result to compare, not an error of the comparison.
        raise_on_error=False,
    )
    return result.run_id


def _steps(
    run: int,
    upstream: Mapping[StepId, tuple[StepId, ...]],
    entries: Iterable[dg.EventLogEntry],
    plan: Plan,
    stopwatch: Stopwatch,
    reader: EventReader,
) -> Iterator[RecordedStep]:
    """The steps of the run; in place of a mapped step, those that it became."""
    by_step: dict[StepId, list[dg.EventLogEntry]] = defaultdict(list)
    for entry in entries:
        if entry.step_key is not None:
            by_step[parse_step_key(entry.step_key)].append(entry)
    planned = {step for step in upstream if plan.step(step.name).kind != "mapped"}
    for step in sorted({*by_step, *planned}, key=str):
        of_step = by_step[step]
        times = stopwatch.times_of(of_step[0].run_id, step) if of_step else {}
        # The stored plan has a mapped step once, without its mapping key.
        above = upstream.get(StepId(step.name), ())
        errors = reader.errors(entry.get_dagster_event() for entry in of_step)
        yield replace(_step(run, step, above, of_step), errors=errors, **times)


def _step(
    run: int, step: StepId, upstream: tuple[StepId, ...], entries: Sequence[dg.EventLogEntry]
) -> RecordedStep:
    events = [(entry.get_dagster_event(), entry.timestamp) for entry in entries]
    states = [STATES[event.event_type] for event, _ in events if event.event_type in STATES]
    # An attempt after the first begins with STEP_RESTARTED instead of STEP_START.
    starts = [at for event, at in events if event.is_step_start or event.is_step_restarted]
    return RecordedStep(
        run=run,
        step=step,
        state=states[-1] if states else NOT_STARTED,
        upstream=upstream,
        attempts=len(starts),
        waits_s=tuple(
            float(event.step_retry_data.seconds_to_wait or 0)
            for event, _ in events
            if event.is_step_up_for_retry
        ),
        started_s=starts[0] if starts else None,
        # A skipped step ends without having started.
        ended_s=max((at for event, at in events if event.event_type in STATES), default=None)
        if starts
        else None,
    )


def _materialized(
    runs: Iterable[Sequence[dg.DagsterEvent]], declared: Mapping[str, AbstractSet[tuple[str, ...]]]
) -> tuple[tuple[str, int], ...]:
    """Counts materialized partitions per asset, for the assets that a step declares.

    For successful steps only: Prefect's catalogue reports none for failed ones.
    """
    counts: Counter[str] = Counter()
    for events in runs:
        succeeded = {event.step_key for event in events if event.is_step_success}
        counts.update(
            "/".join(event.asset_key.path)
            for event in events
            if event.is_step_materialization and event.asset_key is not None
            if event.step_key in succeeded
            if tuple(event.asset_key.path)
            in declared.get(parse_step_key(str(event.step_key)).name, ())
        )
    return tuple(sorted(counts.items()))


def _error(events: Sequence[dg.DagsterEvent]) -> str | None:
    failures = [event for event in events if event.is_failure]
    return str(failures[0].message) if failures else None


if __name__ == "__main__":
    main(run_dagster)
