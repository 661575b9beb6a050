"""Compares two sources: makes the record of each, then judges the records."""

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from prefect_compat.comparison.costs import Costs, summarise
from prefect_compat.comparison.diff.declared import Declared, Rules, validate_installed
from prefect_compat.comparison.diff.differences import RowDifference
from prefect_compat.comparison.diff.rows import read_differences
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.judging.findings import Finding
from prefect_compat.comparison.noise import measure, without_noise
from prefect_compat.comparison.record.record import Aspect, Record
from prefect_compat.comparison.rerun import rerun
from prefect_compat.comparison.sources.candidate import CandidateOptions
from prefect_compat.comparison.sources.choice import (
    SourceChoice,
    StorePlace,
    opened_sources,
    run_source,
)
from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.folder import comparison_folder, validate_folder
from prefect_compat.comparison.sources.prefect_server import comparison_server
from prefect_compat.comparison.sources.project_source import ProjectSource
from prefect_compat.comparison.sources.project_store import ProjectStore
from prefect_compat.comparison.sources.source import Source
from prefect_compat.comparison.sources.work import Work, validate_store_variables
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.comparison.waivers import Waiver, read_waivers, with_waivers
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import ValueId
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from prefect_compat.progress import Progress

SHOWN_OUTPUTS = 10


@dataclass(frozen=True)
class Gates:
    """Checks beyond the comparison itself: noise, a second run, waivers.

    With `noise` the left side runs twice more; `rerun_keys`, if not None, are the partitions for a
    second run of each side into its store. `waivers` hold on the day `today`.
    """

    noise: bool = False
    rerun_keys: tuple[str, ...] | None = None
    waivers: tuple[Waiver, ...] = ()
    today: dt.date | None = None


NO_GATES = Gates()


