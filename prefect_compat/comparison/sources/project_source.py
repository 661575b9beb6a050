"""A job of a Dagster project as a source: run by Dagster, or as the derived flow by Prefect."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from prefect_compat.comparison.diff.rows import RowsTask
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.place import HERE, Place
from prefect_compat.comparison.sources.prefect_server import ComparisonServer, RunningServer
from prefect_compat.comparison.sources.side import SideTask, run_side, start_process, start_side
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError, ServerError
from prefect_compat.graph.ids import ValueId
from prefect_compat.progress import Progress

DAGSTER_JOB = "prefect_compat.comparison.sources.dagster_job"
DERIVED_FLOW = "prefect_compat.comparison.sources.derived_flow"
STORED_OUTPUTS = "prefect_compat.comparison.sources.stored_outputs"
ROWS = "prefect_compat.comparison.diff.rows"


@dataclass(frozen=True)
class ProjectSource:
    """The work, run in a process of its own with its own home and store.

    `place` is another commit or another interpreter. Only a Prefect side has a `server`.
    """

    name: str
    module: str
    work: Work
    server: ComparisonServer | None = None
    place: Place = HERE

    @property
    def runs(self) -> bool:
        """True if the side runs something, False if it reads what there is."""
        return True

    @classmethod
    def of_dagster(cls, work: Work, name: str = "dagster", place: Place = HERE) -> "ProjectSource":
        """The job under Dagster."""
        return cls(name, DAGSTER_JOB, work, place=place)

    @classmethod
    def of_prefect(cls, work: Work, server: ComparisonServer) -> "ProjectSource":
        """The derived flow under Prefect."""
        return cls("prefect", DERIVED_FLOW, work, server)

    def record(self, folder: Path, progress: Progress) -> Record:
        """Runs the work in a folder of this side's name, and returns its record."""
        verb = "running" if self.runs else "reading"
        text = f"{self.name}: {verb} {self.work.choice} {self.work.partition or ''}".rstrip()
        variables = self.work.store_variables
        try:
            server = self._running_server(progress)
            with progress.stage(text) as update:
                record = run_side(
                    self.module, self.task(folder), variables, server, update, self.place
                )
        except (ComparisonError, ServerError) as error:
            progress.line(f"{self.name}: could not be run")
            return Record.of_failure(self.name, str(error))
        taken = f" in {record.cost.wall_s:.1f} s" if self.runs else ""
        progress.line(f"{self.name}: {len(record.outputs)} outputs{taken}")
        # As if the side had started the server itself: a user's first run does.
        start_up_s = record.cost.start_up_s + (server.start_s if server else 0)
        cost = replace(record.cost, start_up_s=start_up_s)
        return replace(record, side=self.name, cost=cost)

    def write_values(
        self, outputs: Sequence[ValueId], record: Record, folder: Path, values: Path
    ) -> None:
        """Reads the outputs from this side's store, by a process in its environment."""
        home = folder / self.name
        task = RowsTask(
            self.work.project,
            self.work.choice,
            self.work.run_config,
            tuple(map(str, outputs)),
            record.run_ids,
            str(values),
            json.dumps(self.work.resource_config(home)),
        )
        variables = self.work.store_variables
        if start_process(ROWS, task.as_json(), home, variables, place=self.place) != 0:
            raise ComparisonError(f"{self.name}'s store cannot be read; see {home / 'log.txt'}")

    def of(self, work: Work, keys: Sequence[str]) -> Self:
        """This side, with other work."""
        return replace(self, work=work)

    def stored(self, folder: Path, progress: Progress) -> Record:
        """Reads the content of the side's own store, by the project's IO managers."""
        return replace(self, module=STORED_OUTPUTS, server=None).record(folder, progress)

    def exit_code(self, folder: Path, progress: Progress) -> int:
        """Runs the work and returns how its process ended: negative if a signal ended it."""
        return start_side(
            self.module,
            self.task(folder),
            self.work.store_variables,
            self._running_server(progress),
        )

    def task(self, folder: Path) -> SideTask:
        """The work as a task for this side's process, with its home and record in the folder."""
        work = self.work
        return SideTask(
            project=work.project,
            choice=work.choice,
            partition=work.partition,
            run_config=work.run_config,
            record=str(folder / f"{self.name}.json"),
            home=str(folder / self.name),
            fault=work.fault,
            ignored_metadata=work.ignored_metadata,
            warm=work.rounds > 1,
            tags=work.tags,
            resources=json.dumps(work.resource_config(folder / self.name)),
            dynamic_partitions=work.dynamic_partitions,
        )

    def _running_server(self, progress: Progress) -> RunningServer | None:
        """The server of a Prefect side, running. Raises ServerError if it does not start."""
        if self.server is None:
            return None
        starts = self.server.starts
        with progress.stage("starting a Prefect server") if starts else nullcontext():
            return self.server.running()
