"""The project `bakery` under Dagster, and what is ejected from it: files, and runs in this process.

A run is a case: its partitions, and a fault that the comparison puts into a step.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)

from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.injection import injected
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.candidate_place import candidate_settings
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.foreign_flow import CandidateTask, record_candidate
from prefect_compat.comparison.sources.matching import step_facts
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.eject.eject import EjectOptions
from prefect_compat.graph.job import JobChoice, read_plan, resolve_job
from prefect_compat.graph.plan import Plan
from prefect_compat.graph.project import Project
from tests import needs
from tests.prefect_compat.eject.written_projects import ejected, forgotten_modules

SOURCE = Path(__file__).parent / "bakery"
MODULE = "bakery.definitions"
JOB = "daily"
FLOW = "flows/daily.py:daily"
STORES = ("BAKERY_STORE", "CSV_FILES_BASE_DIR", "IO_MANAGER_BASE_DIR")


@dataclass(frozen=True)
class Case:
    """Partitions, from the first to the last, and what is to fail in them."""

    partition: str
    fault: Fault | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        first, _, last = self.partition.partition("...")
        return (first, last) if last else (first,)


CASES: Mapping[str, Case] = {
    "two days": Case("2024-01-01...2024-01-02"),
    "a check that blocks": Case("2024-01-03"),
    "a failure without retries": Case("2024-01-04"),
    "orders fail once": Case("2024-01-01", Fault("orders", 1)),
    "orders fail": Case("2024-01-01", Fault("orders")),
    "the report fails once": Case("2024-01-01", Fault("report.write_report", 1)),
}


@cache
def source_files() -> Mapping[str, str]:
    """The files of the Dagster project; some of its checks have partitions."""
    needs.partitioned_checks()
    return {f"bakery/{path.name}": path.read_text() for path in sorted(SOURCE.glob("*.py"))}


def ejected_files(folder: Path) -> Mapping[str, str]:
    """The files of the Prefect project; the Dagster project is written into the folder."""
    options = EjectOptions(is_vendored=True)
    return ejected(folder, source_files(), options, MODULE, JOB).files


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder, with the files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@contextmanager
def stores_in(home: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in STORES:
            patch.setenv(name, str(home / "store"))
        yield


@dataclass
class DagsterRuns:
    """Dagster's records of the cases, each made once."""

    folder: Path

    def __post_init__(self) -> None:
        written(self.folder, source_files())
        self._records: dict[str, Record] = {}
        with self._definitions() as defs:
            self.plan: Plan = read_plan(resolve_job(defs, JobChoice(JOB)))

    def record(self, name: str) -> Record:
        if name not in self._records:
            self._records[name] = self._run(CASES[name], self.folder / name)
        return self._records[name]

    def _run(self, case: Case, home: Path) -> Record:
        home.mkdir()
        task = SideTask(
            Project(MODULE), JobChoice(JOB), case.partition, "{}", "", str(home), case.fault
        )
        with (
            stores_in(home),
            self._definitions() as defs,
            dg.DagsterInstance.ephemeral(str(home / "dagster")) as instance,
            injected(case.fault),
        ):
            return record_dagster(defs, task, instance, Meter())

    @contextmanager
    def _definitions(self) -> Iterator[Any]:
        with forgotten_modules({"bakery"}):
            yield Project(MODULE, folder=str(self.folder)).load()


def candidate_record(project: Path, case: Case, plan: Plan) -> Record:
    """The record of the ejected flow in this folder."""
    home = project / "home"
    home.mkdir()
    names = {path.name.removesuffix(".py") for path in project.iterdir()} - {"tests"}
    entrypoint = str(project / FLOW)
    settings = candidate_settings(entrypoint)
    task = CandidateTask(
        entrypoint=entrypoint,
        runs=tuple((key,) for key in case.keys),
        parameter=None,
        parameters="{}",
        steps=step_facts(plan),
        declared={},
        reads_results=True,
        record="",
        home=str(home),
        side="candidate",
        fault=case.fault,
        project=str(project),
        moved=settings.moved_modules,
        knows_files=settings.compare_files,
    )
    results = {
        PREFECT_RESULTS_PERSIST_BY_DEFAULT: True,
        PREFECT_LOCAL_STORAGE_PATH: home / "results",
    }
    with forgotten_modules(names), stores_in(home), temporary_settings(results):
        sys.path.insert(0, str(project))
        return record_candidate(task)
