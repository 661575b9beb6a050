"""Inputs and dependencies, configuration, resources, IO managers."""

from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import Field
from upath import UPath

from tests.prefect_compat.graphs import JsonStore, project
from tests.prefect_compat.scenarios.agreement import agree

pytestmark = pytest.mark.usefixtures("prefect_server")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(dg.Config):
    factor: int = 2


class Outer(dg.Config):
    inner: Inner = Inner()
    color: Color = Color.RED
    names: list[str] = Field(default=["a"])
    limit: int | None = None


def test_prefixes_deps_and_metadata(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset(key_prefix=["north", "raw"], group_name="raw", owners=["team:a"], tags={"t": "1"})
        def source(context: dg.AssetExecutionContext) -> dg.Output[int]:
            return dg.Output(3, metadata={"rows": 3}, data_version=dg.DataVersion("v1"))

        @dg.asset(ins={"source": dg.AssetIn(key=["north", "raw", "source"])}, code_version="7")
        def doubled(context: dg.AssetExecutionContext, source: int) -> int:
            context.add_output_metadata({"seen": source})
            return 2 * source

        @dg.asset(deps=[doubled])
        def after() -> dg.MaterializeResult[Any]:
            return dg.MaterializeResult(metadata={"note": "no value"})

        return project(root, [source, doubled, after])

    outcome = agree(tmp_path, build)
    assert outcome.stored == {"north/raw/source": 3, "doubled": 6}
    assert set(outcome.states) == {"north__raw__source", "doubled", "after"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"inner": {"factor": 5}, "color": "BLUE", "names": ["x", "y"], "limit": 3},
        {"limit": {"env": "SCENARIO_LIMIT"}},
    ],
)
def test_configuration(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENARIO_LIMIT", "11")

    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def configured(config: Outer) -> dict[str, Any]:
            return {**config.model_dump(mode="json"), "color": config.color.value}

        @dg.asset(config_schema={"size": dg.Field(int, default_value=4)})
        def legacy(context: dg.AssetExecutionContext) -> int:
            return int(context.op_execution_context.op_config["size"])

        return project(root, [configured, legacy])

    config = {"ops": {"configured": {"config": given}}} if given else {}
    outcome = agree(tmp_path, build, run_config=config)
    limit = {"env": 11}.get("env") if isinstance(given.get("limit"), dict) else given.get("limit")
    assert outcome.stored["configured"]["limit"] == limit
    assert outcome.stored["legacy"] == 4


def test_resources_of_every_kind(tmp_path: Path) -> None:
    class Login(dg.ConfigurableResource["Login"]):
        user: str

    class Connection(dg.ConfigurableResource["Connection"]):
        login: Login
        port: int = 1

    @dg.resource(config_schema={"suffix": str})
    def legacy(context: dg.InitResourceContext) -> Any:
        yield f"legacy {context.resource_config['suffix']}"

    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def uses(connection: Connection) -> list[Any]:
            return [connection.login.user, connection.port]

        @dg.asset(required_resource_keys={"legacy", "bare"})
        def uses_keys(context: dg.AssetExecutionContext) -> list[Any]:
            return [context.resources.legacy, context.resources.bare]

        return project(
            root,
            [uses, uses_keys],
            connection=Connection(login=Login(user="me")),
            legacy=legacy.configured({"suffix": "one"}),
            bare=dg.ResourceDefinition.hardcoded_resource({"a": 1}),
        )

    outcome = agree(tmp_path, build)
    assert outcome.stored == {"uses": ["me", 1], "uses_keys": ["legacy one", {"a": 1}]}


def test_io_managers_of_every_kind(tmp_path: Path) -> None:
    class Files(dg.UPathIOManager):
        extension = ".json"

        def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
            path.write_text(f"{obj}")

        def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
            return int(path.read_text())

    class Yields(dg.IOManager):
        def __init__(self, root: Path) -> None:
            self.store = JsonStore(root=str(root))

        def handle_output(self, context: dg.OutputContext, obj: Any) -> Any:
            self.store.handle_output(context, obj)
            yield dg.AssetMaterialization(context.asset_key, description="by a generator")

        def load_input(self, context: dg.InputContext) -> Any:
            return self.store.load_input(context)

    @dg.input_manager
    def negated(context: dg.InputContext) -> int:
        return -1

    def build(root: Path) -> dg.Definitions:
        @dg.asset(io_manager_key="files")
        def on_path() -> int:
            return 2

        @dg.asset(io_manager_key="yields", metadata={"by": "definition"})
        def yielded(on_path: int) -> int:
            return on_path + 1

        @dg.asset(ins={"yielded": dg.AssetIn(input_manager_key="negated")})
        def reads(yielded: int, on_path: int) -> list[int]:
            return [yielded, on_path]

        return project(
            root,
            [on_path, yielded, reads],
            files=dg.IOManagerDefinition.hardcoded_io_manager(Files(UPath(root))),
            yields=dg.IOManagerDefinition.hardcoded_io_manager(Yields(root)),
            negated=negated,
        )

    assert agree(tmp_path, build).stored["reads"] == [-1, 2]


def test_an_external_asset_is_loaded_through_its_io_manager(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        root.mkdir(exist_ok=True)
        (root / "given.json").write_text("41")

        @dg.asset
        def next_one(given: int) -> int:
            return given + 1

        return project(root, [dg.AssetSpec("given"), next_one])

    assert agree(tmp_path, build).stored == {"given": 41, "next_one": 42}


def test_a_value_of_another_type_fails_under_both(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def text() -> str:
            return "a"

        @dg.asset
        def number(text: int) -> int:
            return text

        return project(root, [text, number])

    assert agree(tmp_path, build).states == {"text": "Completed", "number": "Failed"}
