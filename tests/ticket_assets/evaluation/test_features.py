import pandas as pd
import pytest

from ticket_assets.errors import ModelError
from ticket_assets.evaluation.features import FEATURES, REFUSED, features_of
from ticket_assets.event_log.schema import NAMES

ROWS = pd.DataFrame({name: pd.Series(dtype="str") for name in NAMES})


def test_every_column_of_the_log_is_allowed_or_refused() -> None:
    assert {*FEATURES, *REFUSED} == {*NAMES, "day", "log_row"}
    assert not set(FEATURES) & set(REFUSED)


@pytest.mark.parametrize("column", ["closed_at", "resolved_at", "closed_code", "resolved_by"])
def test_what_was_written_back_is_refused_by_name_with_the_reason(column: str) -> None:
    with pytest.raises(
        ModelError, match=rf"model m: the feature '{column}' is refused as a leak: "
    ):
        features_of(ROWS, ["priority", column], "m")


def test_all_faults_are_named_at_once_and_a_slip_gets_a_hint() -> None:
    with pytest.raises(ModelError) as raised:
        features_of(ROWS, ["closed_at", "prioritty"], "m")
    assert "'closed_at' is refused" in str(raised.value)
    assert "'prioritty' is no column of the log ('priority'?)" in str(raised.value)


def test_a_model_gets_its_columns_and_no_others() -> None:
    assert list(features_of(ROWS, ["urgency", "priority"], "m")) == ["urgency", "priority"]
