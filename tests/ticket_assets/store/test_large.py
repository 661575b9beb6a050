"""The job with the log as a Dask collection: the same products as in pandas, by every digest."""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from tests.logs import write_log
from tests.projects import failure, files, run_dagster
from tests.ticket_settings import DAYS as PARTITIONS
from tests.ticket_settings import SETTINGS
from ticket_assets import checks
from ticket_assets.definitions import build_definitions
from ticket_assets.errors import StoreError
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.event_log import ingest
from ticket_assets.store import encode, local
from ticket_assets.store import large as large_tables
from ticket_assets.store.digests import content_digests
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.provenance import provenance_of, with_provenance
from ticket_assets.store.tables import LargeTable, map_parts
from ticket_assets.store.workers import dask_client, run_all

pytestmark = pytest.mark.xdist_group("large")  # they share what took long to make

DASK = "local:2"
DAYS = "2016-03-03...2016-03-07"  # from busy days over a quiet weekend to a busy one


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy days go on from one part to the next, quiet ones share a part."""
    monkeypatch.setattr(ingest, "ROWS_PER_PART", 300)
    monkeypatch.setattr(encode, "ROWS_PER_PART", 300)
    monkeypatch.setattr(large_tables, "ROWS_PER_PART", 300)


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    yield
    with dask_client(DASK) as client:
        client.shutdown()


def large(store: Path, cache: Path, event_log: str = "sample") -> dg.Definitions:
    return build_definitions(
        replace(SETTINGS, event_log=event_log, store=store, cache=cache, dask=DASK)
    )


def catalog_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The catalog's metadata of each asset and day, and each check's verdict."""
    shown: dict[str, Any] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.materialization
            metadata = {name: value for name, value in made.metadata.items() if name != "path"}
            shown[f"{made.asset_key.to_user_string()} {made.partition}"] = metadata
    for check in result.get_asset_check_evaluations():
        shown[check.check_name] = (check.passed, check.description, check.metadata)
    return shown


