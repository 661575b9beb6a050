"""The wheel works alone: Dagster 1.12.0, Prefect 3.6, pandas 2, or neither pandas nor Arrow."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.environments import ROOT, installed, unmet

HERE = Path(__file__).parent
# Python reads this file at the start of each process that has its folder on the path.
BLOCK = "import sys\nsys.modules.update(dict.fromkeys(('numpy', 'pandas', 'pyarrow')))\n"
LIBRARIES = pytest.mark.parametrize("has_pandas", [True, False], ids=["pandas 2", "no pandas"])

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Project:
    """A copy of the project outside of the checkout, and the commands of the environment."""

    folder: Path
    python: Path

    def run(self, *command: str | Path, pandas: bool, **variables: str) -> Any:
        (self.folder / "home").mkdir(exist_ok=True)
        at_start = self.folder / "at_start"
        at_start.mkdir(exist_ok=True)
        ours = (ROOT / "tests" / "children" / "sitecustomize.py").read_text()
        (at_start / "sitecustomize.py").write_text(ours if pandas else ours + BLOCK)
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PREFECT_", "DAGSTER_", "TICKET_", "PYTHON"))
        }
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={
                **kept,
                "HOME": str(self.folder / "home"),
                "MY_STORE": str(self.folder / "store"),
                "DO_NOT_TRACK": "1",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
                "PYTHONPATH": str(at_start),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def compare(self, job: str, *, pandas: bool, **variables: str) -> tuple[int, dict[str, Any]]:
        """The exit code of `prefect-compat compare`, and its document."""
        program = self.python.parent / "prefect-compat"
        done = self.run(
            *(program, "compare", "-f", "project.py", "-j", job, "--partition", "2016-05-10"),
            *("--store-env", "MY_STORE", "--json", "comparison.json", "--html", "page.html"),
            pandas=pandas,
            **variables,
        )
        assert (self.folder / "comparison.json").is_file(), done.stderr
        return done.returncode, json.loads((self.folder / "comparison.json").read_text())


@pytest.fixture
def project(oldest: Path, tmp_path: Path) -> Project:
    for file in ("project.py", "use_api.py"):
        shutil.copy(HERE / file, tmp_path)
    return Project(tmp_path, oldest)


def test_the_environment_is_the_oldest_and_holds_nothing_of_ours(oldest: Path) -> None:
    packages = installed(oldest)
    assert packages["dagster"] == "1.12.0"
    assert packages["prefect"].startswith("3.6.")
    assert packages["pandas"].startswith("2.")
    assert not {"matplotlib", "ticket-assets", "dagster-webserver"} & set(packages)
    assert unmet(oldest) == []


@LIBRARIES
def test_a_flow_materialize_and_compare(project: Project, root: Path, has_pandas: bool) -> None:
    done = project.run(project.python, "use_api.py", "facts.json", pandas=has_pandas)
    assert done.returncode == 0, done.stderr
    facts = json.loads((project.folder / "facts.json").read_text())
    assert not Path(facts["home"]).is_relative_to(root) or "environments" in facts["home"]
    assert facts["version"] == installed(project.python)["prefect-compat"]
    assert facts["stored"] == facts["materialized"] == {"sum": 3.5, "by": 0}
    assert facts["findings"] == []
    assert facts["outputs"] == 2
    assert has_pandas or facts["imported"] == []


def test_the_command_compares_tables_of_pandas_2(project: Project) -> None:
    code, document = project.compare("tables", pandas=True)
    assert code == 0, document["verdict"]["findings"]
    kinds = {output["fingerprint"]["kind"] for output in document["right"]["outputs"]}
    assert kinds == {"document", "table"}
    assert dict(document["right"]["versions"])["pandas"].startswith("2.")


def test_the_command_finds_a_difference_without_pandas(project: Project) -> None:
    code, document = project.compare("documents", pandas=False, PLANTED="1")
    assert code == 1
    (rows,) = document["rows"]
    (cell,) = rows["table"]["cells"]
    assert cell["row"] == "['by']"
    assert cell["left"] != cell["right"]
    assert "pandas" not in dict(document["right"]["versions"])
    assert "<html" in (project.folder / "page.html").read_text()
