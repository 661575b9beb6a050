"""One attempt at one step: its inputs loaded, its function called, its outputs stored.

Dagster's own step code does all of it. Direct invocation, Dagster's public way to call an asset,
has no inputs from IO managers, no partition mappings, no graph-backed assets and no run in its
context.
"""

from collections.abc import Iterable

import dagster as dg

from prefect_compat.engine.dagster_port.attempt import (
    attempt_events,
    hook_events,
    raised_by_dagster,
    skipped_event,
)
from prefect_compat.engine.result import RetryRequestedError, StepResult
from prefect_compat.engine.run import Run
from prefect_compat.graph.ids import StepId


def run_step(
    run: Run, step: StepId, attempts_before: int, cache_key: str | None = None
) -> StepResult:
    """Runs a step once.

    Raises RetryRequestedError if the step is to be tried again, else what its code raised. A step
    is skipped, as Dagster skips it, if one of its inputs was not yielded upstream.
    """
    earlier = run.state.events_of(step) if attempts_before else ()
    with run.step_context(step, attempts_before) as context:
        # Prefect starts a step when everything upstream has completed. Skipped steps count.
        if run.is_missing_input(context):
            skipped = _record(run, [skipped_event(context)])
            return StepResult(step, run.run_id, skipped, skipped=True, cache_key=cache_key)
        events = _record(run, attempt_events(context))
        events += _record(run, hook_events(context, events))
        for event in events:
            if event.is_step_up_for_retry:
                retry = event.step_retry_data
                error = retry.error.cause or retry.error
                raise RetryRequestedError(error.message.strip(), float(retry.seconds_to_wait or 0))
            if event.is_step_failure:
                failure = context.step_exception
                assert failure is not None  # Dagster captures it with the event
                run.state.add_failure(step, raised_by_dagster(failure, event))
                raise _as_user_raised(failure)
    return StepResult(step, run.run_id, events, earlier=earlier, cache_key=cache_key)


def _record(run: Run, events: Iterable[dg.DagsterEvent]) -> tuple[dg.DagsterEvent, ...]:
    recorded = []
    for event in events:
        run.sink.record(event)
        recorded.append(event)
    return tuple(recorded)


def _as_user_raised(failure: BaseException) -> BaseException:
    """The user's own error, if a retry policy wrapped it."""
    if isinstance(failure, dg.RetryRequested) and failure.__cause__ is not None:
        return failure.__cause__
    return failure
