import json
import multiprocessing
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from ticket_assets.days import daily_partitions, to_days
from ticket_assets.errors import DataError, StoreError
from ticket_assets.store import local as places
from ticket_assets.store.io_manager import (
    DailyStore,
    DayLocks,
    content_digests,
    provenance_of,
    with_provenance,
)

DAYS = daily_partitions(*(pd.Timestamp(day).date() for day in ("2016-05-01", "2016-05-31")))
KEYS = ["2016-05-10", "2016-05-11", "2016-05-12"]


def table(rows_by_day: tuple[int, ...] = (2, 0, 1)) -> pd.DataFrame:
    days = [day for day, rows in zip(KEYS, rows_by_day, strict=True) for _ in range(rows)]
    frame = pd.DataFrame(
        {
            "day": pd.Series(to_days(days)),
            "log_row": np.arange(len(days), dtype="int64"),
            "text": pd.Series(["a", None, "c"][: len(days)], dtype="str"),
            "flag": np.arange(len(days)) % 2 == 0,
            "number": np.linspace(0, 1, len(days)),
            "time": pd.Series(to_days(days)),
        }
    )
    return with_provenance(frame, {key: {"seed": n} for n, key in enumerate(KEYS)})


def output_context(first: str, last: str) -> dg.OutputContext:
    return dg.build_output_context(
        asset_key="thing",
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange(first, last),
    )


def input_context(first: str, last: str, **metadata: object) -> dg.InputContext:
    return dg.build_input_context(
        asset_key="thing",
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange(first, last),
        definition_metadata=metadata,
    )


@pytest.fixture
def store(tmp_path: Path) -> DailyStore:
    return opened(tmp_path / "store")


def opened(root: Path, lock_wait_s: float = 0.2) -> DailyStore:
    store = DailyStore(root=str(root), lock_wait_s=lock_wait_s)
    store.setup_for_execution(dg.build_init_resource_context())
    return store


def files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def test_a_table_is_one_file_a_day_and_comes_back_as_it_was(
    store: DailyStore, tmp_path: Path
) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    assert files(tmp_path / "store") == [f"thing/{key}.parquet" for key in KEYS]
    loaded = store.load_input(input_context(KEYS[0], KEYS[-1]))
    pd.testing.assert_frame_equal(loaded, table())
    assert provenance_of(loaded) == provenance_of(table())


def test_an_empty_day_is_a_file_without_rows_and_with_its_types(store: DailyStore) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    loaded = store.load_input(input_context(KEYS[1], KEYS[1]))
    assert len(loaded) == 0
    assert loaded.dtypes.to_dict() == table().dtypes.to_dict()
    assert provenance_of(loaded) == {KEYS[1]: {"seed": 1}}


def test_a_day_alone_gives_the_same_bytes_as_within_a_range(
    store: DailyStore, tmp_path: Path
) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    path = tmp_path / "store" / "thing" / f"{KEYS[0]}.parquet"
    within = path.read_bytes()
    alone = with_provenance(table().iloc[:2], {KEYS[0]: {"seed": 0}})
    store.handle_output(output_context(KEYS[0], KEYS[0]), alone)
    assert path.read_bytes() == within


def test_documents_are_json_files(store: DailyStore, tmp_path: Path) -> None:
    documents = {key: {"id": key, "data": {"b": None, "a": 1.5}} for key in KEYS}
    store.handle_output(output_context(KEYS[0], KEYS[-1]), documents)
    assert store.load_input(input_context(KEYS[0], KEYS[-1])) == documents
    text = (tmp_path / "store" / "thing" / f"{KEYS[0]}.json").read_text()
    assert json.loads(text) == documents[KEYS[0]]


def test_no_nan_reaches_a_document(store: DailyStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.handle_output(output_context(KEYS[0], KEYS[0]), {KEYS[0]: {"mae": float("nan")}})
    assert files(tmp_path / "store") == []


def test_only_the_columns_asked_for_are_read(store: DailyStore) -> None:
    store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
    loaded = store.load_input(input_context(KEYS[0], KEYS[-1], columns=["day", "number"]))
    assert list(loaded.columns) == ["day", "number"]


def test_missing_days_are_named_unless_they_may_be_missing(store: DailyStore) -> None:
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


def test_rows_of_another_day_are_refused_and_nothing_is_written(
    store: DailyStore, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="rows of 2016-05-12, a day that this run"):
        store.handle_output(output_context(KEYS[0], KEYS[1]), table())
    with pytest.raises(DataError, match="not ordered by day"):
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table().iloc[::-1])
    assert files(tmp_path / "store") == []


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"cannot be written: .*TICKET_STORE"):
        opened(tmp_path / "store").handle_output(output_context(KEYS[0], KEYS[-1]), table())


