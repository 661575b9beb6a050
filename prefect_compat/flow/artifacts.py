"""Prefect artifacts that show a step's metadata to a person who looks at the flow run."""

import hashlib
import json
import re
from collections import defaultdict
from typing import Any

import dagster as dg
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from prefect_compat.engine.result import Materialization, StepResult

NUMBERS = (dg.IntMetadataValue, dg.FloatMetadataValue)
MARKDOWN = re.compile(r"[\\`*_\[\]<>#|~]")
ONLY_AN_IMAGE = re.compile(r"\s*!\[[^]]*\]\((\S+)\)\s*")


def create_artifacts(result: StepResult) -> None:
    """Creates a table of each asset's numbers, one row a partition.

    Each entry of markdown, table, JSON or URL metadata becomes an artifact of its own. Markdown
    that is nothing but an image becomes an image; JSON that is a list of texts becomes a list. For
    a range of partitions, the last one that has the entry counts.
    """
    figures: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    latest: dict[tuple[tuple[str, ...], str], tuple[Materialization, Any]] = {}
    for made in result.materializations:
        asset_key, partition_key = made.output.asset_key, made.output.partition_key
        numbers = {
            name.removeprefix("dagster/"): _short(value.value)
            for name, value in made.metadata.items()
            if isinstance(value, NUMBERS)
        }
        if numbers:
            of_partition = {} if partition_key is None else {"partition": partition_key}
            figures[asset_key].append(of_partition | numbers)
        for name, value in made.metadata.items():
            latest[asset_key, name] = made, value
    for asset_key, rows in figures.items():
        words = f"figures of {'/'.join(asset_key)}"
        create_table_artifact(rows, key=artifact_key(asset_key), description=words)
    for (asset_key, name), (made, value) in latest.items():
        _create(artifact_key(asset_key, name), f"{name} of {made.output.label}", value)


def _create(key: str, description: str, value: Any) -> None:
    if isinstance(value, dg.MarkdownMetadataValue):
        text = value.md_str or ""
        image = ONLY_AN_IMAGE.fullmatch(text)
        if image:
            create_image_artifact(image[1], key=key, description=description)
        else:
            create_markdown_artifact(text, key=key, description=description)
    elif isinstance(value, dg.JsonMetadataValue):
        create_markdown_artifact(_json_as_markdown(value.data), key=key, description=description)
    elif isinstance(value, dg.TableMetadataValue):
        rows = [dict(record.data) for record in value.records]
        create_table_artifact(rows, key=key, description=description)
    elif isinstance(value, dg.UrlMetadataValue):
        create_link_artifact(value.url or "", key=key, description=description)


def _json_as_markdown(data: Any) -> str:
    """A list of texts as a list, which wraps on a narrow screen; anything else as JSON."""
    if isinstance(data, list) and data and all(isinstance(each, str) for each in data):
        # A line break would end the item, and Markdown's own characters would be read as such.
        lines = (MARKDOWN.sub(r"\\\g<0>", " ".join(each.split())) for each in data)
        return "\n".join(f"- {line}" for line in lines)
    return f"```json\n{json.dumps(data, indent=2)}\n```"


def artifact_key(path: tuple[str, ...], name: str | None = None) -> str:
    """The key of an asset's artifact: `trial-summary--preview`.

    Prefect takes lowercase letters, digits and dashes. Where a name has more than these and single
    underscores, a digest follows it, so that no two names become the same key.
    """
    names = ["/".join(path)] if name is None else ["/".join(path), name]
    return "--".join(map(_as_key, names))


def _short(number: int | float | None) -> int | float | None:
    """The number to six digits, for a person to read; the metadata has them all."""
    return float(f"{number:.6g}") if isinstance(number, float) else number


def _as_key(name: str) -> str:
    if re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", name):
        return name.replace("_", "-")
    words = "-".join(re.findall("[a-z0-9]+", name.lower()))
    return f"{words}---{hashlib.sha256(name.encode()).hexdigest()[:8]}"
