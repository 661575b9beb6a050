"""A project is checked before anything is run."""

import os
from pathlib import Path

import pytest

from prefect_compat.comparison.sources.empty_store import EmptyStore
from prefect_compat.comparison.sources.work import Work
from prefect_compat.errors import PartitionError
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project

SOURCE = """
import dagster as dg

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-08")


class Api(dg.ConfigurableResource):
    url: str


@dg.asset
def products() -> int:
    return 1


@dg.asset(partitions_def=DAYS)
def orders(api: Api, products: int) -> int:
    return products


defs = dg.Definitions(
    [products, orders],
    resources={
        "api": Api(url=dg.EnvVar("OF_FILE")),
        "io_manager": dg.FilesystemIOManager(base_dir=dg.EnvVar("SET_NOWHERE")),
    },
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose one variable is in its `.env`, the other nowhere."""
    (tmp_path / "shop.py").write_text(SOURCE)
    (tmp_path / ".env").write_text("OF_FILE=here\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    return tmp_path


def opened(folder: Path, selection: str | None = None, partition: str | None = None) -> EmptyStore:
    work = Work(Project(file="shop.py"), JobChoice(None, selection), partition, "{}", ())
    return EmptyStore(work, folder / "nowhere")


def test_variables_of_env_and_one_that_only_the_comparison_sets(folder: Path) -> None:
    found = opened(folder, partition="2024-01-02")
    assert found.work.store_variables == ("SET_NOWHERE",)
    assert found.keys == ("2024-01-02",)
    assert "SET_NOWHERE" not in os.environ


@pytest.mark.parametrize(("selection", "names"), [("orders", ("products",)), ("*orders", ())])
def test_assets_that_are_loaded_and_not_made(
    folder: Path, selection: str, names: tuple[str, ...]
) -> None:
    assert opened(folder, selection, "2024-01-02").not_made == names


def test_a_missing_partition_is_shown_by_example(folder: Path) -> None:
    with pytest.raises(PartitionError, match="go from 2024-01-01 to 2024-01-07"):
        opened(folder)
