"""A flow that really runs is recorded, written, loaded and materialized."""

from pathlib import Path

import dagster as dg
import pytest

from prefect_compat.errors import ComparisonError, SkeletonError
from tests.prefect_compat.skeleton.recorded import load, record, record_code, write
from tests.prefect_compat.skeleton.shop import NAMES, write_shop

pytest.importorskip("ruff", reason="needs prefect-compat[eject]")
pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_flow_survives_the_way_to_dagster(folder: Path) -> None:
    recorded = record(f"{write_shop(folder)}:shop")
    defs = load(write(folder, recorded))
    result = dg.materialize([*(defs.assets or ())])  # type: ignore[list-item]  # all are assets
    assert result.success
    values = {
        name: result.output_for_node(name) for name in NAMES if name not in ("prepare", "notify")
    }
    assert values == {
        "numbers": [1000, 1001, 1002],
        "scale_1": 3000,
        "scale_2": 3003,
        "scale_3": 3006,
        "sum_up": 6003,
        "doubled": 2 * 6003 + 7 + 4000,
    }
    graph = defs.resolve_asset_graph()
    parents = {
        key.path[-1]: {parent.path[-1] for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "prepare": set(),
        "numbers": {"prepare"},
        "scale_1": {"numbers"},
        "scale_2": {"numbers"},
        "scale_3": {"numbers"},
        "sum_up": {"scale_1", "scale_2", "scale_3"},
        "doubled": {"sum_up"},
        "notify": {"doubled"},
    }
    policy = defs.resolve_assets_def("numbers").op.retry_policy
    assert policy == dg.RetryPolicy(max_retries=2, delay=1)
    assert recorded.computed == ((6, "a positional argument", "4000"),)
    assert [task.name for task in recorded.tasks if task.options.left] == ["numbers"]


TASKS = """
from prefect import task

@task
def first(): return 1000

def second(x): return x + 1
"""
FLOW_OF_OTHERS = """
import own_tasks
from own_tasks import second

renamed = own_tasks.first.with_options(name="renamed")

@flow
def daily():
    own_tasks.first()
    task(second, name="another")(renamed())
"""


def test_tasks_are_called_where_they_are(folder: Path) -> None:
    (folder / "own_tasks.py").write_text(TASKS, encoding="utf-8")
    recorded = record_code(folder, FLOW_OF_OTHERS)
    path = write(folder, recorded)
    text = path.read_text(encoding="utf-8")
    assert "own_tasks.first.fn()" in text
    assert "own_flows.renamed.fn()" in text
    assert "own_flows.second(x=renamed)" in text
    result = dg.materialize([*(load(path).assets or ())])  # type: ignore[list-item]
    assert result.output_for_node("another") == 1001


def test_a_day_of_another_partition_is_that_day(folder: Path) -> None:
    code = """
import datetime as dt

@task
def orders(day: dt.date, text: str) -> str:
    return f"{day:%d.%m.%Y} {text}"

@flow
def daily(day: dt.date):
    orders(day, day.isoformat())
"""
    recorded = record_code(folder, code, "2024-01-03")
    (assets,) = load(write(folder, recorded, "2024-01-03")).assets or ()
    assert isinstance(assets, dg.AssetsDefinition)
    result = dg.materialize([assets], partition_key="2024-01-05")
    assert result.output_for_node("orders") == "05.01.2024 2024-01-05"


@pytest.mark.nightly
def test_a_second_run_gives_the_same_record(folder: Path) -> None:
    """Mapped tasks end in any order; they are numbered as they were submitted."""
    flow = f"{write_shop(folder)}:shop"
    assert record(flow, '{"count": 12}') == record(flow, '{"count": 12}')


REFUSED = {
    "an argument that is no plain value": (
        """
import threading
@task
def hold(lock): ...
@flow
def daily():
    hold(threading.Lock())
""",
        "hold",
        "its argument `lock` is a lock that is no task's result",
    ),
    "a function that is made in the flow": (
        """
@flow
def daily():
    @task
    def inner(): ...
    inner()
""",
        "inner",
        "is not at the top level of a module",
    ),
    "a generator": (
        """
@task
def rows():
    yield 1
@flow
def daily():
    list(rows())
""",
        "rows",
        "yields its values",
    ),
    "a function that reads the run": (
        """
from prefect.context import get_run_context
def helper():
    return get_run_context()
@task
def named():
    return str(helper())
@flow
def daily():
    named()
""",
        "named",
        "its function uses get_run_context",
    ),
    "a function that reads where it runs": (
        """
import prefect.runtime
@task
def named():
    return prefect.runtime.task_run.name
@flow
def daily():
    named()
""",
        "named",
        "its function uses prefect.runtime",
    ),
    "a task that calls another": (
        """
@task
def inner(): ...
@task
def outer():
    inner()
@flow
def daily():
    outer()
""",
        "outer",
        "it calls the task inner",
    ),
    "a task that another calls": (
        """
@task
def inner(): ...
@task
def outer():
    inner()
@flow
def daily():
    outer()
""",
        "inner",
        "another task calls it",
    ),
    "a task that failed": (
        """
@task
def broken():
    raise ValueError("no shop")
@flow
def daily():
    broken(return_state=True)
    return 1
""",
        "broken",
        "it failed in the recorded run: ValueError: no shop",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_task_is_refused_with_its_reason(name: str, folder: Path) -> None:
    code, task, reason = REFUSED[name]
    recorded = record_code(folder, code)
    refusals = {entry.name: entry.refusal or "" for entry in recorded.tasks}
    assert reason in refusals[task]


FAULTS = {
    "a flow that fails": (
        """
@task
def broken():
    raise ValueError("no shop")
@flow
def daily():
    broken()
""",
        "did not succeed.*the task broken: ValueError: no shop",
    ),
    "a flow without tasks": ("@flow\ndef daily(): ...\n", "has run no task"),
    "a flow that calls another": (
        """
@task
def work(): ...
@flow
def weekly():
    work()
@flow
def daily():
    weekly()
""",
        "calls the flow weekly",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_flow_is_refused_with_its_reason(name: str, folder: Path) -> None:
    code, reason = FAULTS[name]
    with pytest.raises(SkeletonError, match=reason):
        record_code(folder, code)


DAILY = """
from datetime import datetime
@task
def work(day): ...
@flow
def daily(day: KIND):
    work(day)
"""


def test_a_partition_is_a_day(folder: Path) -> None:
    with pytest.raises(SkeletonError, match="expected a day, such as 2024-01-31"):
        record_code(folder, DAILY.replace("KIND", "str"), "2024-01")
    with pytest.raises(SkeletonError, match=r"day is a \w+; expected a text or a date"):
        record_code(folder, DAILY.replace("KIND", "datetime"), "2024-01-03")
    with pytest.raises(ComparisonError, match=r"requires day. Pass --parameters '\{\"day\": …\}'"):
        record_code(folder, DAILY.replace("KIND", "str"))
