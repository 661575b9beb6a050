import pandas as pd
import pytest

from tests.ticket_assets.evaluation.tables import log
from ticket_assets.evaluation.models import PriorityHours, predict


@pytest.mark.parametrize(
    ("priority", "hours"),
    [("1 - Critical", 6), ("2 - High", 24), ("3 - Moderate", 120), ("4 - Low", 240),
     ("4 - Lower", 180), ("", 180)],
)  # fmt: skip
def test_the_prediction_is_by_the_log_s_own_priorities(priority: str, hours: int) -> None:
    predictions = predict(log({"2016-05-10": 1}, priority), PriorityHours())
    assert predictions["predicted_s"].tolist() == [hours * 3600.0]


def test_a_missing_priority_gets_the_default() -> None:
    batch = log({"2016-05-10": 1}).assign(priority=pd.Series([None], dtype="str"))
    predictions = predict(batch, PriorityHours(other=2))
    assert predictions["predicted_s"].tolist() == [7200.0]
