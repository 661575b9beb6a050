"""From definitions to a job, and from a job to its `Plan`."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from textwrap import shorten
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.definitions import (
    CheckError,
    job_of_assets,
    selected_keys,
)
from prefect_compat.engine.dagster_port.graph import partitions_words, read_job
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.engine.dagster_port.workspace import repository_of as loaded_repository
from prefect_compat.errors import DefinitionError
from prefect_compat.garbage import uncollected
from prefect_compat.graph.plan import Plan
from prefect_compat.graph.project import Project

# Names of the jobs that are made of a selection, and of all assets.
SELECTED_ASSETS = "selected_assets"
ALL_ASSETS = "all_assets"


@dataclass(frozen=True)
class JobChoice:
    """A job by its `name`, or one made of the assets that `selection` matches.

    Without either it is made of all assets, or is the only job of a project without assets. A
    selection is what `dagster.define_asset_job` takes; text may join several by commas, as for
    `dagster asset materialize --select`.
    """

    name: str | None = None
    selection: Any = None

    def __post_init__(self) -> None:
        if self.name is not None and self.selection is not None:
            raise DefinitionError("Pass the name of a job or a selection of assets, not both.")

    @property
    def is_default(self) -> bool:
        """True if neither is given."""
        return self == JobChoice()

    def __str__(self) -> str:
        return self.name or str(self.selection or "all assets")

    def resolve(self, repository: dg.RepositoryDefinition) -> dg.JobDefinition:
        """The job. Raises DefinitionError, which lists what there is, if there is none."""
        if self.name is not None:
            return _named_job(repository, self.name)
        if self.selection is None:
            if not repository.asset_graph.executable_asset_keys:
                return _only_job(repository)
            return _job_of_assets(repository, ALL_ASSETS, dg.AssetSelection.all())
        selection = self.selection
        return _job_of_assets(
            repository,
            SELECTED_ASSETS,
            selection.split(",") if isinstance(selection, str) else selection,
        )


def resolve_job(
    defs: Loadable | Project,
    choice: "JobChoice | str" = JobChoice(),  # it is frozen
) -> dg.JobDefinition:
    """The chosen job of definitions. Raises DefinitionError if there is none."""
    chosen = JobChoice(choice) if isinstance(choice, str) else choice
    return chosen.resolve(repository_of(defs))


def repository_of(defs: Loadable | Project) -> dg.RepositoryDefinition:
    """The repository of definitions. Raises DefinitionError if Dagster refuses them."""
    if isinstance(defs, Project):
        return defs.load()
    try:
        return loaded_repository(defs)
    except dg.DagsterError as error:
        raise DefinitionError(f"Dagster refuses the definitions: {_with_causes(error)}") from error


def job_names(repository: dg.RepositoryDefinition) -> tuple[str, ...]:
    """The names of the jobs that the project defines, in alphabetical order."""
    return tuple(sorted(name for name in repository.job_names if not name.startswith("__")))


def _named_job(repository: dg.RepositoryDefinition, name: str) -> dg.JobDefinition:
    if not repository.has_job(name):
        known = ", ".join(job_names(repository)) or "none"
        raise DefinitionError(
            f"There is no job '{name}'; there are: {known}. Pass one of them, or none to run all"
            " assets."
        )
    try:
        return repository.get_job(name)
    except dg.DagsterError as error:
        raise DefinitionError(
            f"Dagster cannot resolve the job '{name}': {_with_causes(error)}"
        ) from error


def _only_job(repository: dg.RepositoryDefinition) -> dg.JobDefinition:
    names = job_names(repository)
    if len(names) == 1:
        return _named_job(repository, names[0])
    raise DefinitionError(
        "The project has no assets that can be run"
        + (f"; name one of its jobs by -j: {', '.join(names)}." if names else " and no jobs.")
    )


def _job_of_assets(
    repository: dg.RepositoryDefinition, name: str, selection: Any
) -> dg.JobDefinition:
    try:
        keys = selected_keys(repository, selection)
        if not keys:
            known = sorted(repository.asset_graph.executable_asset_keys)
            raise DefinitionError(
                f"{_text(selection)} selects no asset that can be run; there are"
                f" {listed(key.to_user_string() for key in known)}."
            )
        _validate_partitions(repository, keys)
        return job_of_assets(repository, name, selection)
    except (dg.DagsterError, CheckError, ValueError) as error:
        raise DefinitionError(
            f"Dagster refuses the selection {_text(selection)}: {_with_causes(error)}"
        ) from error


def _validate_partitions(repository: dg.RepositoryDefinition, keys: Iterable[dg.AssetKey]) -> None:
    """Raises DefinitionError if the assets have different partitions: a run has one of them."""
    by_partitions = defaultdict(list)
    for key in sorted(keys):
        partitions_def = repository.asset_graph.get(key).partitions_def
        if partitions_def is not None:
            by_partitions[partitions_words(partitions_def)].append(key.to_user_string())
    if len(by_partitions) > 1:
        groups = "; ".join(
            f"{shorten(words, 60, placeholder='…')}: {listed(names)}"
            for words, names in by_partitions.items()
        )
        raise DefinitionError(
            f"The selected assets have different partitions, and one run has partitions of one"
            f" kind. Select the assets of one kind (--select): {groups}."
        )


def _text(selection: Any) -> str:
    if isinstance(selection, list):
        return f"'{','.join(map(str, selection))}'"
    return repr(selection) if isinstance(selection, str) else "of all assets"


def listed(names: Iterable[str], shown: int = 10) -> str:
    """The first names, joined by commas, and the number of the others."""
    known = list(names)
    more = f" and {len(known) - shown} more" if len(known) > shown else ""
    return ", ".join(known[:shown]) + more


def _with_causes(error: BaseException) -> str:
    """The error's message, followed by those of its causes."""
    cause = error.__cause__
    return f"{error} ({_with_causes(cause)})" if cause is not None else str(error)


