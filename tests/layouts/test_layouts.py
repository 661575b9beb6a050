"""Projects of other shapes are loaded, with no option that says how. `make layouts` runs them."""

import sys
from pathlib import Path

import pytest

from tests.layouts.__main__ import call, layouts, prepared

IN_EACH_RUN = {"dg_src", "several_locations"}
# These need packages that only `make layouts` fetches.
OTHER_PACKAGES = {"dbt_duckdb", "duckdb_io"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(layout.name, marks=() if layout.name in IN_EACH_RUN else pytest.mark.nightly)
        for layout in layouts()
        if layout.name not in OTHER_PACKAGES
    ],
)
def test_a_layout_is_loaded_and_planned(tmp_path: Path, name: str) -> None:
    (layout,) = (entry for entry in layouts() if entry.name == name)
    python = Path(sys.executable)
    project, variables = prepared(layout, python, tmp_path)
    found = call(layout, "plan", python, project, variables)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip(), "no step is shown"
