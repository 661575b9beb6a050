"""The section [tool.prefect-compat] of a project's pyproject.toml."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefect_compat.errors import ConfigError

VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
Variable = Annotated[str, Field(pattern=VARIABLE)]
EXPECTED = {
    "tuple_type": 'a list of texts, such as ["MY_STORE"]',
    "string_type": "a text",
    "string_pattern_mismatch": "the name of an environment variable, such as MY_STORE",
}


class ColumnTolerance(BaseModel):
    """The accepted difference of a column: `absolute` in its unit or as a duration, `relative`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    absolute: float | str | None = None
    relative: float | None = None


class AssetSettings(BaseModel):
    """Declarations about the rows of an asset; see `comparison.diff.declared`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: tuple[str, ...] = ()
    tolerance: dict[str, float | str | ColumnTolerance] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    any_order: bool = False
    rename: dict[str, str] = Field(default_factory=dict)


class EjectSettings(BaseModel):
    """Settings of `eject`: `leave_out` names functions, as `module:function`, that serve Dagster
    alone. They are written without their body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    leave_out: tuple[Annotated[str, Field(pattern=r"^[\w.]+:\w+$")], ...] = ()


class ProjectSettings(BaseModel):
    """Settings of a project, for every comparison and for `eject`.

    `store_env` names the environment variables that say where the project stores its outputs,
    `ignore_metadata` the metadata that are not compared. `assets` declare keys and tolerances, by
    asset. `match` has a task of a candidate flow and the step that it stands for, or "" for a task
    that stands for none. `moved_modules` has modules of a candidate flow's project, each with the
    one whose classes it has taken over. `compare_files` is True for a candidate flow that names
    its files as the IO managers of the job do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    store_env: tuple[Variable, ...] = ()
    ignore_metadata: tuple[str, ...] = ()
    empty_partition: str | None = None
    assets: dict[str, AssetSettings] = Field(default_factory=dict)
    match: dict[str, str] = Field(default_factory=dict)
    moved_modules: dict[str, str] = Field(default_factory=dict)
    compare_files: bool = False
    eject: EjectSettings = EjectSettings()


def read_project_settings(path: Path = Path("pyproject.toml")) -> ProjectSettings:
    """Reads the section; without the file or the section, every setting has its default.

    Raises ConfigError if the file cannot be read as TOML, and for an unknown setting or one of
    another type.
    """
    section = _section(path)
    try:
        return ProjectSettings.model_validate(section)
    except ValidationError as error:
        faults = "; ".join(_fault(dict(fault)) for fault in error.errors())
        raise ConfigError(f"{path}, [tool.prefect-compat]: {faults}. Correct the file.") from None


def _section(path: Path) -> Any:
    try:
        section: Any = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} cannot be read: it is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}. Correct the file.") from error
    name = ""
    for key in ("tool", "prefect-compat"):
        section = section.get(key, {})
        name = f"{name}.{key}" if name else key
        if not isinstance(section, dict):
            raise ConfigError(f"{path}: `{name}` is {section!r}; expected a table [{name}].")
    return section


def _fault(fault: dict[str, Any]) -> str:
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"`{where}` is no setting; there are {', '.join(ProjectSettings.model_fields)}"
    expected = EXPECTED.get(fault["type"], fault["msg"])
    return f"`{where}` is {fault['input']!r}; expected {expected}"
