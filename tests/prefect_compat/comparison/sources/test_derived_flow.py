"""Prefect's side of a comparison keeps what its flow run returned."""

from pathlib import Path
from typing import Any

import pytest

from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.verdict import judge
from prefect_compat.flow.build import DerivedFlow
from tests.prefect_compat.comparison.shop import Shop
from tests.prefect_compat.comparison.shop_runs import run


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("shop", [Shop(), Shop(retries=0)], ids=["succeeds", "fails"])
def test_a_state_from_the_api_alone_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Shop
) -> None:
    """A slow server makes Prefect answer with the API's state, which holds no result."""
    expected = run("dagster", tmp_path / "dagster", shop)
    call = DerivedFlow.__call__

    def from_api(flow: DerivedFlow, *arguments: Any, **named: Any) -> Any:
        return call(flow, *arguments, **named).model_copy(update={"data": None})

    monkeypatch.setattr(DerivedFlow, "__call__", from_api)
    found: Record = run("prefect", tmp_path / "prefect", shop)
    assert judge(expected, found).holds
