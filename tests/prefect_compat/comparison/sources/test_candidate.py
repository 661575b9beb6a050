"""A Prefect flow that was written by hand, against the Dagster job that it replaces.

The flow is the example `by_hand`; each fault is planted into a copy of its source.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)

import prefect_compat
from examples.by_hand import definitions, sales
from prefect_compat.cli.main import main
from prefect_compat.comparison.comparison import compare_sources
from prefect_compat.comparison.diff.values import write_values
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.judging.findings import Difference as D
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.candidate_results import load_results
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.foreign_flow import (
    CandidateTask,
    record_candidate,
)
from prefect_compat.comparison.sources.matching import step_facts
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.comparison.sources.work import Work
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.errors import ComparisonError
from prefect_compat.flow.prefect_port import stored_result
from prefect_compat.graph.ids import OutputId, ValueId
from prefect_compat.graph.job import JobChoice, read_plan
from prefect_compat.graph.project import Project
from prefect_compat.progress import Progress
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.usefixtures("handed_over", "prefect_server"),
    pytest.mark.xdist_group("a flow by hand"),
]
pytest.importorskip("duckdb")
DAY = "2024-01-03"
FLOW = "examples/by_hand/flows.py:daily_sales"
WORK = Work(
    Project("examples.by_hand.definitions"), JobChoice("daily_sales"), DAY, "{}", ("SALES_STORE",)
)


COMPARE = (
    *("compare", "-q", "-m", "examples.by_hand.definitions", "-j", "daily_sales"),
    *("--partition", DAY, "--store-env", "SALES_STORE", "--candidate", FLOW),
)


def compare(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "prefect-compat", *COMPARE, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copied(tmp_path)


def copied(folder: Path) -> Path:
    """The example's own files, below a folder."""
    (folder / "examples").mkdir()
    (folder / "examples" / "__init__.py").touch()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "examples/by_hand", folder / "examples/by_hand", ignore=ignored)
    return folder


@dataclass
class Recorded:
    """Dagster's side, run once for all tests of this module."""

    name: str
    known: Record
    load: Callable[[OutputId], Any]

    def record(self, folder: Path, progress: Progress) -> Record:
        return self.known

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        write_values(self.load, outputs, values)


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    root = tmp_path_factory.mktemp("dagster")
    task = SideTask(
        Project("examples.by_hand.definitions"), JobChoice("daily_sales"), DAY, "{}", "", str(root)
    )
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("SALES_STORE", str(root / "store"))
        record = record_dagster(definitions.defs, task, instance, Meter())

    def load(output: OutputId) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SALES_STORE", str(root / "store"))
            return sales.load(output.asset_key[0], str(output.partition_key))

    return Recorded("dagster", record, load)


@dataclass
class Candidate:
    """The flow in a file, run in this process."""

    file: Path
    name: str = "candidate"
    matches: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    def record(self, folder: Path, progress: Progress) -> Record:
        plan = read_plan(definitions.defs.resolve_job_def("daily_sales"))
        home = folder / self.name
        home.mkdir()
        task = CandidateTask(
            entrypoint=f"{self.file}:daily_sales",
            runs=((DAY,),),
            parameter=None,
            parameters="{}",
            steps=step_facts(plan),
            declared=self.matches,
            reads_results=True,
            record="",
            home=str(home),
            side=self.name,
            fault=self.fault,
        )
        results = {PREFECT_RESULTS_PERSIST_BY_DEFAULT: True, PREFECT_LOCAL_STORAGE_PATH: home}
        with pytest.MonkeyPatch.context() as patch, temporary_settings(results):
            patch.setenv("SALES_STORE", str(home / "store"))
            return record_candidate(task)

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        files = load_results(folder / self.name)
        write_values(lambda output: stored_result(files[output]), outputs, values)


def compared(dagster: Recorded, project: Path, matches: Mapping[str, str] | None = None) -> Verdict:
    candidate = Candidate(project / "examples/by_hand/flows.py", matches=matches or {})
    folder = project / "compared"
    folder.mkdir()
    return compare_sources((dagster, candidate), WORK, folder, Progress()).verdict


