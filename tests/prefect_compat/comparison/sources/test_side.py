"""The environment of a side: nothing of the user's own servers and stores reaches it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_compat.comparison.sources.side import side_environment
from prefect_compat.server.temporary import HANDED_OVER

PRINT_DATABASE = "from prefect_compat.server.api import database_file; print(database_file())"
THEIRS = "postgresql+asyncpg://them:secret@host/production"


@pytest.mark.parametrize(
    "name", ["PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"]
)
def test_a_side_never_uses_the_database_of_the_user_s_server(tmp_path: Path, name: str) -> None:
    (tmp_path / "prefect.toml").write_text(f'[server.database]\nconnection_url = "{THEIRS}"\n')
    found = subprocess.run(
        [sys.executable, "-c", PRINT_DATABASE],
        env=side_environment({**os.environ, name: THEIRS}, tmp_path / "side", ()),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(tmp_path / "side" / "prefect" / "prefect.db")


def test_the_store_variables_name_a_folder_of_the_side(tmp_path: Path) -> None:
    theirs = {
        "MY_STORE": "/production",
        "PREFECT_API_URL": "http://host/api",
        HANDED_OVER: "1 http://host/api",
        "OTHER": "kept",
    }
    found = side_environment(theirs, tmp_path / "side", ("MY_STORE",))
    assert found["MY_STORE"] == str(tmp_path / "side" / "store")
    assert found["DAGSTER_HOME"] == str(tmp_path / "side" / "dagster")
    assert "PREFECT_API_URL" not in found
    assert HANDED_OVER not in found  # only a Prefect side is given one
    assert found["OTHER"] == "kept"
