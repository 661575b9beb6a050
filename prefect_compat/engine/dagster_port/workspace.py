"""Code locations, and what Dagster loads from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import dagster_shared
from dagster._check import CheckError
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._core.secrets.env_file import get_env_var_dict
from dagster._core.types.loadable_target_origin import (
    LoadableTargetOrigin,
    enter_loadable_target_origin_load_context,
)
from dagster._core.workspace.autodiscovery import loadable_targets_from_loaded_module
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster._core.workspace.load_target import get_origins_from_toml
from dagster._grpc.utils import get_loadable_targets
from dagster.components.definitions import LazyDefinitions
from yaml import YAMLError

from prefect_compat.errors import DefinitionError

# The folders of Dagster's own code, which a traceback for the user leaves out.
DAGSTER_FOLDERS = tuple(str(Path(package.__path__[0])) for package in (dg, dagster_shared))

# What Dagster loads a repository from. A list holds assets.
Loadable = (
    dg.Definitions
    | LazyDefinitions[Any]
    | dg.RepositoryDefinition
    | dg.JobDefinition
    | dg.GraphDefinition
    | ModuleType
    | Sequence[dg.AssetsDefinition | dg.SourceAsset]
)


@dataclass(frozen=True)
class CodeLocation:
    """A code location; that of a code server names neither a module nor a file nor a package.

    `defs_module` is the module below which `dg` loads all definitions. `executable` is the Python
    interpreter that the location asks for.
    """

    name: str
    module: str | None = None
    file: str | None = None
    package: str | None = None
    defs_module: str | None = None
    working_directory: str | None = None
    attribute: str | None = None
    executable: str | None = None


def read_workspace(*paths: Path) -> tuple[CodeLocation, ...]:
    """The code locations of workspace files. Raises DefinitionError if one cannot be read."""
    try:
        origins = location_origins_from_yaml_paths([str(path) for path in paths])
    except (OSError, UnicodeDecodeError, YAMLError, dg.DagsterError, CheckError) as error:
        names = ", ".join(map(str, paths))
        reason = " ".join(str(error).split())
        raise DefinitionError(f"{names} cannot be read as a workspace file: {reason}") from error
    return tuple(_location(origin) for origin in origins)


def read_pyproject(path: Path) -> tuple[CodeLocation, ...]:
    """The code locations that [tool.dagster] or [tool.dg.project] names; none without a section.

    Raises DefinitionError if the file cannot be read.
    """
    try:
        origins = get_origins_from_toml(str(path))
    except (OSError, ValueError, KeyError, dg.DagsterError, CheckError) as error:
        reason = " ".join(str(error).split())
        raise DefinitionError(f"{path} cannot be read: {reason}. Correct the file.") from error
    return tuple(_location(origin) for origin in origins)


def _location(origin: CodeLocationOrigin) -> CodeLocation:
    target = LoadableTargetOrigin()
    if isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
        target = origin.loadable_target_origin
    return CodeLocation(
        name=origin.location_name,
        module=target.module_name,
        file=target.python_file,
        package=target.package_name,
        defs_module=target.autoload_defs_module_name,
        working_directory=target.working_directory,
        attribute=target.attribute,
        executable=target.executable_path,
    )


def load_repositories(location: CodeLocation) -> dict[str, dg.RepositoryDefinition]:
    """Imports a location and returns its repositories, by the names of their attributes.

    Everything but `@repository` makes one. Raises what Dagster and the project's code raise.
    """
    origin = LoadableTargetOrigin(
        module_name=location.module,
        python_file=location.file,
        package_name=location.package,
        autoload_defs_module_name=location.defs_module,
        working_directory=location.working_directory,
        attribute=location.attribute,
    )
    # Components ask for the location that is being loaded.
    with enter_loadable_target_origin_load_context(origin):
        targets = get_loadable_targets(
            module_name=location.module,
            python_file=location.file,
            package_name=location.package,
            autoload_defs_module_name=location.defs_module,
            working_directory=location.working_directory,
            attribute=location.attribute,
            resolve_lazy_defs=False,
        )
        return {target.attribute: repository_of(target.target_definition) for target in targets}


def repository_of(loadable: Any) -> dg.RepositoryDefinition:
    """The repository that Dagster makes of definitions; of a module, of those that it has.

    Raises DefinitionError for anything else, and what Dagster raises for faulty definitions.
    """
    if isinstance(loadable, ModuleType):
        targets = loadable_targets_from_loaded_module(loadable)
        if len(targets) > 1:
            names = ", ".join(target.attribute for target in targets)
            raise DefinitionError(f"{loadable.__name__} has several repositories: {names}.")
        loadable = targets[0].target_definition
    if type(loadable) is tuple:  # a Definitions object is one too
        loadable = list(loadable)
    repository = repository_def_from_target_def(loadable)
    if repository is None:
        raise DefinitionError(
            f"{type(loadable).__name__} is nothing that Dagster loads; expected Definitions, a"
            " function with @definitions or @repository, a job, a list of assets, or a module."
        )
    return repository


def read_env_file(folder: Path) -> dict[str, str]:
    """The variables of the folder's `.env`, as Dagster reads them; none without that file."""
    return get_env_var_dict(str(folder))