@dataclass(frozen=True)
class Comparison:
    """Two records and what came of comparing them.

    Records, `verdict` and `rows` are those of the first round that differs, or of the first round.
    `rows` has the differing rows of outputs that differ: of the first ones, and of all for which
    something was declared. `costs` is None if a side could not be run, or knows no costs.
    `declared_s` are the seconds of `dagster job execute` with the executor that the job declares.
    """

    work: Work
    left: Record
    right: Record
    verdict: Verdict
    rows: tuple[RowDifference, ...]
    costs: Costs | None
    declared_s: float | None = None

    @property
    def have_run(self) -> bool:
        """True if both sides could be run."""
        return self.left.has_run and self.right.has_run

    @property
    def broke_off(self) -> bool:
        """True if both runs failed in the same way, and no failure was asked for.

        What comes after the failure is not compared.
        """
        return self.verdict.failure is not None and self.work.fault is None

    def _repr_html_(self) -> str:
        """The page, in a frame: what a notebook shows for this value."""
        # Reports stand above the comparison, and a notebook asks the value itself.
        reports = import_module("prefect_compat.comparison.report.html")
        page = escape(reports.comparison_page(self, None), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="Comparison" width="100%" height="600"'
            ' style="border: 0"></iframe>'
        )


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
    rules: Mapping[str, Declared] | None = None,
    candidate: str | None = None,
    base: str | None = None,
    left: str | None = None,
    right: str | None = None,
    noise: bool = False,
    waivers: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Runs a job under Dagster and under Prefect and compares what they recorded and stored.

    In place of the derived flow, `candidate` is a flow that someone wrote (`flows.py:daily`). With
    `base`, another commit is compared with the project as it is; `left` and `right` are stores that
    exist. `noise` runs the left side twice more if something differs, and `waivers` is a file with
    accepted differences.

    The job is named, or made of the assets of a `selection`, or of all assets. Each side runs in
    its own process, with its own home and store. So `defs` must be a global variable of an
    importable module. `store_env` names environment variables that say where the project stores
    its outputs, if its resources do not say it.

    `partition` is a key, `A...B`, or `*`. `fail` is `STEP` or `STEP:N`, as for `prefect-compat
    compare --fail`. `repeat` counts the rounds that are timed. `keep` is a folder for both sides'
    stores, logs and records. `rules` have keys and tolerances, by asset, `*` for all. `log`
    receives a line when a side starts and when it has ended.

    Raises DefinitionError, PartitionError, ConfigError or ComparisonError for what cannot be
    compared, before anything is run.
    """
    choice = SourceChoice(
        candidate=CandidateOptions(candidate) if candidate else None,
        base=base,
        left=StorePlace(left) if left else None,
        right=StorePlace(right) if right else None,
    )
    gates = Gates(noise=noise, waivers=read_waivers(waivers) if waivers else ())
    validate_store_variables(store_env)
    validate_installed(Rules(rules or {}))
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
            rules=Rules(rules or {}),
            places=choice.places,
        )
        empty = EmptyStore(work, Path(temporary) / "empty")
        with (
            comparison_folder(keep) as folder,
            comparison_server() as server,
            opened_sources(choice, empty, server) as sources,
        ):
            return compare_sources(sources, empty.work, folder, Progress(log), empty, gates)


def compare_sources(
    sources: tuple[Source, Source],
    work: Work,
    folder: Path,
    progress: Progress,
    empty: EmptyStore | None = None,
    gates: Gates = NO_GATES,
) -> Comparison:
    """Makes both records, in as many rounds as the work asks for, and judges them.

    Before several rounds the left side runs once without being timed.

    `empty` tells which outputs of a side that ran here lie outside of its store.
    """
    if work.rounds > 1:  # what both sides share, such as a cache of the project's own, is warm then
        sources[0].record(_folder(folder / "warm-up"), progress)
    records: tuple[list[Record], list[Record]] = ([], [])
    for number in range(work.rounds):
        # The side that runs first may find cold disk caches, so the order alternates.
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            records[side].append(sources[side].record(_home(folder, number), progress))
    have_run = all(record.has_run for side in records for record in side)
    pairs = [
        (_marked(sources[0], left, empty), _marked(sources[1], right, empty))
        for left, right in zip(*records, strict=True)
    ]
    judged = [
        _judged(sources, work, _home(folder, number), pair) for number, pair in enumerate(pairs)
    ]
    # The first round that differs decides: a difference that comes and goes is one too.
    first = next((n for n, (verdict, _) in enumerate(judged) if not verdict.holds), 0)
    verdict, rows = judged[first]
    if have_run:
        verdict = _gated(sources, verdict, pairs[first], folder, progress, gates)
        rows = _without_noise(sources, work, _home(folder, first), pairs[first], rows, verdict)
    has_costs = have_run and all(record.knows(Aspect.COSTS) for pair in pairs for record in pair)
    return Comparison(
        work=work,
        left=pairs[first][0],
        right=pairs[first][1],
        verdict=verdict,
        rows=rows,
        costs=summarise(*records) if has_costs else None,
    )


def _gated(
    sources: tuple[Source, Source],
    verdict: Verdict,
    records: tuple[Record, Record],
    folder: Path,
    progress: Progress,
    gates: Gates,
) -> Verdict:
    """The verdict after noise was measured, sides were run again and waivers were read."""
    if gates.noise and verdict.findings:
        again = [
            sources[0].record(_folder(folder / f"noise-{number}"), progress) for number in (1, 2)
        ]
        failed = next((record.error for record in again if not record.has_run), None)
        if failed:
            raise ComparisonError(f"{sources[0].name} could not be run again: {failed}")
        verdict = without_noise(verdict, *records, measure(records[0], again))
    if gates.rerun_keys is not None:
        changed: list[Finding] = []
        for number, source in enumerate(sources, start=1):
            place = _folder(folder / f"rerun-{number}")
            changed += rerun(run_source(source), gates.rerun_keys, place, progress)
        verdict = replace(verdict, findings=(*verdict.findings, *changed))
    if gates.waivers:
        today = gates.today or dt.datetime.now(dt.UTC).date()
        verdict = with_waivers(verdict, gates.waivers, today)
    return verdict


def _without_noise(
    sources: tuple[Source, Source],
    work: Work,
    folder: Path,
    records: tuple[Record, Record],
    rows: tuple[RowDifference, ...],
    verdict: Verdict,
) -> tuple[RowDifference, ...]:
    """The rows of outputs that still differ, without the columns that are not reproducible."""
    differing, noisy = set(verdict.differing), dict(verdict.noisy_parts)
    found: list[RowDifference] = []
    for entry in (entry for entry in rows if entry.output in differing):
        columns = [column.column for column in entry.table.columns]
        left_out = tuple(name for name in columns if name in noisy.get(entry.output, ()))
        if not left_out:
            found.append(entry)
            continue
        ignoring = Rules({entry.output.group: Declared(ignored=left_out)})
        rest = replace(work, rules=work.rules.merged(ignoring))
        found += _rows(sources, rest, folder, (entry.output,), records)
    return tuple(found)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _marked(source: Source, record: Record, empty: EmptyStore | None) -> Record:
    has_own_store = isinstance(source, ProjectSource) and not isinstance(source, ProjectStore)
    return empty.marked(record) if empty is not None and has_own_store else record


def _home(folder: Path, number: int) -> Path:
    """The folder of a round; the first is the comparison's own."""
    return _folder(folder if number == 0 else folder / f"round-{number + 1}")


def _judged(
    sources: tuple[Source, Source], work: Work, folder: Path, records: tuple[Record, Record]
) -> tuple[Verdict, tuple[RowDifference, ...]]:
    """The verdict on two records; rows are read where they can change it or explain it."""
    verdict = judge(*records)
    types_count = all(record.knows(Aspect.TYPES) for record in records)
    differing = verdict.differing
    deciding = [
        output for output in differing if not (types_count and work.rules.of(output.group).is_exact)
    ]
    read = dict.fromkeys([*deciding, *differing[:SHOWN_OUTPUTS]])
    rows = _rows(sources, work, folder, tuple(read), records)
    accepted = {
        entry.output: "" if work.rules.of(entry.output.group).is_exact else entry.table.declared
        for entry in rows
        if entry.output in deciding and entry.table.is_equal
    }
    if accepted:
        verdict = judge(*records, accepted)
    return verdict, tuple(entry for entry in rows if entry.output not in accepted)


def _rows(
    sources: tuple[Source, Source],
    work: Work,
    folder: Path,
    outputs: tuple[ValueId, ...],
    records: tuple[Record, Record],
) -> tuple[RowDifference, ...]:
    """Reads these outputs again from both sides and returns how they differ."""
    if not outputs:
        return ()
    folders: list[Path] = []
    for source, record in zip(sources, records, strict=True):
        values = folder / f"{source.name}-rows"
        source.write_values(outputs, record, folder, values)
        folders.append(values)
    left, right = folders
    return read_differences(outputs, left, right, work.rules)