def test_a_full_disk_leaves_no_partial_file_and_no_partial_set(tmp_path: Path) -> None:
    """On a real file system of 64 KiB: the old files stay as they were."""
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(root)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (not root)")
    store = opened(root)
    try:
        store.handle_output(output_context(KEYS[0], KEYS[-1]), table())
        before = {name: (root / name).read_bytes() for name in files(root)}
        noise = np.random.default_rng(0).random(20_000)
        large = pd.DataFrame({"day": pd.Series(to_days(KEYS[:1] * 20_000)), "number": noise})
        with pytest.raises(StoreError, match="No space left on device"):
            store.handle_output(output_context(KEYS[0], KEYS[0]), large)
        assert {name: (root / name).read_bytes() for name in files(root)} == before
    finally:
        store.teardown_after_execution(dg.build_init_resource_context())
        subprocess.run(["umount", str(root)], check=True)


class TestTwoRunsOfOneDay:
    def test_the_second_waits_and_says_so_when_it_waits_too_long(self, tmp_path: Path) -> None:
        first, second = opened(tmp_path), opened(tmp_path)
        first.handle_output(output_context(KEYS[0], KEYS[1]), table((2, 0, 0)))
        with pytest.raises(StoreError, match=f"{KEYS[1]} is being written by another run"):
            second.handle_output(output_context(KEYS[1], KEYS[2]), table((0, 2, 1)))

    def test_other_days_are_written_meanwhile(self, tmp_path: Path) -> None:
        first, second = opened(tmp_path), opened(tmp_path)
        first.handle_output(output_context(KEYS[0], KEYS[0]), table((2, 0, 0)))
        second.handle_output(output_context(KEYS[2], KEYS[2]), table((0, 0, 1)))

    def test_the_second_goes_on_when_the_first_has_ended(self, tmp_path: Path) -> None:
        first, second = opened(tmp_path), opened(tmp_path, lock_wait_s=10)
        first.handle_output(output_context(KEYS[0], KEYS[0]), table((2, 0, 0)))
        end = threading.Timer(0.3, lambda: first.teardown_after_execution(None))  # type: ignore[arg-type]
        end.start()
        second.handle_output(output_context(KEYS[0], KEYS[0]), table((1, 0, 0)))
        assert len(second.load_input(input_context(KEYS[0], KEYS[0]))) == 1

    @pytest.mark.parametrize("made", [table((2, 0, 0)), {KEYS[0]: {"id": 1}}])
    def test_of_a_store_that_is_deleted_meanwhile_the_first_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Any
    ) -> None:
        store, other = opened(tmp_path), opened(tmp_path)

        def deleted_meanwhile(targets: object, folders: object) -> None:
            shutil.rmtree(tmp_path / ".locks")
            monkeypatch.undo()
            other.handle_output(output_context(KEYS[0], KEYS[0]), table((1, 0, 0)))

        monkeypatch.setattr(places, "_demand_replaceable", deleted_meanwhile)
        with pytest.raises(StoreError, match="deleted or replaced while this run wrote it"):
            store.handle_output(output_context(KEYS[0], KEYS[0]), made)
        assert files(tmp_path) == [f"thing/{KEYS[0]}.parquet"]
        assert len(other.load_input(input_context(KEYS[0], KEYS[0]))) == 1

    def test_a_run_that_was_killed_holds_nothing(self, tmp_path: Path) -> None:
        process = multiprocessing.get_context("spawn").Process(
            target=_hold_and_die, args=(tmp_path,)
        )
        process.start()
        process.join()
        DayLocks(tmp_path, wait_s=0).acquire(KEYS)


def _hold_and_die(folder: Path) -> None:
    DayLocks(folder, wait_s=0).acquire(KEYS)
    os._exit(1)


class TestContentDigests:
    def test_a_day_s_digest_does_not_depend_on_the_other_days(self) -> None:
        together = content_digests(table(), KEYS)
        alone = with_provenance(table().iloc[:2], {KEYS[0]: {"seed": 0}})
        assert content_digests(alone, KEYS[:1])[KEYS[0]] == together[KEYS[0]]

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: t.assign(number=np.nextafter(t["number"], 2)),
            lambda t: t.assign(text=t["text"].fillna("")),
            lambda t: t.rename(columns={"text": "texts"}),
            lambda t: t.astype({"log_row": "int32"}),
            lambda t: t[["log_row", "day", "text", "flag", "number", "time"]],
            lambda t: with_provenance(t, {key: {"seed": 9} for key in KEYS}),
        ],
        ids=["last bit", "missing text", "name", "type", "column order", "provenance"],
    )
    def test_a_change_is_seen(self, change: object) -> None:
        changed = change(table())  # type: ignore[operator]
        changed.attrs = changed.attrs or table().attrs
        assert content_digests(changed, KEYS)[KEYS[0]] != content_digests(table(), KEYS)[KEYS[0]]
