"""Code locations of a workspace file, as Dagster reads it."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._check import CheckError
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths
from yaml import YAMLError

from prefect_compat.errors import DefinitionError


@dataclass(frozen=True)
class CodeLocation:
    """A code location; one that is neither a module nor a file has neither."""

    name: str
    module: str | None
    file: str | None
    working_directory: str | None
    attribute: str | None


def read_workspace(path: Path) -> tuple[CodeLocation, ...]:
    """The code locations of a workspace file. Raises DefinitionError if it cannot be read."""
    try:
        origins = location_origins_from_yaml_paths([str(path)])
    except (OSError, UnicodeDecodeError, YAMLError, dg.DagsterError, CheckError) as error:
        reason = " ".join(str(error).split())
        raise DefinitionError(f"{path} cannot be read as a workspace file: {reason}") from error
    return tuple(_location(origin) for origin in origins)


def _location(origin: CodeLocationOrigin) -> CodeLocation:
    target = LoadableTargetOrigin()
    if isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
        target = origin.loadable_target_origin
    return CodeLocation(
        name=origin.location_name,
        module=target.module_name or target.package_name,
        file=target.python_file,
        working_directory=target.working_directory,
        attribute=target.attribute,
    )
