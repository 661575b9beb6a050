"""A task's access to its run: the open run in this process, or its own in another process."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from prefect_compat.engine.dagster_port.run import RunRequest
from prefect_compat.engine.result import RetryRequestedError, StepResult
from prefect_compat.engine.run import Run, join_run, run_instance
from prefect_compat.errors import DefinitionError
from prefect_compat.graph.ids import StepId
from prefect_compat.graph.job_source import JobSource

# The open runs of this process, by run id. A handle does not hold its run: it is pickled for other
# processes, and a run has locks and open resources.
_OPEN: dict[str, Run] = {}


class RunHandle:
    """A run, as a parameter of each of its tasks.

    Pickled for a process pool or Dask, it carries what is needed to open the run again: where the
    job comes from, its configuration and its tags.
    """

    def __init__(self, run: Run, source: JobSource | None) -> None:
        self._request: RunRequest = run.request
        self._source = source
        # The flow run's own folder, where Dagster's default IO manager stores without
        # DAGSTER_HOME. A folder per process would lack the others' outputs, and would be left
        # behind.
        reports = source is not None and source.instance is not None
        self._folder = None if reports else run.instance.root_directory
        # Prefect repeats an attempt in the process that made it, so these need not be pickled.
        self._retries: dict[StepId, tuple[int, float]] = {}
        self._cache_keys: dict[StepId, str | None] = {}
        _OPEN[run.run_id] = run

    def forget(self) -> None:
        """Releases the run after it has ended: no task needs it any more."""
        _OPEN.pop(self._request.run_id, None)

    def ask_for_retry(self, step: StepId, attempts: int, error: RetryRequestedError) -> None:
        """Keeps that Dagster has granted another attempt after `attempts`, and its wait."""
        self._retries[step] = (attempts, error.wait_s)

    def asked_retry(self, step: StepId) -> tuple[int, float] | None:
        """The number of attempts after which Dagster granted another, and its wait in seconds."""
        return self._retries.get(step)

    def keep_cache_key(self, step: StepId, key: str | None) -> None:
        """Keeps the key that Prefect has asked for before the step runs."""
        self._cache_keys[step] = key

    def cache_key(self, step: StepId) -> str | None:
        """The step's cache key; None without one, or if results are not cached."""
        return self._cache_keys.get(step)

    @contextmanager
    def opened(
        self, step: StepId, upstream: Iterable[StepResult], mappings: Mapping[str, Any]
    ) -> Iterator[Run]:
        """The run for one of its steps, informed of upstream results and dynamic outputs.

        In another process it is opened for one task, as Dagster's executors do it. Resources are
        released with the step, because nothing tells that process when the run ends.
        """
        known = _OPEN.get(self._request.run_id)
        with nullcontext(known) if known else self._joined(step) as run:
            run.sink.learn(upstream)
            for name, keys in mappings.items():
                run.resolve(name, keys)
            yield run

    @contextmanager
    def _joined(self, step: StepId) -> Iterator[Run]:
        assert self._source is not None  # it was pickled with one
        reported = self._source.instance
        with (
            nullcontext(reported) if reported else run_instance(self._folder) as instance,
            join_run(self._request, instance, step) as run,
        ):
            yield run

    def __getstate__(self) -> dict[str, Any]:
        if self._source is None:
            raise DefinitionError("`materialize` runs its steps in this process alone.")
        # Dagster's definitions cannot be pickled. The other process gets them from the source.
        request = replace(self._request, job=None, repository=None)  # type: ignore[arg-type]
        return {"source": self._source, "request": request, "folder": self._folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._source = source = state["source"]
        self._folder = state["folder"]
        self._retries = {}
        self._cache_keys = {}
        self._request = replace(state["request"], job=source.job, repository=source.repository)
