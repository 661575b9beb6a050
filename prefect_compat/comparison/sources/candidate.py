"""A Prefect flow that someone wrote, as a source."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from prefect_compat.comparison.record.files import STORE
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.candidate_place import candidate_settings, project_folder
from prefect_compat.comparison.sources.file_store import FileStore
from prefect_compat.comparison.sources.foreign_flow import CandidateTask
from prefect_compat.comparison.sources.matching import StepFacts
from prefect_compat.comparison.sources.place import Place
from prefect_compat.comparison.sources.prefect_server import ComparisonServer, RunningServer
from prefect_compat.comparison.sources.side import ended, start_process
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError, ServerError
from prefect_compat.graph.ids import ValueId
from prefect_compat.graph.partitions import chunks
from prefect_compat.progress import Progress, Update

FLOW = "prefect_compat.comparison.sources.foreign_flow"
VALUES = "prefect_compat.comparison.sources.candidate_values"


@dataclass(frozen=True)
class CandidateOptions:
    """A candidate flow: how to call it, and where its outputs are.

    `parameter` takes the partition. `layout` is the pattern of the files that the flow writes,
    below `store` or else below the folder in the store variables; without it outputs are what the
    tasks return. `matches` are declared, from task to step. `python` is another interpreter, which
    runs the flow.
    """

    entrypoint: str
    parameter: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    layout: str | None = None
    store: str | None = None
    matches: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    python: str | None = None


@dataclass(frozen=True)
class CandidateFlow:
    """The flow, run once for each partition, in a process of its own with its own home and store.

    `keys` are the partitions, `per_run` says how many of them a run of Dagster's takes, and `steps`
    are those of the job. `place` has the import folders and the interpreter.
    """

    options: CandidateOptions
    work: Work
    server: ComparisonServer
    steps: tuple[StepFacts, ...]
    keys: tuple[str, ...]
    per_run: int | None
    place: Place
    name: str = "candidate"

    def record(self, folder: Path, progress: Progress) -> Record:
        """Runs the flow in a folder of this side's name, and returns its record.

        The error of a flow that made nothing says where outputs were looked for.
        """
        home = folder / self.name
        try:
            with progress.stage("starting a Prefect server"):
                server = self.server.running()
            text = f"{self.name}: running {self.options.entrypoint} {self.work.partition or ''}"
            with progress.stage(text.rstrip()) as update:
                code = self._run(folder, server, update)
            if code != 0:
                raise ended(FLOW, code, home)
            record = Record.read(folder / f"{self.name}.json")
            if self._has_files:
                files = self._files(home).record(folder, progress)
                record = replace(record, outputs=files.outputs)
            if not record.outputs and record.error is None:
                raise ComparisonError(self._nothing_made())
        except (ComparisonError, ServerError) as error:
            progress.line(f"{self.name}: could not be run")
            return Record.of_failure(self.name, str(error))
        progress.line(f"{self.name}: {len(record.outputs)} outputs in {record.cost.wall_s:.1f} s")
        start_up_s = record.cost.start_up_s + server.start_s
        return replace(record, cost=replace(record.cost, start_up_s=start_up_s))

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        """Reads the files that the flow wrote, or the results of its tasks."""
        home = folder / self.name
        if self._has_files:
            self._files(home).write_values(outputs, record, folder, values)
            return
        task = {
            "home": str(home),
            "outputs": list(map(str, outputs)),
            "folder": str(values),
            "moved": candidate_settings(self.options.entrypoint).moved_modules,
        }
        variables = self._store_variables
        code = start_process(VALUES, json.dumps(task), home, variables, place=self._place(home))
        if code != 0:
            raise ComparisonError(f"{self.name}'s results cannot be read; see {home / 'log.txt'}")

    def of(self, work: Work, keys: Sequence[str]) -> Self:
        """The flow, run for other partitions or with a fault."""
        return replace(self, work=work, keys=tuple(keys))

    def stored(self, folder: Path, progress: Progress) -> Record:
        """The files that the flow has written until now."""
        if not self._has_files:
            raise ComparisonError(
                f"To see what a second run changes, the files of {self.options.entrypoint} are read"
                " after each run. Say where they are: --candidate-layout"
                " '{asset}/{partition}.parquet'."
            )
        return self._files(folder / self.name).record(folder, progress)

    def exit_code(self, folder: Path, progress: Progress) -> int:
        """Runs the flow and returns how its process ended: negative if a signal ended it."""
        return self._run(folder, self.server.running())

    def _run(self, folder: Path, server: RunningServer, update: Update = lambda state: None) -> int:
        home = folder / self.name
        return start_process(
            FLOW,
            self._task(folder).as_json(),
            home,
            self._store_variables,
            server,
            update,
            self._place(home),
            self.options.timeout_s,
        )

    @property
    def _has_files(self) -> bool:
        return bool(self.options.layout or self.options.store)

    def _files(self, home: Path) -> FileStore:
        address = self.options.store or str(home / STORE)
        return FileStore(self.name, address, self.options.layout, self.work.partition)

    def _nothing_made(self) -> str:
        if self._has_files:
            return f"{self.options.entrypoint} has written nothing where its outputs are expected."
        return (
            f"No task of {self.options.entrypoint} stands for an asset and returned a value. Match"
            " them by --match TASK=ASSET; if the flow writes files, say where: --candidate-layout"
            " '{asset}/{partition}.parquet', and --candidate-store if not below the folder in"
            " --store-env."
        )

    @property
    def _store_variables(self) -> tuple[str, ...]:
        own = candidate_settings(self.options.entrypoint).store_env
        return tuple(dict.fromkeys((*self.work.store_variables, *own)))

    def _place(self, home: Path) -> Place:
        """Results are persisted in the side's home, unless a task says otherwise."""
        results = {
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "PREFECT_LOCAL_STORAGE_PATH": str(home / "results"),
        }
        return replace(self.place, variables={**self.place.variables, **results})

    def _task(self, folder: Path) -> CandidateTask:
        project = project_folder(self.options.entrypoint)
        settings = candidate_settings(self.options.entrypoint)
        return CandidateTask(
            entrypoint=self.options.entrypoint,
            runs=tuple(chunks(self.keys, self.per_run)) if self.keys else ((),),
            parameter=self.options.parameter,
            parameters=json.dumps(dict(self.options.parameters)),
            steps=self.steps,
            declared=dict(self.options.matches),
            reads_results=not self._has_files,
            moved=settings.moved_modules,
            knows_files=settings.compare_files,
            record=str(folder / f"{self.name}.json"),
            home=str(folder / self.name),
            side=self.name,
            fault=self.work.fault,
            project=str(project) if project else None,
        )
