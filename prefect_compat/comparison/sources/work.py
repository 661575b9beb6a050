"""The work of a comparison."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect_compat.comparison.diff.declared import NO_RULES, Rules
from prefect_compat.comparison.faults import Fault
from prefect_compat.comparison.sources.stores import Stores
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.partitions import DynamicKeys
from prefect_compat.graph.project import Project
from prefect_compat.graph.project_settings import VARIABLE


@dataclass(frozen=True)
class Work:
    """The chosen job, partition, configuration and fault that both sides run.

    `run_config` is JSON text, which reports never show: `config_name` says where it comes from.
    `empty_partition` is a partition without data, for the failure matrix. `stores` is what keeps
    the stores apart, known as soon as the project is loaded, and so are the keys of dynamic
    partitions, by name: those of the user's own Dagster instance. `rules` declare keys, tolerances
    and what is not compared. `places` say what the sides are, if not the two orchestrators.
    """

    project: Project
    choice: JobChoice
    partition: str | None
    run_config: str
    store_variables: tuple[str, ...]
    ignored_metadata: tuple[str, ...] = ()
    fault: Fault | None = None
    rounds: int = 1
    empty_partition: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    config_name: str | None = None
    stores: Stores | None = None
    dynamic_partitions: DynamicKeys = ()
    rules: Rules = NO_RULES
    places: tuple[tuple[str, str], ...] = ()

    def resource_config(self, home: Path) -> dict[str, Any]:
        """The part of the run config that keeps a side's store below its home."""
        return self.stores.run_config(home) if self.stores else {}


def title(work: Work) -> str:
    """The heading of reports: the job or its assets, or the stores if no project was named."""
    if work.project.options():
        return str(work.choice)
    return " and ".join(place for _, place in work.places) or str(work.choice)


def work_options(work: Work) -> tuple[tuple[str, str], ...]:
    """The options that were given, as names and text."""
    options = {
        "project": " ".join(work.project.options()),
        "job": work.choice.name,
        "assets": None if work.choice.name or not work.project.options() else str(work.choice),
        "partition": work.partition,
        "run config": work.config_name,
        "run tags": json.dumps(dict(work.tags)) if work.tags else None,
        "fault": work.fault,
        "rounds": work.rounds,
        "stores kept apart by": work.stores.words if work.stores else None,
        **dict(work.places),
        "declared": work.rules.words,
        "metadata not compared": ", ".join(work.ignored_metadata),
    }
    return tuple((name, str(value)) for name, value in options.items() if value)


def validate_store_variables(names: Iterable[str]) -> None:
    """Raises ComparisonError unless each is the name of a variable."""
    for name in names:
        if not re.fullmatch(VARIABLE, name):
            raise ComparisonError(
                f"--store-env '{name}' is no name of an environment variable; expected one such as"
                " MY_STORE."
            )
