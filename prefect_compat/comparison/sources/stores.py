"""Settings that keep the stores of the two sides apart: variables, and fields of resources."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from prefect_compat.comparison.record.files import PLACES, STORE
from prefect_compat.engine.dagster_port.resources import ResourceSettings, resource_settings
from prefect_compat.errors import ComparisonError

# Names of settings that say where a resource stores, in Dagster's own packages and by custom.
FOLDERS = frozenset(
    ("base_dir", "base_path", "data_dir", "directory", "folder", "output_dir", "root", "root_dir")
)
FILES = frozenset(("database", "database_path", "db_path"))


@dataclass(frozen=True)
class Setting:
    """A setting of a resource that names a local folder or file; `config` is the resource's.

    `fixed` is the place of a store that exists, to be read there.
    """

    resource: str
    name: str
    path: str
    config: Mapping[str, Any]
    fixed: str | None = None

    def path_in(self, store: Path) -> Path:
        """The place below a side's store: two resources that share one still do."""
        if self.fixed is not None:
            return Path(self.fixed)
        path = Path(self.path).expanduser().absolute()
        return store / PLACES / path.relative_to(path.anchor)


@dataclass(frozen=True)
class Stores:
    """The settings of a side that make it store below its own home.

    `variables` of the environment were named by the user or by a resource's settings. Each of
    `settings` is replaced in the run config. Of `unknown` IO managers, nothing says where they
    store.
    """

    variables: tuple[str, ...]
    settings: tuple[Setting, ...] = ()
    in_instance: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def run_config(self, home: Path) -> dict[str, Any]:
        """The part of the run config that places the resources below the side's home."""
        resources: dict[str, dict[str, Any]] = {}
        for setting in self.settings:
            config = resources.setdefault(setting.resource, {"config": dict(setting.config)})
            path = setting.path_in(home / STORE)
            if setting.fixed is None:
                path.parent.mkdir(parents=True, exist_ok=True)
            config["config"][setting.name] = str(path)
        return {"resources": resources} if resources else {}

    @property
    def words(self) -> str:
        """The names of these settings, for people."""
        in_instance = ", ".join(self.in_instance)
        return ", ".join(
            [
                *self.variables,
                *(f"{entry.resource}.{entry.name}" for entry in self.settings),
                *([f"DAGSTER_HOME (for {in_instance})"] if in_instance else []),
            ]
        )

    def validate(self) -> None:
        """Raises ComparisonError if an IO manager could store both sides in one place."""
        if self.unknown and not self.variables:
            raise ComparisonError(
                f"Nothing says where {', '.join(self.unknown)} stores, so one side could pass on"
                " what the other wrote. Name the environment variable that says where the project"
                ' stores its outputs: --store-env MY_STORE, or store_env = ["MY_STORE"] in'
                " [tool.prefect-compat] of pyproject.toml."
            )


def stores_of(
    job: dg.JobDefinition, run_config: Mapping[str, Any], variables: Iterable[str], home: Path
) -> Stores:
    """The settings that keep this job's stores apart; `variables` are those that the user named.

    The project was loaded in a side's environment with this home.
    """
    given = dict(run_config.get("resources", {}))
    named, settings = list(variables), list[Setting]()
    in_instance, unknown = list[str](), list[str]()
    # A job that maps its whole configuration takes no part of it from outside.
    resources = resource_settings(job) if job.config_mapping is None else ()
    for resource in resources:
        set_by_user = given.get(resource.key, {}).get("config", {})
        values = {**(resource.values or {}), **set_by_user}
        places = list(_places(resource, values))
        from_variables = [
            value["env"] for _, value in places if isinstance(value, Mapping) and "env" in value
        ]
        paths = [(name, value) for name, value in places if isinstance(value, str)]
        # Below the home already, because the project has read its place from a variable.
        local = [entry for entry in paths if not Path(entry[1]).is_relative_to(home)]
        named += from_variables
        settings += [
            Setting(
                resource.key,
                name,
                value,
                {key: value for key, value in values.items() if value is not None},
            )
            for name, value in local
            if resource.values is not None
        ]
        if not resource.is_io_manager or resource.in_memory or from_variables or paths:
            continue
        (in_instance if resource.stores_in_instance else unknown).append(resource.key)
    return Stores(tuple(dict.fromkeys(named)), tuple(settings), tuple(in_instance), tuple(unknown))


def _places(resource: ResourceSettings, values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yields the settings that name a place on this machine, or a variable that does."""
    for name, value in values.items():
        if name not in FOLDERS | FILES:
            continue
        is_variable = isinstance(value, Mapping) and "env" in value
        is_path = isinstance(value, str) and value and "://" not in value
        # ":memory:", and "md:" for a database of MotherDuck.
        is_file = is_path and ":" not in Path(str(value)).parts[0]
        if is_variable or (is_file and (resource.is_io_manager or name in FILES)):
            yield name, value
