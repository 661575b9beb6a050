"""Both sides run, one after the other, each on its own; then the verdict."""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect_compat.errors import ComparisonError
from prefect_compat.parity.costs import Costs, summarise
from prefect_compat.parity.injection import Fault
from prefect_compat.parity.record import Record
from prefect_compat.parity.rows import RowDifference, RowsTask, read_differences
from prefect_compat.parity.side import SideTask, run_side, start_process
from prefect_compat.parity.verdict import Verdict, compare
from prefect_compat.plan import OutputId
from prefect_compat.project import Project

SIDES = {
    "dagster": "prefect_compat.parity.run_dagster",
    "prefect": "prefect_compat.parity.run_prefect",
}
SHOWN_FINDINGS = 20
SHOWN_OUTPUTS = 10


@dataclass(frozen=True)
class Work:
    """What both sides run."""

    project: Project
    job: str
    partition: str | None
    run_config: str | None
    store_variables: tuple[str, ...]
    ignored_metadata: tuple[str, ...] = ()
    fault: Fault | None = None
    rounds: int = 1


@dataclass(frozen=True)
class Comparison:
    """The records of the first round, the verdict on all rounds, the first differing rows of the
    first outputs that differ, and what either side cost (None where one could not be run)."""

    work: Work
    dagster: Record
    prefect: Record
    verdict: Verdict
    rows: tuple[RowDifference, ...]
    costs: Costs | None

    @property
    def have_run(self) -> bool:
        """Whether both sides could be run."""
        return self.dagster.has_run and self.prefect.has_run


def work_options(work: Work) -> tuple[tuple[str, str], ...]:
    """What was asked for, as names and text; what was not is left out."""
    found = {
        "project": " ".join(work.project.options()),
        "job": work.job,
        "partition": work.partition,
        "run config": work.run_config,
        "fault": work.fault,
        "rounds": work.rounds,
        "stores kept apart by": ", ".join(work.store_variables),
        "metadata not compared": ", ".join(work.ignored_metadata),
    }
    return tuple((name, str(value)) for name, value in found.items() if value)


def as_document(comparison: Comparison) -> dict[str, Any]:
    """All of the comparison, for machines: JSON-like."""
    verdict = comparison.verdict
    return {
        "version": 1,
        "holds": verdict.holds,
        "identical": verdict.identical,
        **asdict(comparison),
    }


def compare_sides(work: Work, folder: Path, log: Callable[[str], None]) -> Comparison:
    """Runs the work under Dagster and under Prefect, each in its own folder of `folder`; in as
    many rounds as the work asks for, with the sides in turn first, and then each twice.

    A side that cannot be run has a record that says so. Raises ComparisonError where nothing
    keeps the stores apart, or where a fault is asked for in a step that is not there.
    """
    if not work.store_variables:
        raise ComparisonError(
            "Nothing keeps the two stores apart, so one side could pass on what the other wrote."
            " Name the environment variable that says where the project stores its outputs:"
            ' --store-env MY_STORE, or store_env = ["MY_STORE"] in [tool.prefect-compat] of'
            " pyproject.toml (DAGSTER_HOME where Dagster's default IO manager is used)."
        )
    records: dict[str, list[Record]] = {side: [] for side in SIDES}
    for number in range(work.rounds):
        for side in list(SIDES) if number % 2 == 0 else reversed(SIDES):
            records[side].append(_run(side, work, _home(folder, number), log))
    have_run = all(record.has_run for side in records.values() for record in side)
    if work.fault is not None and have_run:
        _demand_step(work.fault, records["dagster"][0])
    verdicts = [
        compare(*pair, expects_failure=work.fault is not None)
        for pair in zip(records["dagster"], records["prefect"], strict=True)
    ]
    verdict = next((found for found in verdicts if not found.holds), verdicts[0])
    first = verdicts.index(verdict)
    return Comparison(
        work=work,
        dagster=records["dagster"][first],
        prefect=records["prefect"][first],
        verdict=verdict,
        rows=_rows(work, _home(folder, first), verdict.differing[:SHOWN_OUTPUTS]),
        costs=summarise(**records) if have_run else None,
    )


def _home(folder: Path, number: int) -> Path:
    """The folder of a round; the first is the comparison's own."""
    home = folder if number == 0 else folder / f"round-{number + 1}"
    home.mkdir(parents=True, exist_ok=True)
    return home


def side_task(side: str, work: Work, folder: Path) -> SideTask:
    """What a side is to run, with its home and its record in the folder."""
    return SideTask(
        project=work.project,
        job=work.job,
        partition=work.partition,
        run_config=work.run_config,
        record=str(folder / f"{side}.json"),
        home=str(folder / side),
        fault=work.fault,
        ignored_metadata=work.ignored_metadata,
        warm=work.rounds > 1,
    )


