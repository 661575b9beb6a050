"""From definitions to a job, and from a job to its `Plan`."""

import heapq
from collections import defaultdict
from collections.abc import Mapping

import dagster as dg

from prefect_compat.engine.dagster_port.graph import read_assets, read_steps
from prefect_compat.errors import DefinitionError
from prefect_compat.graph.plan import Edge, Plan


def resolve_job(defs: dg.Definitions, job: str) -> dg.JobDefinition:
    """The job of that name. Raises DefinitionError, which lists the jobs, for another."""
    repository = _repository(defs)
    if not repository.has_job(job):
        known = sorted(name for name in repository.job_names if not name.startswith("__"))
        raise DefinitionError(
            f"There is no job '{job}'; there are: {', '.join(known) or 'none'}. Pass one of them."
        )
    try:
        return repository.get_job(job)
    except dg.DagsterError as error:
        raise DefinitionError(
            f"Dagster cannot resolve the job '{job}': {_with_causes(error)}"
        ) from error


def _repository(defs: dg.Definitions) -> dg.RepositoryDefinition:
    try:
        return defs.get_repository_def()
    except dg.DagsterError as error:
        raise DefinitionError(f"Dagster refuses the definitions: {_with_causes(error)}") from error


def _with_causes(error: BaseException) -> str:
    """The error's message, followed by those of its causes."""
    cause = error.__cause__
    return f"{error} ({_with_causes(cause)})" if cause is not None else str(error)


def read_plan(job: dg.JobDefinition) -> Plan:
    """The plan of a job. Raises DefinitionError if Dagster itself cannot plan it."""
    steps = {step.name: (step, edges) for step, edges in read_steps(job)}
    order = _topological({name: edges for name, (_, edges) in steps.items()})
    made = {key for step, _ in steps.values() for key in step.asset_keys}
    read = {
        entry.asset_key for step, _ in steps.values() for entry in step.inputs if entry.asset_key
    }
    return Plan(
        name=job.name,
        steps=tuple(steps[name][0] for name in order),
        edges=tuple(edge for name in order for edge in steps[name][1]),
        external_keys=tuple(sorted(read - made)),
        assets=tuple(read_assets(job)),
    )


def _topological(edges: Mapping[str, tuple[Edge, ...]]) -> list[str]:
    """Step names, each after everything that it depends on, else in alphabetical order."""
    waiting = {name: {edge.upstream for edge in incoming} for name, incoming in edges.items()}
    downstream: dict[str, list[str]] = defaultdict(list)
    for name, upstream in waiting.items():
        for other in upstream:
            downstream[other].append(name)
    ready = [name for name, upstream in waiting.items() if not upstream]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for other in downstream[name]:
            waiting[other].discard(name)
            if not waiting[other]:
                heapq.heappush(ready, other)
    return order