def change(project: Path, old: str, new: str) -> None:
    """Plants a fault into the flow."""
    file = project / "examples" / "by_hand" / "flows.py"
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), marks=pytest.mark.nightly),
        ("--candidate-layout", "{asset}/{partition}.{type}"),
    ],
    ids=["results", "files"],
)
def test_a_faithful_flow_is_the_same(
    project: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    found = compare(project, *options, "--json", "found.json", "--html", "page.html")
    assert found.returncode == 0, found.stdout + found.stderr
    document = json.loads((project / "found.json").read_text())
    assert document["verdict"]["sides"] == ["dagster", "candidate"]
    assert document["verdict"]["compared"] == 4
    steps = {
        (step["step"]["name"], step["state"], tuple(above["name"] for above in step["upstream"]))
        for step in document["right"]["steps"]
    }
    assert steps == {
        ("orders", "succeeded", ()),
        ("cleaned", "succeeded", ("orders",)),
        ("by_product", "succeeded", ("cleaned",)),
        ("report", "succeeded", ("by_product",)),
    }
    assert "not compared: data versions, metadata, tags and descriptions" in found.stdout


def test_from_python(project: Path) -> None:
    change(project, '@task(name="by product")', '@task(name="totals")')
    found = prefect_compat.compare(
        definitions.defs,
        job="daily_sales",
        partition=DAY,
        store_env=["SALES_STORE"],
        candidate=f"{project}/{FLOW}",
    )
    assert found.verdict.sides == ("dagster", "candidate")
    assert {finding.place for finding in found.verdict.findings} >= {"totals", "by_product"}
    assert "by_product" in found._repr_html_()


KEPT = "    kept = sales.without_returns(orders)\n"
PRODUCTS = "    products = sales.sum_by_product(cleaned)\n"
FAULTS: dict[str, tuple[str, str, D, str]] = {
    "a changed constant": (
        KEPT,
        KEPT + "    kept['revenue'] *= 1.0001\n",
        D.CONTENT,
        f"cleaned[{DAY}], revenue",
    ),
    "the last bit of a float": (
        PRODUCTS,
        PRODUCTS + "    import numpy as np\n"
        "    products.loc[0, 'revenue'] = np.nextafter(products.loc[0, 'revenue'], 0)\n",
        D.CONTENT,
        f"by_product[{DAY}], revenue",
    ),
    "a lost row": (KEPT, KEPT + "    kept = kept[1:]\n", D.CONTENT, f"cleaned[{DAY}]"),
    "an extra row": (
        KEPT,
        KEPT + "    kept = pd.concat([kept, kept[:1]])\n",
        D.CONTENT,
        f"cleaned[{DAY}]",
    ),
    "the order of rows": (
        PRODUCTS,
        PRODUCTS + "    products = products[::-1].reset_index(drop=True)\n",
        D.CONTENT,
        f"by_product[{DAY}]",
    ),
    "a column's type": (
        KEPT,
        KEPT + "    kept['amount'] = kept['amount'].astype(float)\n",
        D.CONTENT,
        f"cleaned[{DAY}], amount",
    ),
    "a renamed column": (
        PRODUCTS,
        PRODUCTS + "    products = products.rename(columns={'pieces': 'items'})\n",
        D.CONTENT,
        f"by_product[{DAY}]",
    ),
    "a missing value": (
        PRODUCTS,
        PRODUCTS + "    products.loc[2, 'revenue'] = None\n",
        D.CONTENT,
        f"by_product[{DAY}], revenue",
    ),
    "an integer as text in a document": (
        "    document = sales.describe(products)\n",
        "    document = sales.describe(products)\n"
        "    document['orders'] = str(document['orders'])\n",
        D.CONTENT,
        f"report[{DAY}]",
    ),
    "a dropped task": ("    report(text, products)\n", "", D.STEP, "report"),
    "an added task": (
        "    report(text, products)\n",
        "    report(text, products)\n    task(lambda: 1, name='notify')()\n",
        D.STEP,
        "notify",
    ),
    "another dependency": (
        "    report(text, products)\n",
        "    report(text, products, wait_for=[found])\n",
        D.EDGE,
        "orders -> report",
    ),
    "a lost dependency": (
        "    kept = cleaned(text, found)\n",
        "    kept = cleaned(text, found.copy())\n",
        D.EDGE,
        "orders -> cleaned",
    ),
    "a failure": (KEPT, "    raise ValueError('no orders')\n" + KEPT, D.RUN, "the whole run"),
    "a failure that is retried": (
        KEPT,
        "    if 'tried' not in globals():\n        globals()['tried'] = 1\n"
        "        raise ValueError('not yet')\n" + KEPT,
        D.ATTEMPTS,
        "cleaned",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_flow_is_named(project: Path, dagster: Recorded, fault: str) -> None:
    old, new, kind, place = FAULTS[fault]
    change(project, old, new)
    findings = compared(dagster, project).findings
    assert [f for f in findings if f.kind is kind and f.place.startswith(place)], findings


HARMLESS: dict[str, tuple[str, str]] = {
    "a task that prints": (KEPT, KEPT + "    print(len(kept))\n"),
    "tasks by submit": (
        "    kept = cleaned(text, found)\n",
        "    kept = cleaned.submit(text, found).result()\n",
    ),
    "a name of the task run": ("@task(retries=2)", "@task(retries=2, task_run_name='{day}')"),
    "more retries that are not needed": ("@task(retries=2)", "@task(retries=5)"),
    "a cached task": (
        "@task(retries=2)",
        "@task(retries=2, cache_key_fn=lambda context, given: given['day'])",
    ),
    "an async flow": (
        "def daily_sales(day: date) -> None:",
        "async def daily_sales(day: date) -> None:",
    ),
    "a task with tags and a description": (
        "@task(retries=2)",
        "@task(retries=2, tags=['sales'], description='cleans')",
    ),
    "printed lines that are logged": (
        "@flow\ndef daily_sales",
        "@flow(log_prints=True)\ndef daily_sales",
    ),
    "a table that was taken apart": (PRODUCTS, PRODUCTS + "    products = products.copy()\n"),
}


@pytest.mark.parametrize("change_to", HARMLESS)
def test_what_is_only_done_differently_raises_no_alarm(
    project: Path, dagster: Recorded, change_to: str
) -> None:
    change(project, *HARMLESS[change_to])
    assert compared(dagster, project).findings == ()


def test_a_task_without_a_step_can_be_left_out(project: Path, dagster: Recorded) -> None:
    change(project, *FAULTS["an added task"][:2])
    found = compared(dagster, project, {"notify": ""})
    assert found.findings == ()
    assert ("task notify", "declared to have no counterpart") in found.not_compared


def test_a_task_of_another_name_is_matched(project: Path, dagster: Recorded) -> None:
    change(project, '@task(name="by product")', '@task(name="totals")')
    assert compared(dagster, project, {"totals": "by_product"}).findings == ()


@pytest.mark.parametrize(
    ("entrypoint", "parameter", "words"),
    [
        ("examples/by_hand/sales.py:load", None, "examples/by_hand/sales.py:load is no flow"),
        ("no.py:flow", None, "no.py:flow is no flow that can be loaded"),
        (FLOW, "when", "has no parameter 'when'; it has day"),
    ],
)
def test_a_flow_that_cannot_be_called(
    tmp_path: Path, entrypoint: str, parameter: str | None, words: str
) -> None:
    task = CandidateTask(
        entrypoint, ((DAY,),), parameter, "{}", (), {}, True, "", str(tmp_path), "candidate"
    )
    with pytest.raises(ComparisonError, match=re.escape(words)):
        record_candidate(task)


FAILURES = ["an error in the middle", "a retry that succeeds", "retries exhausted"]


@pytest.mark.parametrize(
    ("fault", "state", "attempts"),
    [
        (Fault("cleaned", 1), "succeeded", 2),
        (Fault("cleaned"), "failed", 3),
        (Fault("by_product"), "failed", 1),
    ],
    ids=["once", "always", "in a task without retries"],
)
def test_a_fault_reaches_a_task(project: Path, fault: Fault, state: str, attempts: int) -> None:
    candidate = Candidate(project / "examples/by_hand/flows.py", fault=fault)
    record = candidate.record(project, Progress())
    found = {step.step.name: (step.state, step.attempts) for step in record.steps}
    assert found.pop(fault.step) == (state, attempts)
    assert found.pop("orders") == ("succeeded", 1)
    assert found["report"] == (("succeeded", 1) if state == "succeeded" else ("not started", 0))


@pytest.mark.nightly
def test_a_flow_under_failure(project: Path) -> None:
    """The standard set of failures reaches its tasks; one that is not retried as often is found."""
    found = compare(project, "--failure-matrix", "--json", "found.json")
    assert found.returncode == 0, found.stdout + found.stderr
    cases = failure_cases_of(project)
    assert {name: case for name, case in cases.items() if case != "not run"} == dict.fromkeys(
        [*FAILURES, "a kill and a second run"], "identical"
    )
    assert "a candidate's checks cannot be made to fail" in found.stdout

    change(project, "@task(retries=2)", "@task(retries=1)")
    found = compare(project, "--fail", "cleaned", "--json", "found.json")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "attempts: cleaned: dagster has 3, candidate has 2" in found.stdout


def failure_cases_of(project: Path) -> dict[str, str]:
    document = json.loads((project / "found.json").read_text())
    return {
        entry["case"]["name"]: "not run"
        if entry["comparison"] is None
        else ("different", "identical")[entry["comparison"]["verdict"]["findings"] == []]
        for entry in document["failures"]
    }


@pytest.mark.nightly
def test_a_flow_that_appends_in_a_second_run(project: Path) -> None:
    file = project / "examples/by_hand/flows.py"
    twice = "pd.concat([sales.load('by_product', day), products]) if stored else products"
    file.write_text(
        file.read_text().replace(
            '    sales.save("by_product", day, products)',
            "    import os, pathlib\n"
            '    folder = pathlib.Path(os.environ["SALES_STORE"])\n'
            '    stored = list(folder.glob(f"by_product/{day}*"))\n'
            f'    sales.save("by_product", day, {twice})',
        )
    )
    found = compare(project, "--rerun", "--candidate-layout", "{asset}/{partition}.{type}")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "changed by a second run: by_product[2024-01-03]" in found.stdout
    assert "under candidate" in found.stdout
    assert "under dagster" not in found.stdout


Refusal = tuple[Callable[[Path], None], tuple[str, ...], str]
LONG = (
    "writes nothing",
    "a second run without known files",
    "a fault in a step without a task",
)
REFUSED: dict[str, Refusal] = {
    "never ends": (
        lambda project: change(project, KEPT, "    import time; time.sleep(600)\n" + KEPT),
        ("--timeout", "5"),
        "It did not end within 5 s, and was ended.",
    ),
    "writes nothing": (
        lambda project: None,
        ("--candidate-store", "empty", "--candidate-layout", "{asset}/{partition}.csv"),
        "empty is no folder that can be read",
    ),
    "a second run without known files": (
        lambda project: None,
        ("--rerun",),
        "Say where they are: --candidate-layout",
    ),
    "a fault in a step without a task": (
        lambda project: None,
        ("--fail", "cleaned", "--match", "cleaned=", "--match", "=cleaned"),
        "'cleaned' is to fail, and no task of",
    ),
}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.nightly if case in LONG else ()) for case in REFUSED],
)
def test_a_candidate_that_cannot_be_compared(project: Path, case: str) -> None:
    prepare, options, words = REFUSED[case]
    prepare(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("PYTHONPATH", str(project), prepend=os.pathsep)
        found = CliRunner().invoke(main, [*COMPARE, *options])
    assert found.exit_code == 2, found.output
    assert words in found.stderr
    assert "Traceback" not in found.stderr
