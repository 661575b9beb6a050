"""What the catalogue shows of a day's scores."""

import pandas as pd

from tests.ticket_assets.evaluation.test_report import CHAMPION, MODELS, evaluated
from ticket_assets.catalog import model_score_facts
from ticket_assets.days import to_keys
from ticket_assets.evaluation.model_scores import score_models
from ticket_assets.store.provenance import with_provenance


def scores_of(days: pd.DatetimeIndex) -> dict[str, list[list[str]]]:
    """The cells of each day's table of scores, by partition key."""
    table = score_models(evaluated(days=3).rows, MODELS, CHAMPION, days)
    log = {"log_source": "sample", "log_sha256": "ab" * 32}
    facts = model_score_facts(with_provenance(table, dict.fromkeys(to_keys(days), log)))
    return {
        key: [
            [cell.strip() for cell in line.split("|")[1:-1]]
            for line in str(of_day["scores"].value).splitlines()
        ]
        for key, of_day in facts.items()
    }


def test_a_day_s_scores_are_a_table_that_fits_into_both_pages() -> None:
    days = pd.date_range("2016-03-01", periods=3, unit="s", name="day")
    header, _, *rows = scores_of(days)["2016-03-02"]
    assert header[:4] == ["rows", "model", "MAE h", "95% interval"]
    assert len(header) == 8
    opened = evaluated(days=3).open_rows()
    of_day = opened[opened["day"] == days[1]]
    first = next(row for row in rows if row[0] == f"{len(of_day)} open")
    error_h = (of_day[CHAMPION] - of_day["target_s"]).abs().mean() / 3600
    assert first[1:4] == [CHAMPION, f"{error_h:,.2f}", ""]  # 12 incidents have no interval


def test_a_day_without_tickets_says_so() -> None:
    days = pd.date_range("2016-03-01", periods=4, unit="s", name="day")
    assert scores_of(days)["2016-03-04"] == [[]]
