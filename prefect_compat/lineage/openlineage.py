"""A lineage as OpenLineage events: of the design, or of a run.

Source: OpenLineage specification 2-0-2, https://openlineage.io/spec/2-0-2/OpenLineage.json, and
its facets in the versions named below.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from prefect_compat.errors import ConfigError, DefinitionError
from prefect_compat.graph.plan import AssetPath
from prefect_compat.lineage.graph import Lineage, Node, NodeId

SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
FACETS = {
    "schema": "1-1-1/SchemaDatasetFacet",
    "documentation": "1-0-1/DocumentationDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "jobType": "2-0-3/JobTypeJobFacet",
    "parent": "1-1-0/ParentRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
}
ASSETS = "dagster"
OP_VALUES = "dagster.ops"  # outputs of ops without assets, apart from the assets

Event = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """The sender: the namespace of the jobs, and a URI of the program that wrote the events."""

    job_namespace: str = "dagster"
    producer: str = "urn:prefect-compat"


@dataclass(frozen=True)
class NodeRun:
    """One run of an asset's step or of an op.

    Times have a time zone. `error` is None if the run succeeded.
    """

    run_id: UUID
    started: datetime
    ended: datetime
    error: str | None = None


def job_events(lineage: Lineage, time: datetime, origin: Origin | None = None) -> list[Event]:
    """The design: a JobEvent for every asset that the job makes and for every op.

    `time` is the time of all events. Assets of other jobs appear as inputs only. Raises
    ConfigError if the time has no zone, DefinitionError if two assets have one joined name.
    """
    writer = _Writer(lineage, origin or Origin())
    return [
        {**writer.base(time, "JobEvent"), **writer.job_and_datasets(node)}
        for node in lineage.nodes
        if node.kind != "external"
    ]


def run_events(
    lineage: Lineage,
    runs: Mapping[NodeId, NodeRun],
    parent: UUID | None = None,
    origin: Origin | None = None,
) -> list[Event]:
    """A run: a START and a COMPLETE or FAIL RunEvent for each node that ran, by time.

    `parent` is the run of the whole job. Raises KeyError for a node that is not in the lineage,
    and otherwise as `job_events`.
    """
    writer = _Writer(lineage, origin or Origin())
    events = [
        event
        for node_id, run in runs.items()
        for event in writer.run_pair(lineage.node(node_id), run, parent)
    ]
    # The sort is stable: a run that takes no time keeps its START before its end.
    return sorted(events, key=_when)


class _Writer:
    """Writes the events of one lineage."""

    def __init__(self, lineage: Lineage, origin: Origin) -> None:
        self._lineage = lineage
        self._origin = origin
        _refuse_same_names(lineage)

    def base(self, time: datetime, kind: str) -> Event:
        return {
            "eventTime": _instant(time),
            "producer": self._origin.producer,
            "schemaURL": f"{SPEC}#/$defs/{kind}",
        }

    def job_and_datasets(self, node: Node) -> Event:
        upstream = [e.upstream for e in self._lineage.edges if e.downstream == node.id]
        job_type = self._facet(
            "jobType", processingType="BATCH", integration="DAGSTER", jobType=node.kind.upper()
        )
        return {
            "job": {
                "namespace": self._origin.job_namespace,
                "name": self._job_name(node),
                "facets": {"jobType": job_type},
            },
            "inputs": [self._dataset(self._lineage.node(node_id)) for node_id in upstream],
            "outputs": [self._dataset(node, is_output=True)],
        }

    def run_pair(self, node: Node, run: NodeRun, parent: UUID | None) -> Iterator[Event]:
        about = self.job_and_datasets(node)
        facets = {"parent": self._parent(parent)} if parent else {}
        yield {
            **self.base(run.started, "RunEvent"),
            "eventType": "START",
            "run": {"runId": str(run.run_id), "facets": facets},
            **about,
        }
        if run.error is not None:
            error = self._facet("errorMessage", message=run.error, programmingLanguage="PYTHON")
            facets = {**facets, "errorMessage": error}
        yield {
            **self.base(run.ended, "RunEvent"),
            "eventType": "COMPLETE" if run.error is None else "FAIL",
            "run": {"runId": str(run.run_id), "facets": facets},
            **about,
        }

    def _job_name(self, node: Node) -> str:
        return f"{self._lineage.name}.{node.label}"

    def _parent(self, run_id: UUID) -> Event:
        job = {"namespace": self._origin.job_namespace, "name": self._lineage.name}
        return self._facet("parent", run={"runId": str(run_id)}, job=job)

    def _dataset(self, node: Node, is_output: bool = False) -> Event:
        facets: dict[str, Event] = {}
        if node.columns:
            facets["schema"] = self._facet("schema", fields=_fields(node))
        if node.description:
            facets["documentation"] = self._facet("documentation", description=node.description)
        if node.owners:
            owners = [{"name": owner} for owner in node.owners]
            facets["ownership"] = self._facet("ownership", owners=owners)
        if is_output and node.column_deps:
            facets["columnLineage"] = self._facet("columnLineage", fields=_input_fields(node))
        if node.kind == "op":
            return {"namespace": OP_VALUES, "name": self._job_name(node), "facets": facets}
        return {**_asset_dataset(node.key), "facets": facets}

    def _facet(self, facet: str, **content: Any) -> Event:
        path = FACETS[facet]
        schema = f"https://openlineage.io/spec/facets/{path}.json#/$defs/{path.partition('/')[2]}"
        return {"_producer": self._origin.producer, "_schemaURL": schema, **content}


def _when(event: Event) -> tuple[datetime, str]:
    return datetime.fromisoformat(event["eventTime"]), event["job"]["name"]


def _asset_dataset(key: AssetPath) -> dict[str, str]:
    return {"namespace": ASSETS, "name": "/".join(key)}


def _fields(node: Node) -> list[dict[str, str]]:
    return [
        {"name": column.name, "type": column.type}
        | ({"description": column.description} if column.description else {})
        for column in node.columns
    ]


def _input_fields(node: Node) -> Event:
    return {
        column: {
            "inputFields": [
                {**_asset_dataset(dep.upstream), "field": dep.upstream_column} for dep in deps
            ]
        }
        # `groupby` joins neighbours only; the plan sorts these by column.
        for column, deps in groupby(node.column_deps, key=lambda dep: dep.column)
    }


def _instant(time: datetime) -> str:
    if time.utcoffset() is None:
        raise ConfigError(
            f"The event time {time.isoformat()} has no time zone; OpenLineage expects an"
            " instant. Pass a datetime with tzinfo, such as UTC."
        )
    return time.isoformat()


def _refuse_same_names(lineage: Lineage) -> None:
    """Raises DefinitionError if two assets would be one dataset: `a/b` has one part or two."""
    names = Counter("/".join(node.key) for node in lineage.nodes if node.kind != "op")
    same = sorted(name for name, count in names.items() if count > 1)
    if same:
        raise DefinitionError(
            f"{lineage.name}: several assets have the OpenLineage names {', '.join(same)}; each"
            " name must be unique. Rename the assets that have a slash inside a part of their key."
        )
