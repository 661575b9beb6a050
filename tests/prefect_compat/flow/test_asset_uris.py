"""The key of an asset in Prefect is another for another asset, and Prefect accepts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.assets import Asset

from prefect_compat.flow.asset_uris import asset_path, asset_uri


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1).map(tuple))
def test_the_path_can_be_read_back(path: tuple[str, ...]) -> None:
    assert asset_path(asset_uri(path)) == path


@pytest.mark.parametrize("part", ["foo/bar", "a b", "50%", "~7E", "größe", "{x}", "a&b?c#d"])
def test_prefect_accepts_special_characters(part: str) -> None:
    key = asset_uri((part, "key1"))
    assert Asset(key=key).key == key


def test_plain_names_stay_as_they_are() -> None:
    assert asset_uri(("stars", "vega_km")) == "dagster://assets/stars/vega_km"
