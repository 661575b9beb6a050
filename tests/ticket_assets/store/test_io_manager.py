import subprocess
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from tests.ticket_assets.store.things import (
    KEYS,
    input_context,
    names_of_files,
    open_store,
    output_context,
    table,
)
from ticket_assets.days import to_days
from ticket_assets.errors import DataError, StoreError
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.provenance import provenance_of


def test_a_table_is_one_file_a_day_and_comes_back_unchanged(
    store: DailyStore, tmp_path: Path
) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    assert names_of_files(tmp_path / "store") == [f"thing/{key}.parquet" for key in KEYS]
    loaded = store.load_input(input_context(KEYS[0], KEYS[-1]))
    pd.testing.assert_frame_equal(loaded, table())
    assert provenance_of(loaded) == provenance_of(table())


def test_an_empty_day_is_a_file_without_rows_and_keeps_its_types(store: DailyStore) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    loaded = store.load_input(input_context(KEYS[1], KEYS[1]))
    assert len(loaded) == 0
    assert loaded.dtypes.to_dict() == table().dtypes.to_dict()
    assert provenance_of(loaded) == {KEYS[1]: {"seed": 1}}


def test_documents_are_json_files_and_come_back_unchanged(
    store: DailyStore, tmp_path: Path
) -> None:
    documents = {key: {"id": key, "data": {"b": None, "a": 1.5}} for key in KEYS}
    store.handle_output(output_context(KEYS[0], KEYS[-1]), documents)
    assert names_of_files(tmp_path / "store") == [f"thing/{key}.json" for key in KEYS]
    assert store.load_input(input_context(KEYS[0], KEYS[-1])) == documents


def test_an_asset_without_partitions_is_one_document(store: DailyStore, tmp_path: Path) -> None:
    store.handle_output(dg.build_output_context(asset_key="thing"), {"days": 3})  # type: ignore[arg-type]
    assert names_of_files(tmp_path / "store") == ["thing.json"]
    assert store.load_input(dg.build_input_context(asset_key="thing")) == {"days": 3}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (table().iloc[::-1], DataError),
        ({key: {"mae": float("nan")} for key in KEYS}, ValueError),
    ],
    ids=["a table out of order", "a document with NaN"],
)
def test_an_output_that_is_refused_leaves_no_file(
    store: DailyStore, tmp_path: Path, content: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        store.handle_output(output_context(KEYS[0], KEYS[-1]), content)  # type: ignore[arg-type]
    assert names_of_files(tmp_path / "store") == []


def test_only_the_requested_columns_are_read(store: DailyStore) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    loaded = store.load_input(input_context(KEYS[0], KEYS[-1], columns=["day", "number"]))
    assert list(loaded.columns) == ["day", "number"]


def test_missing_days_are_named_unless_they_are_allowed(store: DailyStore) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    with pytest.raises(StoreError, match=r"no file for 1 of 4 days .*first: 2016-05-13"):
        store.load_input(input_context(KEYS[0], "2016-05-13"))
    loaded = store.load_input(
        input_context("2016-05-01", "2016-05-31", allow_missing_partitions=True)
    )
    assert len(loaded) == 3


def test_a_damaged_file_is_named(store: DailyStore, tmp_path: Path) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    path = tmp_path / "store" / "thing" / f"{KEYS[0]}.parquet"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(StoreError, match=f"{KEYS[0]}.parquet cannot be read.*Remove it"):
        store.load_input(input_context(KEYS[0], KEYS[-1]))


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file in place of the folder")
    with pytest.raises(StoreError, match=r"cannot be written: .*TICKET_STORE"):
        open_store(tmp_path / "store").handle_output(output_context(KEYS[0], KEYS[-1]), table())


def test_a_full_disk_leaves_no_partial_file_and_no_partial_set(tmp_path: Path) -> None:
    """On a real file system of 64 KiB: the old files stay unchanged."""
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(root)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (not root)")
    store = open_store(root)
    try:
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        before = {name: (root / name).read_bytes() for name in names_of_files(root)}
        noise = np.random.default_rng(0).random(20_000)
        large = pd.DataFrame({"day": pd.Series(to_days(KEYS[:1] * 20_000)), "number": noise})
        with pytest.raises(StoreError, match="No space left on device"):
            store.handle_output(output_context(KEYS[0], KEYS[0]), large)
        assert {name: (root / name).read_bytes() for name in names_of_files(root)} == before
    finally:
        store.teardown_after_execution(dg.build_init_resource_context())
        subprocess.run(["umount", str(root)], check=True)