def test_the_products_and_all_that_is_shown_of_them_are_the_same(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    plain = build_definitions(replace(SETTINGS, store=tmp_path / "plain"))
    in_memory = run_dagster(plain, DAYS, instance, {"sampled_batch": {"batch_size": 400}})
    on_dask = run_dagster(
        large(tmp_path / "large", tmp_path / "cache"),
        DAYS,
        instance,
        {"sampled_batch": {"batch_size": 400}},
    )
    assert in_memory.success, failure(in_memory)
    assert on_dask.success, failure(on_dask)
    assert catalog_of(on_dask) == catalog_of(in_memory)
    for path, content in files(tmp_path / "plain").items():
        other = files(tmp_path / "large")[path]
        if path.endswith(".json"):
            assert other == content
        else:
            left, right = (pd.read_parquet(tmp_path / end / path) for end in ("plain", "large"))
            pd.testing.assert_frame_equal(left, right)
    assert not list((tmp_path / "large").rglob(".staging"))


def test_the_log_itself_is_a_dask_dataframe_of_its_days(tmp_path: Path) -> None:
    from ticket_assets.event_log import open_log

    log = open_log("sample", cache=tmp_path, dask=DASK)
    first, last = pd.Timestamp("2016-03-01").date(), pd.Timestamp("2016-03-03").date()
    table = log.read_large(first, last, DASK)
    assert table.frame.npartitions > 3
    with dask_client(DASK) as client:
        counts = client.compute(table.frame.groupby("priority").size()).result()
    expected = log.read(first, last).to_pandas().groupby("priority").size()
    assert counts.to_dict() == expected.to_dict()


def test_a_log_at_fault_is_refused_with_the_same_words(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    source = write_log(tmp_path / "log.csv", [{}, {"active": "maybe"}])
    result = run_dagster(
        large(tmp_path / "store", tmp_path / "cache", str(source)), "2016-03-05", instance
    )
    assert "row 2, column active: found 'maybe'" in failure(result)
    assert files(tmp_path / "store") == {}


def test_days_without_rows_are_files_without_rows(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    rows = [{"closed_at": f"{day}/3/2016 12:00"} for day in (5, 7)]
    source = write_log(tmp_path / "log.csv", rows)
    defs = large(tmp_path / "store", tmp_path / "cache", str(source))
    for days in ("2016-03-05...2016-03-07", "2016-03-06"):
        result = run_dagster(defs, days, instance)
        assert result.success, failure(result)
    empty = pd.read_parquet(tmp_path / "store" / "raw_log" / "2016-03-06.parquet")
    assert len(empty) == 0
    assert len(empty.columns) == 38


class TestPlantedFaults:
    """The checks find in any part what they find in a table in memory."""

    context = dg.build_asset_check_context()
    known_priorities = checks.known_priorities.define(PARTITIONS)
    raw_log_schema = checks.raw_log_schema.define(PARTITIONS)

    def table(self, faulty: str) -> LargeTable:
        return LargeTable.of(_part, [""] * 3 + [faulty] + [""] * 3, _part("").head(0), DASK)

    def test_an_unknown_priority(self) -> None:
        result = self.known_priorities(self.context, self.table("priority"))
        assert not result.passed
        assert "rows 2, first_log_row 1" in (result.description or "")
        assert self.known_priorities(self.context, self.table("")).passed

    def test_a_gap(self) -> None:
        result = self.raw_log_schema(self.context, self.table("number"))
        assert "day 2016-03-05, column number, expected no gaps, found gaps, rows 1" in str(result)

    def test_a_column_of_another_type_in_one_part(self) -> None:
        assert "expected bool, found str" in str(
            self.raw_log_schema(self.context, self.table("active"))
        )


def _part(fault: str, columns: list[str] | None = None) -> pd.DataFrame:
    from ticket_assets.event_log.schema import COLUMNS

    values = {"str": "3 - Moderate", "int64": 0, "bool": True, "datetime64[s]": "2016-03-05"}
    table = pd.DataFrame(
        {
            "day": pd.Series(["2016-03-05"] * 2, dtype="datetime64[s]"),
            "log_row": pd.Series([1, 2]),
            **{c.name: pd.Series([values[c.dtype]] * 2, dtype=c.dtype) for c in COLUMNS},
        }
    )
    if fault == "priority":
        table["priority"] = "5 - None"
    if fault == "number":
        table["number"] = pd.Series([None, "INC1"], dtype="str")
    if fault == "active":
        table["active"] = pd.Series(["yes", "no"], dtype="str")
    return table if columns is None else table[columns]


def _slice(rows: tuple[int, int], columns: list[str]) -> pd.DataFrame:
    days = ["2016-03-01"] * 400 + ["2016-03-02"] * 50 + ["2016-03-03"] * 550
    table = pd.DataFrame({"day": pd.to_datetime(pd.Series(days)).astype("datetime64[s]")})
    table["log_row"] = range(1000)
    return table.iloc[slice(*rows)][columns].reset_index(drop=True)


@pytest.mark.parametrize("bounds", [(0, 1000), (0, 10, 420, 460, 461, 1000), (0, 400, 450, 1000)])
def test_a_sample_does_not_depend_on_where_the_parts_end(bounds: tuple[int, ...]) -> None:
    whole = _slice((0, 1000), ["day", "log_row"])
    cut_up = LargeTable.of(_slice, list(pairwise(bounds)), whole.head(0), DASK)
    expected = draw_sample(whole, 70, 498)
    pd.testing.assert_frame_equal(draw_sample(cut_up, 70, 498), expected)
    keys = ["2016-03-01", "2016-03-02", "2016-03-03"]
    assert content_digests(cut_up, keys) == content_digests(whole, keys)


def _kill_once(path: Path) -> int:
    if path.exists():
        path.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def test_a_worker_that_is_killed_meanwhile_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "2").touch()
    calls = [(tmp_path / str(number),) for number in range(5)]
    assert list(run_all(_kill_once, calls, DASK)) == [1] * 5


@pytest.mark.nightly
def test_a_store_that_cannot_be_written_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    defs = large(tmp_path / "store", tmp_path / "cache")
    assert run_dagster(defs, "2016-03-08", instance).success
    before = files(tmp_path / "store")

    def fails(pieces: object, path: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(large_tables, "_join", fails)
    result = run_dagster(defs, "2016-03-08", instance, {"sampled_batch": {"seed": 1}})
    assert "No space left on device. No file was changed" in failure(result)
    assert files(tmp_path / "store") == before
    assert not list((tmp_path / "store").rglob(".staging"))


def test_a_store_whose_locks_are_deleted_meanwhile_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    source = write_log(tmp_path / "log.csv")
    defs = large(tmp_path / "store", tmp_path / "cache", str(source))
    assert run_dagster(defs, "2016-03-05", instance).success
    before = files(tmp_path / "store")
    monkeypatch.setattr(
        local, "_check_replaceable", lambda *_: shutil.rmtree(tmp_path / "store" / ".locks")
    )
    result = run_dagster(defs, "2016-03-05", instance, {"sampled_batch": {"seed": 1}})
    assert "deleted or replaced while this run wrote it" in failure(result)
    assert files(tmp_path / "store") == before


def test_only_an_asset_that_says_so_is_loaded_as_a_large_table(tmp_path: Path) -> None:
    store = DailyStore(root=str(tmp_path), dask=DASK)
    store.setup_for_execution(dg.build_init_resource_context())
    keys = {"asset_key": "thing", "partition_key": "2016-03-01"}
    days = dg.DailyPartitionsDefinition("2016-03-01", end_date="2016-04-01")
    written = dg.build_output_context(**keys, asset_partitions_def=days)
    table = with_provenance(_slice((0, 400), ["day", "log_row"]), {"2016-03-01": {"seed": 3}})
    store.handle_output(written, table)
    for large, kind in ((True, LargeTable), (False, pd.DataFrame)):
        upstream = dg.build_output_context(**keys, definition_metadata={"large": large})
        loaded = store.load_input(
            dg.build_input_context(**keys, asset_partitions_def=days, upstream_output=upstream)
        )
        assert isinstance(loaded, kind)
        assert provenance_of(loaded) == {"2016-03-01": {"seed": 3}}
        assert sum(map_parts(len, loaded)) == 400


def test_a_missing_day_is_named(tmp_path: Path) -> None:
    store = DailyStore(root=str(tmp_path), dask=DASK)
    days = dg.DailyPartitionsDefinition("2016-03-01", end_date="2016-04-01")
    with pytest.raises(StoreError, match="Materialize thing for these days first"):
        store.load_input(
            dg.build_input_context(
                asset_key="thing", partition_key="2016-03-01", asset_partitions_def=days
            )
        )
