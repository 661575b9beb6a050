"""Puts a fault into a step that Dagster's code runs, by wrapping the step's function."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from prefect_compat.comparison.faults import Fault, FaultKind, InjectedFailure, kill_process
from prefect_compat.engine.dagster_port.attempt import StepHooks


@contextmanager
def injected(fault: Fault | None) -> Iterator[None]:
    """While it is open, the fault is in the step, in whichever run of this process it is."""
    if fault is None:
        yield
        return
    attempts: dict[str, int] = {}

    def faulty(context: dg.StepExecutionContext, call: Callable[[], Any]) -> Any:
        if context.step.key != fault.step:
            return call()
        # By run: each chunk of partitions, and a warm run, starts again at its first attempt.
        attempts[context.run_id] = attempts.get(context.run_id, 0) + 1
        if fault.attempts is not None and attempts[context.run_id] > fault.attempts:
            return call()
        return _FAULTS[fault.kind](fault, call)

    with StepHooks(around_function=faulty).installed():
        yield


# A generator, so that iterating it raises and not the call: only around the iteration does
# Dagster apply the retry policy (`_yield_compute_results`).
def _raise(fault: Fault, call: Callable[[], Any]) -> Iterator[Any]:
    raise InjectedFailure(f"asked for in {fault.step}")
    yield


def _fail_checks(fault: Fault, call: Callable[[], Any]) -> Any:
    events = call()
    if inspect.isasyncgen(events):
        return (_failed(event) async for event in events)
    # A function may give None for no events; Dagster accepts that too.
    return (_failed(event) for event in events or ())


_FAULTS: Mapping[FaultKind, Callable[[Fault, Callable[[], Any]], Any]] = {
    "error": _raise,
    "failed checks": _fail_checks,
    "kill": lambda fault, call: kill_process(),
}


def _failed(event: Any) -> Any:
    """The event, with every check result in it failed."""
    if isinstance(event, dg.AssetCheckResult):
        return event._replace(passed=False)
    if isinstance(event, dg.MaterializeResult) and event.check_results:
        return event._replace(check_results=[_failed(check) for check in event.check_results])
    return event
