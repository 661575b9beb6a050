"""`prefect-compat doctor`: what this environment has, what is wrong, and how to mend it."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click
from packaging.version import Version

from prefect_compat.errors import PrefectCompatError

State = Literal["ok", "note", "wrong"]
PACKAGES = (
    *("prefect-compat", "dagster", "prefect", "fastapi", "sqlalchemy"),
    *("pandas", "pyarrow", "duckdb", "dask", "prefect-dask"),
)
OPTIONAL = frozenset({"pandas", "pyarrow", "duckdb", "dask", "prefect-dask"})
OLDEST = {"dagster": "1.12", "prefect": "3.6"}


@dataclass(frozen=True)
class Entry:
    """One fact about the environment; `remedy` says what to do about one that is wrong."""

    state: State
    name: str
    fact: str
    remedy: str = ""


@click.command(short_help="Show what is installed, set and running, and what is wrong.")
def doctor() -> None:
    """Show versions, homes, servers, settings and the project, and what is wrong with them.

    Exit code 1 if something is wrong.
    """
    entries = list(examine(Path.cwd()))
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        click.echo(f"{entry.state:<5}  {entry.name:<{width}}  {entry.fact}")
        if entry.remedy:
            click.echo(f"{'':<5}  {'':<{width}}  -> {entry.remedy}")
    if any(entry.state == "wrong" for entry in entries):
        sys.exit(1)


def examine(folder: Path) -> Iterator[Entry]:
    """Yields what there is to know about this process's environment and the folder's project."""
    yield Entry("ok", "python", f"{sys.version.split()[0]}, {sys.executable}")
    yield from _versions()
    yield from _homes()
    yield from _server()
    yield from _project(folder)


def _versions() -> Iterator[Entry]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = Version(metadata.version(name))
        except metadata.PackageNotFoundError:
            state: State = "note" if name in OPTIONAL else "wrong"
            yield Entry(state, name, "not installed")
            continue
        oldest = OLDEST.get(name)
        if oldest is not None and versions[name] < Version(oldest):
            remedy = f"install {name} {oldest} or later"
            yield Entry("wrong", name, str(versions[name]), remedy)
        else:
            yield Entry("ok", name, str(versions[name]))
    yield from _known_faults(versions)


def _known_faults(versions: dict[str, Version]) -> Iterator[Entry]:
    """Yields the combinations of versions that docs/versions.md warns of."""
    fastapi, prefect = versions.get("fastapi"), versions.get("prefect")
    if fastapi is not None and fastapi >= Version("0.140"):
        yield Entry(
            "wrong",
            "fastapi",
            f"{fastapi}: the server of Prefect may not start",
            'pip install "fastapi<0.140"',
        )
    elif fastapi and prefect and prefect < Version("3.7") and fastapi >= Version("0.137"):
        yield Entry(
            "note",
            "fastapi",
            f"{fastapi}: `prefect server start` of Prefect {prefect} answers with errors; the"
            " temporary server of this library works",
            'pip install "fastapi<0.137" for a server of your own',
        )
    sqlalchemy = versions.get("sqlalchemy")
    if sqlalchemy and prefect and sqlalchemy >= Version("2.1") and prefect < Version("3.9"):
        yield Entry(
            "note",
            "sqlalchemy",
            f"{sqlalchemy}: schedules of a Prefect {prefect} server start nothing",
            'pip install "sqlalchemy<2.1" if you use schedules',
        )


def _homes() -> Iterator[Entry]:
    home = os.environ.get("DAGSTER_HOME")
    if home is None:
        yield Entry("note", "DAGSTER_HOME", "not set: Dagster's default IO manager is temporary")
    elif not Path(home).is_dir():
        yield Entry("wrong", "DAGSTER_HOME", f"{home} is no folder", f"mkdir -p {home}")
    else:
        config = "with" if (Path(home) / "dagster.yaml").is_file() else "without"
        yield Entry("ok", "DAGSTER_HOME", f"{home}, {config} a dagster.yaml")
    from prefect.settings import get_current_settings

    where = "from PREFECT_HOME" if "PREFECT_HOME" in os.environ else "the default"
    yield Entry("ok", "Prefect's home", f"{get_current_settings().home}, {where}")


def _server() -> Iterator[Entry]:
    from prefect.settings import get_current_settings

    from prefect_compat.server.api import shown_url, validate_server

    settings = get_current_settings()
    if not settings.api.url:
        yield Entry("ok", "Prefect's server", "none is named: each command starts a temporary one")
    else:
        where = _origin("PREFECT_API_URL")
        try:
            validate_server()
        except PrefectCompatError as error:
            fact, _, remedy = str(error).partition("\n")
            yield Entry("wrong", "Prefect's server", f"{fact} (set by {where})", remedy)
        else:
            yield Entry("ok", "Prefect's server", f"{shown_url(settings.api.url)}, from {where}")
    changed = settings.to_environment_variables(exclude_unset=True)
    # Only the names: a value may be a secret.
    for name in sorted(changed.keys() - {"PREFECT_API_URL", "PREFECT_HOME"}):
        yield Entry("ok", name, f"set by {_origin(name)}")


def _origin(name: str) -> str:
    """The place that sets a setting of Prefect: the first that Prefect looks at."""
    if name in os.environ:
        return "the environment"
    files = [file for file in (".env", "prefect.toml", "pyproject.toml") if Path(file).is_file()]
    for file in files:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        # A TOML file does not have the variable's name: `[api] url` stands for it.
        if name in text or (file == "prefect.toml" and "prefect" in text):
            return file
    return "the active profile"


def _project(folder: Path) -> Iterator[Entry]:
    from prefect_compat.graph.job import job_names
    from prefect_compat.graph.project import Project
    from prefect_compat.graph.project_settings import read_project_settings

    try:
        project = Project.of_folder(folder)
    except PrefectCompatError as error:
        yield Entry("note", "project", str(error))
        return
    try:
        repository = project.load()
    except PrefectCompatError as error:
        yield Entry("wrong", "project", str(error))
        return
    assets = len(repository.asset_graph.executable_asset_keys)
    jobs = ", ".join(job_names(repository)) or "none"
    yield Entry("ok", "project", f"{project}: {assets} assets, jobs: {jobs}")
    try:
        settings = read_project_settings()
    except PrefectCompatError as error:
        yield Entry("wrong", "[tool.prefect-compat]", str(error))
        return
    set_here = settings.model_dump(exclude_unset=True)
    text = ", ".join(f"{name} = {value!r}" for name, value in set_here.items())
    yield Entry("ok", "[tool.prefect-compat]", text or "no settings, and none is needed")
