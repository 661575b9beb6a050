"""A table is read once for steps that ask for the same files, and never after they changed."""

from pathlib import Path

import pandas as pd
import pytest

from ticket_assets.store.kept import KeptTables, state_of
from ticket_assets.store.local import LocalFolder

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
STATE = state_of({"t/1.parquet": (1, 2, 3, 4)})


def test_a_kept_table_is_given_out_whole_or_narrowed() -> None:
    kept = KeptTables()
    kept.keep("t", None, STATE, TABLE)
    for columns in (None, ["b"]):
        found = kept.get("t", columns, STATE)
        assert found is not None
        pd.testing.assert_frame_equal(found, TABLE[columns or ["a", "b"]])
    assert kept.get("other", None, STATE) is None


def test_narrow_columns_are_not_the_whole_table() -> None:
    kept = KeptTables()
    kept.keep("t", ["b"], STATE, TABLE[["b"]])
    assert kept.get("t", None, STATE) is None


def test_what_a_caller_writes_reaches_no_other() -> None:
    kept = KeptTables()
    kept.keep("t", None, STATE, TABLE)
    first = kept.get("t", None, STATE)
    assert first is not None
    first.loc[0, "a"] = 99
    second = kept.get("t", None, STATE)
    assert second is not None
    assert list(second["a"]) == [1, 2]


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    folder, file = LocalFolder(tmp_path), tmp_path / "1.parquet"
    file.write_bytes(b"old")
    kept = KeptTables()
    kept.keep("t", None, state_of({"1": folder.identity("1.parquet")}), TABLE)
    new = tmp_path / "new"
    new.write_bytes(b"new")
    new.replace(file)
    assert kept.get("t", None, state_of({"1": folder.identity("1.parquet")})) is None


@pytest.mark.parametrize(("limit", "names"), [(0, []), (50, ["c"]), (100, ["a", "c"])])
def test_the_least_lately_asked_for_is_forgotten(limit: int, names: list[str]) -> None:
    table = pd.DataFrame({"n": range(4)})  # 32 bytes, and an index
    size = int(table.memory_usage(deep=False).sum())
    kept = KeptTables(limit * size // 40)
    for name in "abc":
        kept.keep(name, None, STATE, table)
        kept.get("a", None, STATE)
    assert [name for name in "abc" if kept.get(name, None, STATE) is not None] == names
