"""The origin of a flow's job, in this process and in others."""

from functools import cached_property
from typing import Any

import dagster as dg

from prefect_compat.errors import DefinitionError
from prefect_compat.graph.job import resolve_job
from prefect_compat.graph.project import place_of

SELECTED = "selected_assets"


class JobSource:
    """A job of some definitions, or one made of a selection, and the instance that it reports to.

    Pickled, it is the place from which the definitions can be imported: Dagster's own objects
    cannot be pickled.
    """

    def __init__(
        self,
        definitions: dg.Definitions,
        job: str | None,
        selection: Any = None,
        instance: dg.DagsterInstance | None = None,
    ) -> None:
        if (job is None) == (selection is None):
            raise DefinitionError("Pass the name of a job or a selection of assets, one of them.")
        self._definitions = definitions
        self._job = job
        self._selection = selection
        self.instance = instance

    @cached_property
    def resolved(self) -> tuple[dg.Definitions, dg.JobDefinition]:
        """The definitions with the job in them, and the job."""
        if self._job is not None:
            return self._definitions, resolve_job(self._definitions, self._job)
        try:
            job = dg.define_asset_job(SELECTED, selection=self._selection)
            merged = dg.Definitions.merge(self._definitions, dg.Definitions(jobs=[job]))
            return merged, merged.resolve_job_def(SELECTED)
        except (dg.DagsterError, ValueError) as error:
            raise DefinitionError(
                f"Dagster refuses the selection {self._selection!r}: {error}"
            ) from error

    @property
    def job(self) -> dg.JobDefinition:
        return self.resolved[1]

    @property
    def repository(self) -> dg.RepositoryDefinition:
        return self.resolved[0].get_repository_def()

    def __getstate__(self) -> dict[str, Any]:
        instance = self.instance
        return {
            "place": place_of(self._definitions),
            "job": self._job,
            "selection": self._selection,
            "instance": instance.get_ref() if instance and instance.is_persistent else None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        from importlib import import_module

        module, name = state["place"]
        self._definitions = getattr(import_module(module), name)
        self._job = state["job"]
        self._selection = state["selection"]
        ref = state["instance"]
        self.instance = dg.DagsterInstance.from_ref(ref) if ref else None
