"""A step's metadata as Prefect artifacts, for a person who looks at the flow run."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from prefect_compat.invocation import Materialization, StepResult


def create_artifacts(result: StepResult) -> None:
    """One artifact for each entry of markdown, table, JSON or URL metadata of what the step made;
    of a range of partitions, those of the last one that has the entry."""
    latest = {
        (made.output.asset_key, name): (made, name, value)
        for made in result.materializations
        for name, value in made.metadata.items()
    }
    for made, name, value in latest.values():
        _create(made, name, value)


def _create(made: Materialization, name: str, value: Any) -> None:
    key = artifact_key(made.output.asset_key, name)
    description = f"{name} of {made.output.label}"
    if isinstance(value, dg.MarkdownMetadataValue):
        create_markdown_artifact(value.md_str or "", key=key, description=description)
    elif isinstance(value, dg.JsonMetadataValue):
        create_table_artifact(list(_rows(value.data)), key=key, description=description)
    elif isinstance(value, dg.TableMetadataValue):
        rows = [dict(record.data) for record in value.records]
        create_table_artifact(rows, key=key, description=description)
    elif isinstance(value, dg.UrlMetadataValue):
        create_link_artifact(value.url or "", key=key, description=description)


def artifact_key(path: tuple[str, ...], name: str) -> str:
    """Prefect takes lowercase letters, digits and dashes. What is none of these becomes its code
    between dashes, so that no two names become the same key."""
    text = "/".join([*path, name])
    return re.sub(r"[^a-z0-9]", lambda found: f"-{ord(found[0]):x}-", text)


def _rows(document: Any, prefix: str = "") -> Iterator[dict[str, Any]]:
    """A JSON document as rows of name and value."""
    if not isinstance(document, dict):
        yield {"name": prefix, "value": document}
        return
    for name, value in document.items():
        yield from _rows(value, f"{prefix}.{name}" if prefix else str(name))
