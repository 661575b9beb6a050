"""The origin of a flow's job, in this process and in others."""

import json
from dataclasses import asdict
from functools import cached_property
from importlib import import_module
from typing import Any

import dagster as dg

from prefect_compat.engine.dagster_port.workspace import Loadable
from prefect_compat.graph.job import JobChoice, read_plan, repository_of
from prefect_compat.graph.plan import Plan
from prefect_compat.graph.project import Project, place_of

# The environment variable that tells `prefect_compat.flow.served_flow` which job's flow to build.
SERVED = "PREFECT_COMPAT_SERVED"
# And the one with the process that serves it: a flow run's process ends with it.
SERVING_PID = "PREFECT_COMPAT_SERVING_PID"


class JobSource:
    """A job chosen from some definitions, and the instance that it reports to.

    Pickled, it is the place from which the definitions can be imported: Dagster's own objects
    cannot be pickled.
    """

    def __init__(
        self,
        definitions: Loadable | Project,
        choice: JobChoice,
        instance: dg.DagsterInstance | None = None,
    ) -> None:
        self._definitions = definitions
        self._choice = choice
        self.instance = instance

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        return repository_of(self._definitions)

    @cached_property
    def job(self) -> dg.JobDefinition:
        return self._choice.resolve(self.repository)

    @cached_property
    def plan(self) -> Plan:
        """The plan of the job. Raises DefinitionError if Dagster itself cannot plan it."""
        return read_plan(self.job)

    @property
    def place(self) -> Project | tuple[str, str]:
        """The place from which another process can import the definitions.

        Raises DefinitionError if there is none.
        """
        if isinstance(self._definitions, Project):
            return self._definitions
        return place_of(self._definitions)

    def __getstate__(self) -> dict[str, Any]:
        instance = self.instance
        return {
            "place": self.place,
            "choice": self._choice,
            "instance": instance.get_ref() if instance and instance.is_persistent else None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        place = state["place"]
        is_project = isinstance(place, Project)
        self._definitions = place if is_project else getattr(import_module(place[0]), place[1])
        self._choice = state["choice"]
        ref = state["instance"]
        self.instance = dg.DagsterInstance.from_ref(ref) if ref else None


def as_served(project: Project, choice: JobChoice) -> str:
    """The job as text for the environment variable SERVED."""
    return json.dumps({"project": asdict(project), "choice": asdict(choice)})


def from_served(text: str) -> tuple[Project, JobChoice]:
    """The inverse of `as_served`."""
    served = json.loads(text)
    return Project(**served["project"]), JobChoice(**served["choice"])
