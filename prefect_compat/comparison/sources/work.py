"""The work of a comparison."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from prefect_compat.comparison.faults import Fault
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from prefect_compat.graph.project_settings import VARIABLE


@dataclass(frozen=True)
class Work:
    """The chosen job, partition, configuration and fault that both sides run.

    `run_config` is JSON text, which reports never show: `config_name` says where it comes from.
    `empty_partition` is a partition without data, for the failure matrix.
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


def work_options(work: Work) -> tuple[tuple[str, str], ...]:
    """The options that were given, as names and text."""
    options = {
        "project": " ".join(work.project.options()),
        "job": work.choice.name,
        "assets": None if work.choice.name else str(work.choice),
        "partition": work.partition,
        "run config": work.config_name,
        "run tags": json.dumps(dict(work.tags)) if work.tags else None,
        "fault": work.fault,
        "rounds": work.rounds,
        "stores kept apart by": ", ".join(work.store_variables),
        "metadata not compared": ", ".join(work.ignored_metadata),
    }
    return tuple((name, str(value)) for name, value in options.items() if value)


def validate_store_variables(names: Iterable[str]) -> None:
    """Raises ComparisonError unless there is one, and each is the name of a variable."""
    names = tuple(names)
    if not names:
        raise ComparisonError(
            "Nothing keeps the two stores apart, so one side could pass on what the other wrote."
            " Name the environment variable that says where the project stores its outputs:"
            ' --store-env MY_STORE, or store_env = ["MY_STORE"] in [tool.prefect-compat] of'
            " pyproject.toml (DAGSTER_HOME where Dagster's default IO manager is used)."
        )
    for name in names:
        if not re.fullmatch(VARIABLE, name):
            raise ComparisonError(
                f"--store-env '{name}' is no name of an environment variable; expected one such as"
                " MY_STORE."
            )