def _run(side: str, work: Work, folder: Path, log: Callable[[str], None]) -> Record:
    log(f"{side}: running {work.job} {work.partition or ''}")
    try:
        record = run_side(SIDES[side], side_task(side, work, folder), work.store_variables)
    except ComparisonError as error:
        log(f"{side}: could not be run")
        return Record.of_failure(side, str(error))
    log(f"{side}: {len(record.outputs)} outputs in {record.cost.wall_s:.1f} s")
    return record


def _demand_step(fault: Fault, record: Record) -> None:
    names = {step.name for step in record.steps}
    if fault.step not in names:
        raise ComparisonError(
            f"'{fault.step}' is to fail, and is no step of the job. Its steps are"
            f" {', '.join(sorted(names))}."
        )


def _rows(work: Work, folder: Path, outputs: tuple[OutputId, ...]) -> tuple[RowDifference, ...]:
    """What differs in these outputs, read again from both stores."""
    folders = [folder / f"{side}-rows" for side in SIDES]
    for side, texts in zip(SIDES, folders if outputs else (), strict=False):
        task = RowsTask(
            work.project, work.job, work.run_config, tuple(map(str, outputs)), str(texts)
        )
        module = "prefect_compat.parity.rows"
        if start_process(module, task.as_json(), folder / side, work.store_variables) != 0:
            raise ComparisonError(f"{side}'s store cannot be read; see {folder / side / 'log.txt'}")
    return read_differences(outputs, *folders)


def describe(comparison: Comparison) -> str:
    """The verdict for a terminal: a table of the assets, the differences, one closing line."""
    verdict = comparison.verdict
    width = max([len(asset.asset) for asset in verdict.assets], default=5)
    lines = [f"{'asset':<{width}}  dagster  prefect  identical"]
    lines += [
        f"{asset.asset:<{width}}  {asset.dagster:>7}  {asset.prefect:>7}  {asset.identical:>9}"
        for asset in verdict.assets
    ]
    lines += [f"  {finding}" for finding in verdict.findings[:SHOWN_FINDINGS]]
    for difference in comparison.rows:
        lines += [f"  {line}" for line in _side_by_side(difference)]
    if len(verdict.findings) > SHOWN_FINDINGS:
        lines.append(f"  and {len(verdict.findings) - SHOWN_FINDINGS} more differences")
    lines += _costs(comparison.costs) if comparison.costs else ()
    work = comparison.work
    noun = _noun(work.partition)
    holds = "Parity holds" if verdict.holds else "Parity does not hold"
    lines.append(
        f"{holds}: both stores have identical content for {verdict.identical} of"
        f" {verdict.compared} {noun}" + (f" after {work.fault}." if work.fault else ".")
    )
    return "\n".join(lines)


def _costs(costs: Costs) -> Iterator[str]:
    sides = (costs.dagster, costs.prefect)
    yield f"{'seconds, median of ' + str(costs.rounds):<24}" + "".join(
        f"{side.orchestrator:>10}" for side in sides
    )
    rows = {
        "import": [side.import_s for side in sides],
        "start-up": [side.start_up_s for side in sides],
        "run, cold": [side.cold_s for side in sides],
        "run, warm": [side.warm_s for side in sides if side.warm_s],
        "of it the functions": [side.function_s for side in sides],
        "of it the IO managers": [side.storage_s for side in sides],
        "CPU": [side.cpu_s for side in sides],
    }
    for name, figures in rows.items():
        if figures:
            yield f"  {name:<22}" + "".join(f"{figure.median:>10.2f}" for figure in figures)
    memory = "".join(f"{side.peak_memory_b.median / 2**20:>10.0f}" for side in sides)
    yield f"  {'peak memory, MiB':<22}{memory}"


def _side_by_side(difference: RowDifference) -> Iterator[str]:
    counts = ", ".join(f"{count} in {column}" for column, count in difference.counts)
    left, right = difference.rows
    rows = f"{left} rows" if left == right else f"{left} rows against {right}"
    yield f"{difference.output.label}: {rows}; differing cells: {counts or 'none: types differ'}"
    for cell in difference.cells:
        yield f"  {cell.row}, {cell.column}: dagster {cell.dagster}, prefect {cell.prefect}"


def _noun(partition: str | None) -> str:
    if partition is None:
        return "assets"
    is_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.{3}\d{4}-\d{2}-\d{2})?", partition)
    return "asset-days" if is_day else "asset partitions"
