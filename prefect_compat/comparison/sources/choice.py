"""The choice of the two sources, and how they are opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from prefect_compat.comparison.sources.base_stores import with_own_stores
from prefect_compat.comparison.sources.candidate import CandidateFlow, CandidateOptions
from prefect_compat.comparison.sources.candidate_place import candidate_place
from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.file_store import FileStore
from prefect_compat.comparison.sources.layout import shown_address
from prefect_compat.comparison.sources.matching import step_facts
from prefect_compat.comparison.sources.place import Place, base_place
from prefect_compat.comparison.sources.prefect_server import ComparisonServer
from prefect_compat.comparison.sources.project_source import ProjectSource
from prefect_compat.comparison.sources.project_store import ProjectStore
from prefect_compat.comparison.sources.source import RunSource, Source
from prefect_compat.comparison.sources.work import Work
from prefect_compat.engine.dagster_port.step_facts import output_facts
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.job import read_plan
from prefect_compat.graph.plan import Plan


@dataclass(frozen=True)
class StorePlace:
    """A store that exists: its address, and the layout of its files."""

    address: str
    layout: str | None = None


@dataclass(frozen=True)
class SourceChoice:
    """The two sides: without any of these, Dagster's run and the derived flow's."""

    candidate: CandidateOptions | None = None
    base: str | None = None
    base_python: str | None = None
    left: StorePlace | None = None
    right: StorePlace | None = None

    def __post_init__(self) -> None:
        """Raises ComparisonError for choices that exclude each other."""
        given = {
            "--candidate": self.candidate,
            "--base": self.base or self.base_python,
            "--left and --right": self.left or self.right,
        }
        named = [name for name, value in given.items() if value]
        if len(named) > 1:
            raise ComparisonError(f"{' excludes '.join(named)}: compare two sources at a time.")

    @property
    def is_default(self) -> bool:
        """True for Dagster's run and the derived flow's."""
        return self == SourceChoice()

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The chosen places, by names for people; addresses without secrets."""
        named = {
            "candidate": self.candidate and self.candidate.entrypoint,
            "candidate's Python": self.candidate and self.candidate.python,
            "base": self.base,
            "base's Python": self.base_python,
            "left": self.left and shown_address(self.left.address),
            "right": self.right and shown_address(self.right.address),
        }
        return tuple((name, value) for name, value in named.items() if value)

    @property
    def are_files(self) -> bool:
        """True if both sides are stores, so that no project is needed."""
        return self.left is not None and self.right is not None


def file_stores(choice: SourceChoice, partition: str | None) -> tuple[Source, Source]:
    """Both stores, read file by file.

    Raises ComparisonError if one cannot be read, or if they have no output in common.
    """
    assert choice.left is not None
    assert choice.right is not None
    left = FileStore("left", choice.left.address, choice.left.layout, partition)
    right = FileStore("right", choice.right.address, choice.right.layout, partition)
    validate_overlap(left, right)
    return left, right


def validate_overlap(left: FileStore, right: FileStore) -> None:
    """Raises ComparisonError if the stores have no output in common."""
    mine, other = set(left.files), set(right.files)
    if mine & other:
        return
    sides = (
        f"{shown_address(store.address)} has {min(map(_label, found))} to {max(map(_label, found))}"
        for store, found in ((left, mine), (right, other))
    )
    raise ComparisonError(
        f"The stores have no asset and partition in common: {'; '.join(sides)}. Compare stores of"
        " the same assets and partitions, or give the layouts."
    )


def _label(output: object) -> str:
    return str(getattr(output, "label", output))


@contextmanager
def opened_sources(
    choice: SourceChoice, empty: EmptyStore, server: ComparisonServer
) -> Iterator[tuple[Source, Source]]:
    """Yields the two sources of a project's work.

    Raises ComparisonError if one of them cannot be opened.
    """
    work = empty.work
    if choice.candidate is not None:
        options = choice.candidate
        with candidate_place(options.entrypoint, options.python) as place:
            yield ProjectSource.of_dagster(work), candidate_source(options, empty, server, place)
    elif choice.base is not None or choice.base_python is not None:
        with base_place(choice.base, choice.base_python) as place:
            yield (
                ProjectSource.of_dagster(with_own_stores(work, place), "base", place),
                ProjectSource.of_dagster(work, "head"),
            )
    elif choice.left is not None or choice.right is not None:
        yield (
            store_source(choice.left, work, "left")
            if choice.left
            else ProjectSource.of_dagster(work),
            store_source(choice.right, work, "right")
            if choice.right
            else ProjectSource.of_dagster(work),
        )
    else:
        yield ProjectSource.of_dagster(work), ProjectSource.of_prefect(work, server)


def store_source(place: StorePlace, work: Work, name: str) -> Source:
    """A store that exists: by its layout, or else by the project's IO managers."""
    if place.layout is not None:
        return FileStore(name, place.address, place.layout, work.partition)
    return ProjectStore.at(place.address, work, name)


def candidate_source(
    options: CandidateOptions, empty: EmptyStore, server: ComparisonServer, place: Place
) -> CandidateFlow:
    """A flow that someone wrote, with what it is matched against."""
    plan = read_plan(empty.job)
    keys, per_run = empty.keys or (), plan.partitions_per_run
    steps = step_facts(plan, _without_value(empty.job, plan))
    return CandidateFlow(options, empty.work, server, steps, keys, per_run, place)


def _without_value(job: dg.JobDefinition, plan: Plan) -> frozenset[tuple[str, str]]:
    """The outputs, by step and name, that only say that something is done."""
    return frozenset(
        (step.name, output.name)
        for step in plan.steps
        for output in step.outputs
        if output.check_key is None and output_facts(job, step, output.name).is_nothing
    )


def run_source(source: Source) -> RunSource:
    """The source, as one that can be run again. Raises ComparisonError for a store."""
    if isinstance(source, CandidateFlow):
        return source
    if isinstance(source, ProjectSource) and source.runs:
        return source
    raise ComparisonError(f"{source.name} is a store, and cannot be run again.")
