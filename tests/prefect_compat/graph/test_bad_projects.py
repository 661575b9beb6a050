"""A project that cannot run is refused by one clear error, before any task runs."""

import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from prefect_compat import as_flow
from prefect_compat.cli.main import main
from prefect_compat.errors import ConfigError, DefinitionError
from tests.prefect_compat.graphs import project


def test_a_graph_with_a_circle() -> None:
    @dg.asset(deps=["last"])
    def first() -> None: ...

    @dg.asset(deps=[first])
    def last() -> None: ...

    defs = dg.Definitions([first, last], jobs=[dg.define_asset_job("the_job")])
    with pytest.raises(DefinitionError, match=r"(?i)circular|cycle"):
        as_flow(defs, job="the_job")


def test_a_resource_that_is_missing() -> None:
    @dg.asset(required_resource_keys={"database"})
    def needs() -> None: ...

    defs = dg.Definitions([needs], jobs=[dg.define_asset_job("the_job")])
    with pytest.raises(DefinitionError, match="'database'"):
        as_flow(defs, job="the_job")


def test_nothing_that_can_be_executed() -> None:
    external = dg.AssetSpec("far")
    job = dg.define_asset_job("the_job", selection=dg.AssetSelection.all())
    with pytest.raises(DefinitionError):
        as_flow(dg.Definitions([external], jobs=[job]), job="the_job")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ops": {"sized": {"config": {"size": "large"}}}}, "Invalid scalar"),
        ({"ops": {"sized": {"config": {"sise": 1}}}}, "sise"),
        ({"ops": {"other": {}}}, "other"),
    ],
)
def test_run_config_that_dagster_refuses(
    tmp_path: Path, config: dict[str, object], words: str
) -> None:
    class Size(dg.Config):
        size: int

    @dg.asset
    def sized(config: Size) -> int:
        return config.size

    with pytest.raises(ConfigError, match=words):
        as_flow(project(tmp_path, [sized]), job="the_job", run_config=config)


def test_a_project_that_cannot_be_loaded_is_one_error_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text("import nothing_like_it")
    command = [Path(sys.executable).parent / "prefect-compat", "explain", "-f", "project.py"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "nothing_like_it" in found.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\n1 / 0", 'project.py", line 2, in <module>\n    1 / 0'),
        ("def broken(:", "project.py"),
        ("from .assets import defs", "attempted relative import with no known parent package"),
        ("", "project.py: No Definitions, RepositoryDefinition, Job"),
        (
            "import dagster as dg\na = dg.Definitions()\nb = dg.Definitions()",
            "project.py: Cannot have more than one Definitions object defined at module scope."
            " Found Definitions objects: project.a, project.b Name one by -a.",
        ),
    ],
)
def test_a_project_that_cannot_be_loaded(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "project.py").write_text(textwrap.dedent(source))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setattr(sys, "path", list(sys.path))
        patch.delitem(sys.modules, "project", raising=False)
        found = CliRunner().invoke(main, ["explain", "-f", "project.py"])
    assert found.exit_code == 2
    assert words in found.stderr
