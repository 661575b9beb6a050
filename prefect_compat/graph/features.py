"""Which of Dagster's features a project uses, and what becomes of them under Prefect.

`python -m prefect_compat.graph.features` prints the table as Markdown.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.definitions import assets_definitions, spec_fields
from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.errors import DefinitionError
from prefect_compat.graph.feature_table import FEATURES, WITHOUT_EFFECT, Feature, Treatment
from prefect_compat.graph.job import job_names, repository_of
from prefect_compat.graph.project import Project

PARAMETERS = frozenset(
    {*WITHOUT_EFFECT, *(name for feature in FEATURES for name in feature.parameters)}
)


@dataclass(frozen=True)
class Explanation:
    """A feature that a definition of a project uses."""

    definition: str
    feature: Feature


def explain(defs: Loadable | Project) -> tuple[Explanation, ...]:
    """Lists every feature that every definition of the project uses, in a fixed order.

    A feature that the table does not know is listed as unknown.
    """
    return tuple(
        Explanation(name, feature)
        for name, definition in _definitions(repository_of(defs))
        for feature in (*_used(definition), *_unknown(definition))
    )


def explain_job(job: dg.JobDefinition) -> tuple[Explanation, ...]:
    """Lists every feature that the job and the assets in it use, in a fixed order."""
    used = [(job.name, job), *sorted((_name_of(a), a) for a in set(assets_definitions(job)))]
    return tuple(
        Explanation(name, feature)
        for name, definition in used
        for feature in (*_used(definition), *_unknown(definition))
    )


def validate_carried_over(job: dg.JobDefinition) -> None:
    """Raises DefinitionError, which names everything in this job that is refused."""
    used = [(job.name, job), *((_name_of(a), a) for a in assets_definitions(job))]
    features = [feature for feature in FEATURES if feature.treatment is Treatment.REFUSED]
    refused = [
        f"'{name}' uses {feature.name}: {feature.how}"
        for name, definition in used
        for feature in features
        if feature.is_in(definition)
    ]
    if refused:
        raise DefinitionError(
            f"{job.name} cannot be carried over to Prefect:\n  " + "\n  ".join(refused)
        )


def markdown() -> str:
    """The table of all features."""
    rows = [f"| {f.name} | {f.treatment} | {f.how} |" for f in FEATURES]
    head = ["| Dagster | treatment | under Prefect |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _used(definition: Any) -> Iterator[Feature]:
    return (feature for feature in FEATURES if feature.is_in(definition))


def _unknown(definition: Any) -> Iterator[Feature]:
    """Yields what an asset uses and the table does not know: a field that is new in Dagster."""
    if not isinstance(definition, dg.AssetsDefinition):
        return
    names = {name for spec in definition.specs for name in spec_fields(spec)}
    for name in sorted(names - PARAMETERS):
        yield _not_in_table(f"`{name}` of an asset")


def _not_in_table(name: str) -> Feature:
    how = "not in the table of features; compare both orchestrators before you rely on it"
    return Feature(name, Treatment.UNKNOWN, how, lambda definition: True)


def _definitions(repository: dg.RepositoryDefinition) -> Iterator[tuple[str, Any]]:
    # A multi-asset stands under each of its keys, but is one definition.
    by_identity: dict[int, dg.AssetsDefinition] = {
        id(assets_def): assets_def
        for assets_def in (
            *repository.assets_defs_by_key.values(),
            *repository.asset_checks_defs_by_key.values(),
        )
    }
    assets = ((_name_of(assets_def), assets_def) for assets_def in by_identity.values())
    yield from sorted(assets, key=lambda entry: entry[0])
    for name in job_names(repository):
        yield name, repository.get_job(name)
    timers: list[dg.ScheduleDefinition | dg.SensorDefinition] = [
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    yield from ((timer.name, timer) for timer in timers)


def _name_of(assets_def: dg.AssetsDefinition) -> str:
    keys = sorted(key.to_user_string() for key in assets_def.keys)
    checks = sorted(f"{s.asset_key.to_user_string()}:{s.name}" for s in assets_def.check_specs)
    return ", ".join(keys or checks)


if __name__ == "__main__":
    sys.stdout.write(markdown())
