"""Runs both sides, one after the other and each in its own process, then judges their records."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect_compat.comparison.costs import Costs, summarise
from prefect_compat.comparison.diff.rows import RowDifference, RowsTask, read_differences
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.folder import comparison_folder, validate_folder
from prefect_compat.comparison.sources.prefect_server import (
    ComparisonServer,
    RunningServer,
    comparison_server,
)
from prefect_compat.comparison.sources.side import SideTask, run_side, start_process
from prefect_compat.comparison.sources.work import Work, validate_store_variables
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.errors import ComparisonError, ServerError
from prefect_compat.graph.ids import ValueId
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from prefect_compat.progress import Progress

# In this order everywhere: records, folders and rows are paired with the sides by position.
SIDES = {
    "dagster": "prefect_compat.comparison.sources.dagster_job",
    "prefect": "prefect_compat.comparison.sources.derived_flow",
}
SHOWN_OUTPUTS = 10


@dataclass(frozen=True)
class Comparison:
    """Two records and what came of comparing them.

    Records, `verdict` and `rows` are those of the first round that differs, or of the first round.
    `rows` has the first differing rows of the first outputs that differ. `costs` is None if a side
    could not be run.
    """

    work: Work
    dagster: Record
    prefect: Record
    verdict: Verdict
    rows: tuple[RowDifference, ...]
    costs: Costs | None

    @property
    def have_run(self) -> bool:
        """True if both sides could be run."""
        return self.dagster.has_run and self.prefect.has_run


def compare(
    defs: Loadable | Project,
    *,
    job: str | None = None,
    selection: str | None = None,
    store_env: Sequence[str] = (),
    partition: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    ignore_metadata: Sequence[str] = (),
    fail: str | None = None,
    repeat: int = 1,
    keep: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Runs a job under Dagster and under Prefect and compares what they recorded and stored.

    The job is named, or made of the assets of a `selection`, or of all assets. Each side runs in
    its own process, with its own home and store. So `defs` must be a global variable of an
    importable module. `store_env` names environment variables that say where the project stores
    its outputs, if its resources do not say it.

    `partition` is a key, `A...B`, or `*`. `fail` is `STEP` or `STEP:N`, as for `prefect-compat
    compare --fail`. `repeat` counts the rounds that are timed. `keep` is a folder for both sides'
    stores, logs and records. `log` receives a line when a side starts and when it has ended.

    Raises DefinitionError, PartitionError, ConfigError or ComparisonError for what cannot be
    compared, before anything is run.
    """
    validate_store_variables(store_env)
    if keep:
        validate_folder(keep)
    with tempfile.TemporaryDirectory(prefix="prefect-compat-") as temporary:
        work = Work(
            project=defs if isinstance(defs, Project) else Project.of_definitions(defs),
            choice=JobChoice(job, selection),
            partition=partition,
            run_config=json.dumps(run_config or {}),
            store_variables=tuple(store_env),
            ignored_metadata=tuple(ignore_metadata),
            fault=Fault.parse(fail) if fail else None,
            rounds=repeat,
            tags=tuple((tags or {}).items()),
            config_name="passed from Python" if run_config else None,
        )
        empty = EmptyStore(work, Path(temporary) / "empty")
        with comparison_folder(keep) as folder, comparison_server() as server:
            return compare_sides(empty.work, folder, empty, server, Progress(log))


def compare_sides(
    work: Work,
    folder: Path,
    empty: EmptyStore,
    server: ComparisonServer,
    progress: Progress,
) -> Comparison:
    """Runs the work under Dagster and under Prefect, each in its own folder of `folder`; in as
    many rounds as the work asks for, with the sides in turn first, and then each twice.

    `empty` tells which outputs lie outside of the sides' stores; every Prefect side uses `server`.
    A side that cannot be run has a
    record that says so.
    """
    records: dict[str, list[Record]] = {side: [] for side in SIDES}
    for number in range(work.rounds):
        # The side that runs first may find cold disk caches, so the order alternates.
        for side in list(SIDES) if number % 2 == 0 else reversed(SIDES):
            records[side].append(_run(side, work, _home(folder, number), server, progress))
    have_run = all(record.has_run for side in records.values() for record in side)
    pairs = [
        empty.shared(*pair) for pair in zip(records["dagster"], records["prefect"], strict=True)
    ]
    verdicts = [judge(*pair) for pair in pairs]
    # The first round that differs decides: a difference that comes and goes is one too.
    verdict = next((entry for entry in verdicts if not entry.holds), verdicts[0])
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


def server_of(side: str, server: ComparisonServer, progress: Progress) -> RunningServer | None:
    """Returns the server of a Prefect side, running; Dagster's side has none.

    Raises ServerError if it does not start.
    """
    if side != "prefect":
        return None
    with progress.stage("starting a Prefect server") if server.starts else nullcontext():
        return server.running()


def side_task(side: str, work: Work, folder: Path) -> SideTask:
    """The task of one side, with its home and its record in the folder."""
    return SideTask(
        project=work.project,
        choice=work.choice,
        partition=work.partition,
        run_config=work.run_config,
        record=str(folder / f"{side}.json"),
        home=str(folder / side),
        fault=work.fault,
        ignored_metadata=work.ignored_metadata,
        warm=work.rounds > 1,
        tags=work.tags,
        resources=json.dumps(work.resource_config(folder / side)),
        dynamic_partitions=work.dynamic_partitions,
    )


def _run(
    side: str, work: Work, folder: Path, server: ComparisonServer, progress: Progress
) -> Record:
    text = f"{side}: running {work.choice} {work.partition or ''}".rstrip()
    try:
        used = server_of(side, server, progress)
        task = side_task(side, work, folder)
        with progress.stage(text) as update:
            record = run_side(SIDES[side], task, work.store_variables, used, update)
    except (ComparisonError, ServerError) as error:
        progress.line(f"{side}: could not be run")
        return Record.of_failure(side, str(error))
    progress.line(f"{side}: {len(record.outputs)} outputs in {record.cost.wall_s:.1f} s")
    # As if the side had started the server itself: a user's first run does.
    start_up_s = record.cost.start_up_s + (used.start_s if used else 0)
    return replace(record, cost=replace(record.cost, start_up_s=start_up_s))


def _rows(
    work: Work, folder: Path, outputs: tuple[ValueId, ...], records: Sequence[Record]
) -> tuple[RowDifference, ...]:
    """Reads these outputs again from both stores and returns how they differ."""
    folders = [folder / f"{side}-rows" for side in SIDES]
    # Without outputs the zip is empty, so no process is started only to read nothing.
    for side, texts, record in zip(SIDES, folders if outputs else (), records, strict=False):
        task = RowsTask(
            work.project,
            work.choice,
            work.run_config,
            tuple(map(str, outputs)),
            record.run_ids,
            str(texts),
            json.dumps(work.resource_config(folder / side)),
        )
        module = "prefect_compat.comparison.diff.rows"
        if start_process(module, task.as_json(), folder / side, work.store_variables) != 0:
            raise ComparisonError(f"{side}'s store cannot be read; see {folder / side / 'log.txt'}")
    return read_differences(outputs, *folders)
