"""What a task returns is compared, whatever it says about caching and persistence."""

from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from prefect_compat.comparison.sources.foreign_flow import CandidateTask, record_candidate
from prefect_compat.comparison.sources.matching import StepFacts, ValueFacts

FLOW = """
import threading
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

@task(cache_policy=NO_CACHE)
def not_cached(): return 1

@task(persist_result=False)
def not_kept(): return 2

@task
def not_hashed(lock): return 3

@flow
def daily():
    not_cached()
    not_kept()
    not_hashed(threading.Lock())
"""
TASKS = ("not_cached", "not_kept", "not_hashed")


@pytest.mark.usefixtures("prefect_server")
def test_each_result_is_read(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(FLOW, encoding="utf-8")
    task = CandidateTask(
        entrypoint=f"{tmp_path}/flows.py:daily",
        runs=((),),
        parameter=None,
        parameters="{}",
        steps=tuple(
            StepFacts(name, (name,), outputs=(ValueFacts("result", (name,)),)) for name in TASKS
        ),
        declared={},
        reads_results=True,
        record="",
        home=str(tmp_path),
        side="candidate",
    )
    settings = {
        PREFECT_RESULTS_PERSIST_BY_DEFAULT: True,
        PREFECT_LOCAL_STORAGE_PATH: str(tmp_path / "results"),
    }
    with temporary_settings(settings):
        record = record_candidate(task)
    assert record.error is None
    assert {output.output.label: output.fingerprint for output in record.outputs} == {
        name: fingerprint(number) for number, name in enumerate(TASKS, 1)
    }
