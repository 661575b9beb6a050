"""`make layouts`: the command line on small projects, each laid out in another way.

Every folder beside this file is a project, which `layout.toml` describes. Each is copied, and
`explain`, `plan`, `run` and `compare` are called in the copy with the options of its `layout.toml`
and no others. They come from an environment that has the wheel of `prefect-compat`, dbt and DuckDB.
The exit code is 1 if one of them fails.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.environments import (
    ROOT,
    NotFetchedError,
    build_wheel,
    environment,
    install,
    library_requirements,
)

LAYOUTS = Path(__file__).parent
COMMANDS = ("explain", "plan", "run", "compare")
# Options that say what to run, which `explain` and `plan` do not take.
OF_A_RUN = ("--partition", "-c")
# dagster-duckdb-pandas needs pandas 2. dbt-core 1.12 needs a package that is built from a download.
PACKAGES = ("dagster-dbt", "dbt-duckdb", "dbt-core<1.12", "dagster-duckdb-pandas", "pandas==2.*")


@dataclass(frozen=True)
class Layout:
    """A project: its name, what is special about it, and the options that it needs."""

    name: str
    what: str
    options: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "Layout":
        text = (folder / "layout.toml").read_text(encoding="utf-8")
        fields = tomllib.loads(text)
        return cls(folder.name, fields["what"], tuple(fields["options"]))

    def arguments(self, command: str) -> list[str]:
        """The command with the options that it takes."""
        pairs = zip(self.options[::2], self.options[1::2], strict=True)
        taken = [pair for pair in pairs if command in ("run", "compare") or pair[0] not in OF_A_RUN]
        return [command, *(text for pair in taken for text in pair)]


def layouts() -> list[Layout]:
    return [Layout.read(path.parent) for path in sorted(LAYOUTS.glob("*/layout.toml"))]


def prepared(layout: Layout, python: Path, folder: Path) -> tuple[Path, Mapping[str, str]]:
    """A copy of the project in the folder, made ready; and the environment for its commands."""
    project = folder / layout.name
    shutil.copytree(LAYOUTS / layout.name, project, ignore=shutil.ignore_patterns("__pycache__"))
    home = folder / "home"
    for name in ("dagster", "prefect"):
        (home / name).mkdir(parents=True, exist_ok=True)
    variables = {
        **{name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")},
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "DAGSTER_HOME": str(home / "dagster"),
        "DO_NOT_TRACK": "1",
        # As in an environment that is activated: dagster-dbt looks for dbt there.
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    if (project / "prepare.py").is_file():
        subprocess.run([str(python), "prepare.py"], cwd=project, env=variables, check=True)
    return project, variables


def call(
    layout: Layout, command: str, python: Path, project: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python.with_name("prefect-compat")), *layout.arguments(command)],
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.layouts", description=__doc__)
    parser.add_argument("--here", action="store_true", help="in this environment")
    parser.add_argument("names", nargs="*", help="only these projects")
    options = parser.parse_args()
    python = Path(sys.executable) if options.here else _python()
    failed = False
    print(f"| project | {' | '.join(COMMANDS)} |\n|---|{'---|' * len(COMMANDS)}")
    for layout in layouts():
        if options.names and layout.name not in options.names:
            continue
        with tempfile.TemporaryDirectory(prefix="prefect-compat-layout-") as folder:
            project, variables = prepared(layout, python, Path(folder))
            ended = [call(layout, name, python, project, variables) for name in COMMANDS]
        codes = " | ".join(str(entry.returncode) for entry in ended)
        print(f"| {layout.name}: {layout.what} | {codes} |", flush=True)
        for entry in ended:
            if entry.returncode != 0:
                failed = True
                print(entry.args, entry.stdout[-2000:], entry.stderr[-3000:], file=sys.stderr)
    sys.exit(failed)


def _python() -> Path:
    try:
        python = environment((*library_requirements("pandas", "arrow"), *PACKAGES))
    except NotFetchedError as error:
        sys.exit(f"The packages of the layouts cannot be fetched: {error}")
    wheels = ROOT / "var" / "layouts"
    shutil.rmtree(wheels, ignore_errors=True)
    install(python, build_wheel(ROOT / "prefect_compat", wheels))
    return python


if __name__ == "__main__":
    main()
