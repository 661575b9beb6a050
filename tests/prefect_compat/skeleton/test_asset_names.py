"""Assets have the names under which the comparison finds their tasks."""

import keyword

import pytest

from prefect_compat.comparison.sources.matching import StepFacts, match_tasks
from prefect_compat.errors import SkeletonError
from prefect_compat.skeleton.asset_names import AssetName, asset_names


def test_runs_of_one_task_are_numbered() -> None:
    found = [name.asset for name in asset_names(["load", "by product", "load", "Save"])]
    assert found == ["load_1", "by_product", "load_2", "save"]


def test_a_name_that_is_not_matched_by_itself_says_so() -> None:
    names = asset_names(["Load (S3)", "config", "import", "2nd try", "context", "dt", "by-day"])
    assert names == (
        AssetName("Load (S3)", "load_s3", "load_s3"),
        AssetName("config", "config_asset", "config_asset"),
        AssetName("import", "import_asset", "import_asset"),
        AssetName("2nd try", "2nd_try", "_2nd_try"),
        AssetName("context", "context_asset", "context_asset"),
        AssetName("dt", "dt", "dt_"),
        AssetName("by-day", "by_day", "by_day"),
    )
    steps = [StepFacts(name.asset, (name.asset,)) for name in names]
    for name in names:
        matched = match_tasks([name.task], steps, {}).unmatched == ()
        assert matched == name.is_matched
        assert name.identifier.isidentifier()
        assert not keyword.iskeyword(name.identifier)


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(SkeletonError, match="'a-b' and 'A b' would both be the asset a_b"):
        asset_names(["a-b", "A b"])
    with pytest.raises(SkeletonError, match="'load_1' and 'load_1'"):
        asset_names(["load", "load", "load_1"])
