"""The sources of a shadow comparison: production's store, and a side that runs."""

from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path

from prefect_compat.comparison.sources.candidate import CandidateOptions
from prefect_compat.comparison.sources.candidate_place import place_here
from prefect_compat.comparison.sources.choice import (
    StorePlace,
    candidate_source,
    store_source,
)
from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.prefect_server import ComparisonServer
from prefect_compat.comparison.sources.project_source import ProjectSource
from prefect_compat.comparison.sources.source import NothingStoredError, Source
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import OutputId
from prefect_compat.graph.job import resolve_job
from prefect_compat.progress import Progress

PRODUCTION = "production"


class Shadowed:
    """A job, production's store of it, and the side that is to take over."""

    def __init__(
        self,
        work: Work,
        production: str,
        layout: str | None,
        candidate: str | None,
        nowhere: Path,
    ) -> None:
        """Loads the job. Raises ComparisonError if it has no partitions."""
        job = resolve_job(work.project, work.choice)
        if job.partitions_def is None:
            raise ComparisonError(
                f"{work.choice} has no partitions, so nothing in production is new. Compare it by"
                " `prefect-compat compare --left`."
            )
        self._work, self._nowhere = work, nowhere
        self._production = StorePlace(production, layout)
        self._candidate = CandidateOptions(candidate) if candidate else None
        # In their order, with the newest last; a partition that has not ended yet is not there.
        self.partitions = tuple(job.partitions_def.get_partition_keys())

    def found(self, scratch: Path, progress: Progress) -> Callable[[Sequence[str]], Set[str]]:
        """A function that returns which partitions, of some in a row, production has."""

        def found(keys: Sequence[str]) -> Set[str]:
            between = f"{keys[0]}...{keys[-1]}" if len(keys) > 1 else keys[0]
            work = replace(self._of(keys[-1]).work, partition=between)
            store = store_source(self._production, work, PRODUCTION)
            try:
                record = store.record(scratch, progress)
            except NothingStoredError:
                return frozenset()
            if not record.has_run:
                raise ComparisonError(f"Production cannot be read: {record.error}")
            outputs = (entry.output for entry in record.outputs)
            return {
                output.partition_key
                for output in outputs
                if isinstance(output, OutputId) and output.partition_key is not None
            }

        return found

    def sources(
        self, partition: str, server: ComparisonServer
    ) -> tuple[EmptyStore, tuple[Source, Source]]:
        """Production's partition, and the side that runs it."""
        empty = self._of(partition)
        right: Source = (
            ProjectSource.of_prefect(empty.work, server)
            if self._candidate is None
            else candidate_source(
                self._candidate, empty, server, place_here(self._candidate.entrypoint)
            )
        )
        return empty, (store_source(self._production, empty.work, PRODUCTION), right)

    def _of(self, partition: str) -> EmptyStore:
        return EmptyStore(replace(self._work, partition=partition), self._nowhere / partition)
