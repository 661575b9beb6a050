"""The stores are kept apart by what the resources of the job say."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prefect_compat.comparison.sources.stores import Stores, stores_of
from prefect_compat.errors import ComparisonError

HOME = Path("/the/home/of/a/side")


class Files(dg.ConfigurableIOManager):
    root: str
    depth: int = 1

    def handle_output(self, context: dg.OutputContext, obj: object) -> None: ...

    def load_input(self, context: dg.InputContext) -> None: ...


class Elsewhere(dg.ConfigurableIOManager):
    bucket: str

    def handle_output(self, context: dg.OutputContext, obj: object) -> None: ...

    def load_input(self, context: dg.InputContext) -> None: ...


class Warehouse(dg.ConfigurableResource[Any]):
    database: str
    root: str


def stores(manager: object, *variables: str, config: dict[str, Any] | None = None) -> Stores:
    @dg.asset
    def one() -> int:
        return 1

    resources = {"io_manager": manager} if manager is not None else {}
    defs = dg.Definitions([one], jobs=[dg.define_asset_job("j")], resources=resources)
    return stores_of(defs.resolve_job_def("j"), config or {}, variables, HOME)


@pytest.mark.parametrize("manager", [None, dg.fs_io_manager, dg.FilesystemIOManager()])
def test_dagster_s_default_place_is_below_dagster_home(manager: object) -> None:
    found = stores(manager)
    found.validate()
    assert (found.variables, found.settings) == ((), ())
    assert found.words == "DAGSTER_HOME (for io_manager)"


def test_a_variable_is_set_for_each_side() -> None:
    found = stores(Files(root=dg.EnvVar("MY_ROOT")))
    assert found.variables == ("MY_ROOT",)
    assert found.words == "MY_ROOT"


def test_a_folder_is_replaced_and_the_other_settings_stay(tmp_path: Path) -> None:
    found = stores(Files(root="/data/store", depth=3))
    placed = found.run_config(tmp_path)
    assert placed == {
        "resources": {
            "io_manager": {
                "config": {
                    "root": str(tmp_path / "store" / "places" / "data" / "store"),
                    "depth": 3,
                }
            }
        }
    }
    assert found.words == "io_manager.root"


def test_a_place_that_the_project_has_read_from_a_variable_is_left_alone() -> None:
    """The store is then where the variable says, and not in a folder of ours below it."""
    found = stores(Files(root=str(HOME / "store")), "MY_STORE")
    found.validate()
    assert found.settings == ()
    assert found.words == "MY_STORE"


def test_two_resources_that_share_a_place_still_do(tmp_path: Path) -> None:
    @dg.asset(io_manager_key="tables")
    def one(warehouse: Warehouse) -> int:
        return 1

    defs = dg.Definitions(
        [one],
        jobs=[dg.define_asset_job("j")],
        resources={
            "tables": Files(root="data"),
            "warehouse": Warehouse(database="data/db.duckdb", root="read only"),
        },
    )
    found = stores_of(defs.resolve_job_def("j"), {}, (), HOME)
    resources = found.run_config(tmp_path)["resources"]
    root = Path(resources["tables"]["config"]["root"])
    assert Path(resources["warehouse"]["config"]["database"]) == root / "db.duckdb"
    assert root.relative_to(tmp_path)
    # Only a file's setting says that a resource which is no IO manager stores something.
    assert resources["warehouse"]["config"]["root"] == "read only"


@pytest.mark.parametrize("database", [":memory:", "md:shared", "s3://bucket/db"])
def test_what_is_no_file_of_this_machine_is_left_alone(database: str) -> None:
    @dg.asset
    def one(warehouse: Warehouse) -> int:
        return 1

    defs = dg.Definitions(
        [one],
        jobs=[dg.define_asset_job("j")],
        resources={"warehouse": Warehouse(database=database, root="read only")},
    )
    assert stores_of(defs.resolve_job_def("j"), {}, (), HOME).settings == ()


def test_the_user_s_run_config_is_what_is_replaced(tmp_path: Path) -> None:
    config = {"resources": {"io_manager": {"config": {"root": "other", "depth": 2}}}}
    placed = stores(Files(root="store"), config=config).run_config(tmp_path)
    place = placed["resources"]["io_manager"]["config"]
    assert place["root"].endswith("/other")
    assert place["depth"] == 2


def test_an_unknown_place_is_asked_for() -> None:
    with pytest.raises(ComparisonError, match="Nothing says where io_manager stores"):
        stores(Elsewhere(bucket="b")).validate()
    named = stores(Elsewhere(bucket="b"), "MY_BUCKET")
    named.validate()
    assert named.words == "MY_BUCKET"


def test_a_memory_is_no_place() -> None:
    found = stores(dg.mem_io_manager)
    found.validate()
    assert found.words == ""
