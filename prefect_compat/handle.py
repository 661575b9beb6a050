"""How a task finds its run: in this process the open one, in another process one of its own."""

import atexit
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from typing import Any

import dagster as dg
from dagster._core.instance import InstanceRef

from prefect_compat.errors import DefinitionError
from prefect_compat.execution import Execution, RunRequest, join_execution, run_instance
from prefect_compat.plan import resolve_job

_OPEN: dict[str, Execution] = {}
_JOINED = ExitStack()
atexit.register(_JOINED.close)


class ExecutionHandle:
    """Passed to every task. Where it is pickled (process pool, Dask), it carries how to open the
    run again: the module that holds the definitions, the job, its configuration and tags."""

    def __init__(self, execution: Execution, definitions: dg.Definitions | None) -> None:
        self.run_id = execution.run.run_id
        self.job = execution.job
        self._request: RunRequest = execution.request
        instance = execution.instance
        self._instance_ref: InstanceRef | None = (
            instance.get_ref() if instance.is_persistent else None
        )
        self._definitions = definitions
        _OPEN[self.run_id] = execution

    def forget(self) -> None:
        """After the run: no task asks any more."""
        _OPEN.pop(self.run_id, None)

    def open(self, upstream: Iterable[Any], mappings: Mapping[str, Any]) -> Execution:
        """The run, knowing what the upstream results and the dynamic outputs say."""
        execution = _OPEN.get(self.run_id) or self._join()
        execution.learn(upstream)
        for step, keys in mappings.items():
            execution.resolve(step, keys)
        return execution

    def _join(self) -> Execution:
        """The same run in this process, with its resources set up here; until the process ends."""
        instance = (
            dg.DagsterInstance.from_ref(self._instance_ref)
            if self._instance_ref
            else _JOINED.enter_context(run_instance())
        )
        execution = _JOINED.enter_context(join_execution(self._request, instance))
        return _OPEN.setdefault(self.run_id, execution)

    def __getstate__(self) -> dict[str, Any]:
        module, name = _place_of(self._definitions)
        return {
            "run_id": self.run_id,
            "place": (module, name),
            "job": self.job.name,
            "request": replace(self._request, job=None, repository=None),  # type: ignore[arg-type]
            "instance_ref": self._instance_ref,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        module, name = state["place"]
        self._definitions = getattr(import_module(module), name)
        self.run_id = state["run_id"]
        self.job = resolve_job(self._definitions, state["job"])
        self._request = replace(
            state["request"], job=self.job, repository=self._definitions.get_repository_def()
        )
        self._instance_ref = state["instance_ref"]


def _place_of(definitions: dg.Definitions | None) -> tuple[str, str]:
    """The module and the name under which another process can import the definitions."""
    for module_name, module in list(sys.modules.items()):
        if module_name == "__main__":
            continue
        for name, value in list(vars(module).items()) if hasattr(module, "__dict__") else []:
            if value is definitions and definitions is not None:
                return module_name, name
    raise DefinitionError(
        "The definitions are no global variable of a module that another process could import, so"
        " the flow cannot run on a process pool or on Dask. Put them into a module, or use"
        " Prefect's thread pool."
    )
