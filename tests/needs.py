"""Needs that some environments do not meet; a test with such a need is skipped with the reason."""

from importlib.metadata import version
from typing import Any

import dagster as dg
import pytest

DAGSTER = tuple(int(part) for part in version("dagster").split(".")[:2])


def pandas_3() -> None:
    """Text is of the dtype `str`, and whole numbers keep the unit of a duration, since pandas 3."""
    if not version("pandas").startswith("3."):
        pytest.skip("the values of this test need pandas 3")


def tickets() -> Any:
    """The module `ticket_assets.definitions`: most cells of the matrix do not have our project."""
    reason = "the project ticket_assets is not installed here"
    return pytest.importorskip("ticket_assets.definitions", reason=reason)


def partitioned_checks() -> None:
    """An asset check with partitions of its own."""
    if DAGSTER < (1, 13):
        pytest.skip("an asset check's `partitions_def` needs Dagster 1.13")


def check_partitions(definition: dg.PartitionsDefinition[Any]) -> dict[str, Any]:
    """The arguments that give a check the partitions of its asset."""
    partitioned_checks()
    return {"partitions_def": definition}
