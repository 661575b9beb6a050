"""Which file of a store is which output."""

import pytest

from prefect_compat.comparison.sources.layout import (
    Layout,
    assumed_outputs,
    in_partitions,
    shown_address,
)
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import OutputId


@pytest.mark.parametrize(
    ("pattern", "name", "output"),
    [
        ("{asset}/{partition}.parquet", "a/2024.parquet", OutputId(("a",), "2024")),
        ("{asset}/{partition}.parquet", "shop/a/x|y.parquet", OutputId(("shop", "a"), "x|y")),
        ("{asset}/{partition}.parquet", "a/2024.json", None),
        ("{asset}/{partition}.{type}", "a/v1.0.json", OutputId(("a",), "v1.0")),
        ("{asset}.{type}", "a.csv", OutputId(("a",))),
        ("{asset}/day={partition}/*.parquet", "a/day=1/part-0.parquet", OutputId(("a",), "1")),
        ("{asset}/day={partition}/*.parquet", "a/day=1/b/part-0.parquet", None),
        ("gold/{partition}/{asset}", "gold/1/a", OutputId(("a",), "1")),
    ],
)
def test_a_file_is_an_output(pattern: str, name: str, output: OutputId | None) -> None:
    found = Layout(pattern).outputs([name])
    assert found == ({output: (name,)} if output else {})


def test_the_files_of_one_output_are_in_order() -> None:
    layout = Layout("{asset}/{partition}/*.parquet")
    names = ["a/1/part-2.parquet", "a/1/part-1.parquet"]
    assert layout.outputs(names) == {OutputId(("a",), "1"): tuple(sorted(names))}


def test_without_a_pattern_folders_are_assets() -> None:
    assert assumed_outputs(["a/1.json", "b.csv"]) == {
        OutputId(("a",), "1"): ("a/1.json",),
        OutputId(("b",)): ("b.csv",),
    }


@pytest.mark.parametrize("pattern", ["", "{partition}.csv", "{asset}/{day}", "{asset}/{asset}"])
def test_a_pattern_that_is_none(pattern: str) -> None:
    with pytest.raises(ComparisonError, match="is no layout of a store; expected one with"):
        Layout(pattern)


@pytest.mark.parametrize(
    ("partition", "is_in"),
    [(None, True), ("*", True), ("2", True), ("1", False), ("1...3", True), ("3...4", False)],
)
def test_partitions(partition: str | None, is_in: bool) -> None:
    assert in_partitions(OutputId(("a",), "2"), partition) is is_in
    assert in_partitions(OutputId(("a",)), partition)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("var/store", "var/store"),
        ("s3://bucket/prod", "s3://bucket/prod"),
        ("https://ann:secret@host.org/store?token=secret", "https://host.org/store"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, shown: str) -> None:
    assert shown_address(address) == shown
