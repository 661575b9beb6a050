"""A task's result is compared, whatever the task says about caching and persistence."""

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
from prefect.cache_policies import INPUTS, NO_CACHE

@task(cache_policy=NO_CACHE)
def not_cached(): return 1

@task(persist_result=False)
def not_kept(): return 2

@task
def not_hashed(lock): return 3

RUNS, CACHED = [], []

@task
def twice(x):
    RUNS.append(x)
    return len(RUNS)

@task(cache_policy=INPUTS)
def cached(x):
    CACHED.append(x)
    return len(CACHED)

@flow
def daily():
    twice(7)
    twice(7)
    cached(7)
    cached(7)
    not_cached()
    not_kept()
    not_hashed(threading.Lock())
"""
TASKS = ("not_cached", "not_kept", "not_hashed", "twice_1", "twice_2", "cached_1", "cached_2")
VALUES = (1, 2, 3, 1, 2, 1, 1)  # only what declares to be cached is


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
        name: fingerprint(value) for name, value in zip(TASKS, VALUES, strict=True)
    }
