"""Definitions are named as by Dagster's own commands and workspace files."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_compat.errors import DefinitionError
from prefect_compat.graph.job import job_names
from prefect_compat.graph.project import Project

SOURCE = """
    import dagster as dg

    first = dg.Definitions(jobs=[dg.define_asset_job("of_first")])
    second = dg.Definitions(jobs=[dg.define_asset_job("of_second")])
"""
WORKSPACE = """
    load_from:
      - python_file:
          relative_path: code/{name}.py
          attribute: second
          location_name: by_file
      - python_module:
          module_name: {name}
          working_directory: {folder}/code
          attribute: first
          location_name: by_module
"""


@pytest.fixture
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Two code locations in one file, which is not where the code is."""
    name = f"code_{abs(hash(request.node.name))}"
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / f"{name}.py").write_text(textwrap.dedent(SOURCE))
    (tmp_path / "workspace.yaml").write_text(
        textwrap.dedent(WORKSPACE).format(name=name, folder=tmp_path)
    )
    path = list(sys.path)
    yield tmp_path / "workspace.yaml"
    sys.path[:] = path


@pytest.mark.parametrize(("location", "job"), [("by_file", "of_second"), ("by_module", "of_first")])
def test_a_code_location_of_a_workspace(workspace: Path, location: str, job: str) -> None:
    repository = Project.of_workspace(workspace, location=location).load()
    assert job_names(repository) == (job,)


def test_our_own_workspace_has_one_location(root: Path) -> None:
    assert Project.of_workspace(root / "workspace.yaml", location="iris").module == (
        "examples.iris_assets.definitions"
    )


@pytest.mark.parametrize(
    ("text", "location", "words"),
    [
        (None, None, r"workspace.yaml: Name one by -l; its code locations are by_file, by_module"),
        (None, "other", r"It has no 'other'; its code locations are by_file"),
        ("load_from: 3", None, "cannot be read as a workspace file"),
        ("a: [", None, "cannot be read as a workspace file"),
        (
            "load_from:\n  - grpc_server: {host: localhost, port: 1, location_name: far}",
            None,
            "'far' is a code server \\(gRPC\\), whose definitions only its own process has",
        ),
    ],
)
def test_what_a_workspace_lacks_is_said(
    workspace: Path, text: str | None, location: str | None, words: str
) -> None:
    if text is not None:
        workspace.write_text(text)
    with pytest.raises(DefinitionError, match=words) as refused:
        Project.of_workspace(workspace, location=location)
    assert "\n" not in str(refused.value)


def test_a_binary_workspace_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(DefinitionError, match="cannot be read as a workspace file") as refused:
        Project.of_workspace(tmp_path / "workspace.yaml")
    assert "\n" not in str(refused.value)


def test_a_name_that_is_no_definitions(workspace: Path) -> None:
    workspace.write_text(workspace.read_text().replace("attribute: first", "attribute: dg"))
    with pytest.raises(DefinitionError, match="Loadable attributes must be either"):
        Project.of_workspace(workspace, location="by_module").load()