@uncollected()
def read_plan(job: dg.JobDefinition) -> Plan:
    """The plan of a job. Raises DefinitionError if Dagster itself cannot plan it."""
    graph = read_job(job)
    steps = {step.name: (step, edges) for step, edges in graph.steps}
    upstream = {name: {edge.upstream for edge in edges} for name, (_, edges) in steps.items()}
    order = _topological(upstream, key=lambda name: name)
    # Dagster starts the ready step of the highest priority, and of equals the one that has been
    # ready for longest. Steps that wait for dynamic outputs come last in its list of all.
    numbers = {name: number for number, name in enumerate(steps)}
    start_order = _topological(
        upstream,
        key=lambda name: -steps[name][0].priority,
        tie=lambda name: (steps[name][0].kind == "mapped", numbers[name]),
    )
    made = {key for step, _ in steps.values() for key in step.asset_keys}
    read = {
        entry.asset_key for step, _ in steps.values() for entry in step.inputs if entry.asset_key
    }
    return Plan(
        name=job.name,
        steps=tuple(steps[name][0] for name in order),
        edges=tuple(edge for name in order for edge in steps[name][1]),
        external_keys=tuple(sorted(read - made)),
        assets=graph.assets,
        start_order=tuple(start_order),
        partitions=partitions_words(job.partitions_def) if job.partitions_def else None,
    )


def _topological(
    upstream: Mapping[str, Collection[str]],
    key: Callable[[str], Any],
    tie: Callable[[str], Any] = lambda name: name,
) -> list[str]:
    """Step names, each after everything that it depends on.

    Of those that are ready, the one with the lowest `key` is next; of equals, the one that has
    been ready for longest; and of those that became ready together, the one with the lowest `tie`.
    """
    waiting = {name: len(names) for name, names in upstream.items()}
    downstream: dict[str, list[str]] = defaultdict(list)
    for name, names in upstream.items():
        for other in names:
            downstream[other].append(name)
    ready: list[tuple[Any, int, str]] = []
    arrival = count()

    def add(names: Iterable[str]) -> None:
        for name in sorted(names, key=tie):
            heapq.heappush(ready, (key(name), next(arrival), name))

    add(name for name, number in waiting.items() if not number)
    order = []
    while ready:
        _, _, name = heapq.heappop(ready)
        order.append(name)
        for other in downstream[name]:
            waiting[other] -= 1
        add(other for other in downstream[name] if not waiting[other])
    return order
