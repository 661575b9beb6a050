"""A pytest plugin: notes which tests call the functions of CONFORMANCE_CALLS and how they end.

The functions are `materialize` and `materialize_to_memory`, the method `execute_in_process` of a
job, or all three, if CONFORMANCE_CALLS names both, with a comma between. With
CONFORMANCE_SIDE=prefect they are the drop-ins of `prefect_compat`.

Loaded with `-p` before Dagster's test modules, so that their imports find the replacements.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import dagster
import pytest

SIDE = os.environ["CONFORMANCE_SIDE"]
RESULTS = Path(os.environ["CONFORMANCE_RESULTS"])
CALLS = os.environ["CONFORMANCE_CALLS"].split(",")
NAMES = ("materialize", "materialize_to_memory")
SOURCES = str(Path.cwd())
_calls: list[str] = []


def _name(item: pytest.Item) -> str:
    """The name of a test, the same wherever the sources lie: some are parametrized by a path."""
    return item.nodeid.replace(SOURCES, ".")


def _noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _calls.append(name)
        return function(*args, **kwargs)

    return call


def _replace() -> None:
    module = sys.modules["dagster._core.definitions.materialize"]
    for name in NAMES:
        theirs = getattr(module, name)
        if SIDE == "prefect":
            import prefect_compat

            function = _noted(name, getattr(prefect_compat, name))
        else:
            function = _noted(name, theirs)
        for found in list(sys.modules.values()):
            if found is not None and vars(found).get(name) is theirs:
                setattr(found, name, function)
    assert dagster.materialize is module.materialize


def _replace_method() -> None:
    """Replaces the method of jobs, which graphs call too."""
    job: Any = dagster.JobDefinition
    function = job.execute_in_process
    if SIDE == "prefect":
        import prefect_compat

        function = prefect_compat.execute_in_process
    job.execute_in_process = _noted("execute_in_process", function)


if "materialize" in CALLS:
    _replace()
if "execute_in_process" in CALLS:
    _replace_method()


@pytest.fixture(scope="session", autouse=True)
def _prefect_server() -> Iterator[None]:
    if SIDE != "prefect":
        yield
        return
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    quick = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with prefect_test_harness(server_startup_timeout=180), quick:
        yield


def pytest_runtest_setup() -> None:
    """A context of Dagster's direct invocation that outlives its instance leaves the instance's
    storage behind, as it is: the tests after it would depend on their order."""
    from dagster._core.storage.defs_state.base import _current_storage

    _current_storage.set(None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Forgets a storage whose instance is gone: the garbage collector, which closes the contexts
    of earlier tests, can bring it back during a long fixture."""
    from dagster._core.storage.defs_state.base import _current_storage

    storage: Any = _current_storage.get()
    if storage is not None and storage.has_instance and storage._instance_weakref() is None:
        _current_storage.set(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[misc]  # the hook's protocol
    if call.when == "setup":
        _calls.clear()
    if call.when == "call":
        line = {
            "test": _name(item),
            "outcome": report.outcome,
            "calls": sorted(set(_calls)),
            "reason": str(call.excinfo.value)[:500] if call.excinfo else "",
            "error": call.excinfo.typename if call.excinfo else "",
        }
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        with (RESULTS / f"{SIDE}-{worker}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only the tests listed in CONFORMANCE_ONLY, where it is set."""
    only = os.environ.get("CONFORMANCE_ONLY")
    if only:
        wanted = set(json.loads(Path(only).read_text(encoding="utf-8")))
        config.hook.pytest_deselected(items=[item for item in items if _name(item) not in wanted])
        items[:] = [item for item in items if _name(item) in wanted]
