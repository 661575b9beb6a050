"""Both sides run, one after the other, each on its own; then the verdict."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect_compat.errors import ComparisonError
from prefect_compat.parity.costs import Costs, summarise
from prefect_compat.parity.empty_store import EmptyStore
from prefect_compat.parity.record import Record
from prefect_compat.parity.rows import RowDifference, RowsTask, read_differences
from prefect_compat.parity.side import SideTask, run_side, start_process
from prefect_compat.parity.verdict import AssetCount, Difference, Verdict, compare
from prefect_compat.parity.work import Work
from prefect_compat.plan import StepOutputId, ValueId

SIDES = {
    "dagster": "prefect_compat.parity.run_dagster",
    "prefect": "prefect_compat.parity.run_prefect",
}
SHOWN_FINDINGS = 20
SHOWN_OUTPUTS = 10
NOT_APART_REMEDY = (
    "What is not kept apart lies outside of the side's own store, and both sides wrote to one"
    " place. Name the variable that says where it is stored (--store-env), or let the IO manager"
    ' take its place from one: dg.EnvVar("MY_STORE").'
)


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


def as_document(comparison: Comparison) -> dict[str, Any]:
    """All of the comparison, for machines: JSON-like."""
    verdict = comparison.verdict
    return {
        "version": 1,
        "holds": verdict.holds,
        "identical": verdict.identical,
        **asdict(comparison),
    }


def compare_sides(
    work: Work, folder: Path, empty: EmptyStore, log: Callable[[str], None]
) -> Comparison:
    """Runs the work under Dagster and under Prefect, each in its own folder of `folder`; in as
    many rounds as the work asks for, with the sides in turn first, and then each twice.

    `empty` tells which outputs lie outside of the sides' stores. A side that cannot be run has a
    record that says so.
    """
    records: dict[str, list[Record]] = {side: [] for side in SIDES}
    for number in range(work.rounds):
        for side in list(SIDES) if number % 2 == 0 else reversed(SIDES):
            records[side].append(_run(side, work, _home(folder, number), log))
    have_run = all(record.has_run for side in records.values() for record in side)
    pairs = [
        empty.shared(*pair) for pair in zip(records["dagster"], records["prefect"], strict=True)
    ]
    verdicts = [compare(*pair) for pair in pairs]
    verdict = next((found for found in verdicts if not found.holds), verdicts[0])
    first = verdicts.index(verdict)
    dagster, prefect = pairs[first]
    return Comparison(
        work=work,
        dagster=dagster,
        prefect=prefect,
        verdict=verdict,
        rows=_rows(work, _home(folder, first), verdict.differing[:SHOWN_OUTPUTS], pairs[first]),
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


def _rows(
    work: Work, folder: Path, outputs: tuple[ValueId, ...], records: Sequence[Record]
) -> tuple[RowDifference, ...]:
    """What differs in these outputs, read again from both stores."""
    folders = [folder / f"{side}-rows" for side in SIDES]
    for side, texts, record in zip(SIDES, folders if outputs else (), records, strict=False):
        task = RowsTask(
            work.project,
            work.job,
            work.run_config,
            tuple(map(str, outputs)),
            record.run_ids,
            str(texts),
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
    lines += [_counted(asset, width) for asset in verdict.assets]
    lines += [f"  {finding}" for finding in verdict.findings[:SHOWN_FINDINGS]]
    for difference in comparison.rows:
        lines += [f"  {line}" for line in _side_by_side(difference)]
    if len(verdict.findings) > SHOWN_FINDINGS:
        lines.append(f"  and {len(verdict.findings) - SHOWN_FINDINGS} more differences")
    if any(finding.kind is Difference.NOT_KEPT_APART for finding in verdict.findings):
        lines.append(f"  {NOT_APART_REMEDY}")
    lines += _costs(comparison.costs) if comparison.costs else ()
    lines.append(_closing_line(comparison))
    return "\n".join(lines)


def _counted(asset: AssetCount, width: int) -> str:
    line = f"{asset.asset:<{width}}  {asset.dagster:>7}  {asset.prefect:>7}  {asset.identical:>9}"
    if not asset.without_content:
        return line
    return f"{line}  {asset.without_content} without content to compare"


def _closing_line(comparison: Comparison) -> str:
    verdict, work = comparison.verdict, comparison.work
    holds = "Parity holds" if verdict.holds else "Parity does not hold"
    noun = _noun(comparison)
    if verdict.compared:
        text = f"both stores have identical content for {verdict.identical} of {verdict.compared}"
        text += f" {noun}"
    elif not verdict.without_content:
        text = f"no output was made; {verdict.steps} steps were compared"
    else:
        text = f"{verdict.without_content} {noun} were recorded, with no content to compare"
    if verdict.compared and verdict.without_content:
        text += f", and {verdict.without_content} have no content to compare"
    after = f" after {work.fault}" if work.fault else ""
    alike = f" Both runs failed in the same way: {verdict.failure}." if verdict.failure else ""
    return f"{holds}: {text}{after}.{alike}"


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


def _noun(comparison: Comparison) -> str:
    outputs = [entry.output for entry in (*comparison.dagster.outputs, *comparison.prefect.outputs)]
    if any(isinstance(output, StepOutputId) for output in outputs):
        return "outputs"
    partition = comparison.work.partition
    if partition is None:
        return "assets"
    is_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.{3}\d{4}-\d{2}-\d{2})?", partition)
    return "asset-days" if is_day else "asset partitions"
