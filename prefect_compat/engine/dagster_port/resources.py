"""The resources of a job, and what their definitions say about where they store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.job_definition import (
    default_job_io_manager,
    default_job_io_manager_with_fs_io_manager_schema,
)


@dataclass(frozen=True)
class ResourceSettings:
    """A resource that a job uses, and what its definition sets.

    `values` are the settings as configuration, in which `{"env": NAME}` stands for a variable; None
    if it takes no run config. `stores_in_instance` says that it stores where the instance does by
    default, and `in_memory` that it stores nothing that another process could read.
    """

    key: str
    is_io_manager: bool
    stores_in_instance: bool
    in_memory: bool
    values: Mapping[str, Any] | None


def resource_settings(job: dg.JobDefinition) -> tuple[ResourceSettings, ...]:
    """The resources that the job requires, by key."""
    return tuple(
        _resource_settings(key, resource)
        for key, resource in sorted(job.get_required_resource_defs().items())
    )


def _resource_settings(key: str, resource: dg.ResourceDefinition) -> ResourceSettings:
    field = resource.config_field
    known = field.default_value if field is not None and field.default_provided else None
    values = known if isinstance(known, Mapping) else None
    function = resource.resource_fn
    is_default = function is default_job_io_manager.resource_fn
    is_file_manager = function in (
        dg.fs_io_manager.resource_fn,
        default_job_io_manager_with_fs_io_manager_schema.resource_fn,
    )
    manager_class = getattr(resource, "configurable_resource_cls", None)
    is_plain = values is not None and not values.get("base_dir")
    return ResourceSettings(
        key=key,
        is_io_manager=isinstance(resource, dg.IOManagerDefinition),
        stores_in_instance=is_default
        or (
            is_plain
            and (
                is_file_manager
                or (manager_class is not None and issubclass(manager_class, dg.FilesystemIOManager))
            )
        ),
        in_memory=function is dg.mem_io_manager.resource_fn,
        values=values,
    )
