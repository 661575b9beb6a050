"""The written IO managers read what Dagster's have stored, and the other way round."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from prefect_compat.eject.templates import template

MODULES = ("context", "resource_base", "storage", "pickles", "partition_types")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The templates, imported as modules of a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(template(name), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: __import__(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
SHOPS = dg.StaticPartitionsDefinition(["north", "south"])
BOTH = dg.MultiPartitionsDefinition({"shop": SHOPS, "day": DAYS})
CASES: dict[str, tuple[dg.PartitionsDefinition[str] | None, str | None]] = {
    "no partitions": (None, None),
    "a day": (DAYS, "2024-01-02"),
    "two dimensions": (BOTH, "2024-01-02|south"),
}


def key_of(written: dict[str, ModuleType], key: str) -> Any:
    if "|" not in key:
        return key
    day, shop = key.split("|")
    return written["partition_types"].MultiPartitionKey({"day": day, "shop": shop})


@pytest.mark.parametrize("name", CASES)
def test_both_orchestrators_share_one_store(
    written: dict[str, ModuleType], tmp_path: Path, name: str
) -> None:
    partitions, key = CASES[name]

    @dg.asset(key=["shop", "sales"], partitions_def=partitions)
    def sales() -> dict[str, int]:
        return {"chair": 3}

    @dg.asset(partitions_def=partitions, ins={"sales": dg.AssetIn(["shop", "sales"])})
    def doubled(sales: dict[str, int]) -> dict[str, int]:
        return {name: 2 * number for name, number in sales.items()}

    base = str(tmp_path / "store")
    resources = {"io_manager": dg.FilesystemIOManager(base_dir=base)}
    assert dg.materialize([sales], partition_key=key, resources=resources).success
    manager = written["pickles"].PickledFiles(base_dir=base)
    keys = [key_of(written, key)] if key else []
    assert written["storage"].load(manager, "shop/sales", keys) == {"chair": 3}

    written["storage"].save(manager, "shop/sales", {"chair": 5}, keys)
    ran = dg.materialize(
        [doubled, sales], selection=[doubled], partition_key=key, resources=resources
    )
    assert ran.output_for_node("doubled") == {"chair": 10}


def test_several_partitions_are_loaded_by_key(
    written: dict[str, ModuleType], tmp_path: Path
) -> None:
    storage, manager = written["storage"], written["pickles"].PickledFiles(base_dir=str(tmp_path))
    for day in ("2024-01-01", "2024-01-02"):
        storage.save(manager, "sales", day, [day])
    days = ["2024-01-01", "2024-01-02"]
    assert storage.load(manager, "sales", days) == dict(zip(days, days, strict=True))
    with pytest.raises(FileNotFoundError):
        storage.load(manager, "sales", [*days, "2024-01-03"])
    allowed = {"allow_missing_partitions": True}
    assert set(storage.load(manager, "sales", [*days, "2024-01-03"], allowed)) == set(days)
