"""Run config, read, merged and resolved as Dagster does it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._config import process_config
from dagster_shared.merger import deep_merge_dicts
from dagster_shared.yaml_utils import load_run_config_yaml


def parse_run_config(text: str) -> Any:
    """The content of a run-config file, read as Dagster reads it: a date stays text."""
    return load_run_config_yaml(text)


def merged_config(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two run configs merged as Dagster merges those of two files; the second wins."""
    return dict(deep_merge_dicts(first, second))


def resolved_configs(
    job: dg.JobDefinition, given: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """The configuration of each resource of the job, by key, with defaults and variables put in.

    `given` is the section `resources` of a run config. Leaves out what Dagster refuses.
    """
    configs = {}
    for key, resource in job.resource_defs.items():
        field = resource.config_field
        if field is None:
            continue
        default = field.default_value if field.default_provided else {}
        result = process_config(field.config_type, given.get(key, {}).get("config", default))
        if result.success and isinstance(result.value, Mapping):
            configs[key] = result.value
    return configs
