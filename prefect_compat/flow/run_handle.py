"""How a task finds its run: in this process the open one, in another process one of its own."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from prefect_compat.engine.run import Execution, RunRequest, join_execution, run_instance
from prefect_compat.errors import DefinitionError
from prefect_compat.graph.job_source import JobSource

_OPEN: dict[str, Execution] = {}


class ExecutionHandle:
    """Passed to every task. Where it is pickled (process pool, Dask), it carries how to open the
    run again: where the job comes from, its configuration and its tags."""

    def __init__(self, execution: Execution, source: JobSource | None) -> None:
        self._request: RunRequest = execution.request
        self._source = source
        # The flow run's own folder, where Dagster's default IO manager stores without DAGSTER_HOME.
        # One made by each process would not have the others' outputs, and would be left behind.
        reports = source is not None and source.instance is not None
        self._folder = None if reports else execution.instance.root_directory
        _OPEN[execution.run.run_id] = execution

    def forget(self) -> None:
        """After the run: no task asks any more."""
        _OPEN.pop(self._request.run_id, None)

    @contextmanager
    def opened(self, upstream: Iterable[Any], mappings: Mapping[str, Any]) -> Iterator[Execution]:
        """The run, knowing what the upstream results and the dynamic outputs say.

        In another process it is open for one task, as Dagster's executors do it: resources are
        released with the step, since nothing tells that process when the run ends.
        """
        known = _OPEN.get(self._request.run_id)
        with nullcontext(known) if known else self._joined() as execution:
            execution.learn(upstream)
            for step, keys in mappings.items():
                execution.resolve(step, keys)
            yield execution

    @contextmanager
    def _joined(self) -> Iterator[Execution]:
        assert self._source is not None  # it was pickled with one
        instance = self._source.instance
        with (
            nullcontext(instance) if instance else run_instance(self._folder) as found,
            join_execution(self._request, found) as execution,
        ):
            yield execution

    def __getstate__(self) -> dict[str, Any]:
        if self._source is None:
            raise DefinitionError("`materialize` runs its steps in this process alone.")
        request = replace(self._request, job=None, repository=None)  # type: ignore[arg-type]
        return {"source": self._source, "request": request, "folder": self._folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._source = source = state["source"]
        self._folder = state["folder"]
        self._request = replace(state["request"], job=source.job, repository=source.repository)
