"""Options of a task beside its function, and those that have no counterpart in Dagster."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import TaskRun

from prefect_compat.skeleton.facts import TaskOptions

# Dagster's rule for the key of a tag.
TAG = re.compile(r"[A-Za-z0-9_.-]{1,63}")
HOOKS = ("on_completion_hooks", "on_failure_hooks", "on_rollback_hooks", "on_commit_hooks")


def read_options(task: Task[..., Any], run: TaskRun) -> TaskOptions:
    """The options of a task; the tags are those of the run."""
    tags = sorted(set(run.tags))
    return TaskOptions(
        retries=task.retries or 0,
        delays_s=_delays(task.retry_delay_seconds),
        tags=tuple(tag for tag in tags if TAG.fullmatch(tag)),
        description=task.description,
        left=tuple(_left(task, tags)),
    )


def _delays(declared: Any) -> tuple[float, ...]:
    if isinstance(declared, Sequence):
        return tuple(map(float, declared))
    return (float(declared),) if declared else ()


def _left(task: Task[..., Any], tags: Sequence[str]) -> Iterator[str]:
    if task.timeout_seconds:
        yield f"timeout of {task.timeout_seconds:g} s: Dagster has none for a step"
    if task.retries and len(set(_delays(task.retry_delay_seconds))) > 1:
        delays = ", ".join(f"{delay:g}" for delay in _delays(task.retry_delay_seconds))
        yield f"retry delays of {delays} s: Dagster has one delay; the first is written"
    if task.retry_jitter_factor:
        yield "jitter of the retry delay"
    if task.retry_condition_fn is not None:
        yield "condition of a retry: Dagster retries after each error"
    if task.cache_key_fn is not None or task.cache_expiration is not None:
        yield "caching"
    if any(getattr(task, name, ()) for name in HOOKS):
        yield "hooks on states"
    for tag in tags:
        if not TAG.fullmatch(tag):
            yield f"tag {tag!r}: not a valid tag in Dagster"
