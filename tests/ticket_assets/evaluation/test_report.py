import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from tests.ticket_assets.evaluation.reports import (
    CHAMPION,
    MODELS,
    evaluated,
    report,
    usual,
    usual_report,
)
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.alerts import ALERTS

pytestmark = pytest.mark.xdist_group("evaluation report")  # they share what took long to make


def alert(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["alerts"] if each["name"] == name)
    return dict(found)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return usual_report()


def test_it_is_json_and_always_the_same(document: dict[str, Any]) -> None:
    text = json.dumps(document, allow_nan=False)
    assert text == json.dumps(report(evaluated()), allow_nan=False)


def test_it_counts_days_rows_and_incidents(document: dict[str, Any]) -> None:
    assert (document["first_day"], document["last_day"]) == ("2016-03-01", "2016-06-08")
    assert (document["days"], document["empty_days"]) == (100, 0)
    assert (document["num_obs"], document["incidents"]) == (2400, 1200)


def test_the_models_errors_are_those_of_their_rows(document: dict[str, Any]) -> None:
    of = usual()
    opened = of.rows[of.rows["incident_state"] != "Closed"]
    recent = opened[opened["day"] > "2016-05-11"]
    for period, population, rows in (
        ("all days", "all", of.rows),
        ("all days", "open", opened),
        ("recent", "open", recent),
    ):
        records = [
            each
            for each in document["models"]
            if (each["period"], each["population"]) == (period, population)
        ]
        assert [each["model"] for each in records] == list(MODELS)
        for each in records:
            error = rows[each["model"]] - rows["target_s"]
            assert each["mae_h"] == pytest.approx(error.abs().mean() / 3600)
            assert each["bias_h"] == pytest.approx(error.mean() / 3600)
            champion = (rows[CHAMPION] - rows["target_s"]).abs().mean() / 3600
            assert each["better_h"] == pytest.approx(champion - each["mae_h"])
            assert each["mae_low_h"] < each["mae_h"] < each["mae_high_h"]
            assert each["incidents"] == rows["number"].nunique()


def test_months_are_compared_by_their_open_rows(document: dict[str, Any]) -> None:
    of = usual()
    rows = of.open_rows()
    may = rows[(rows["day"] >= "2016-05-01") & (rows["day"] <= "2016-05-31")]
    (record,) = (each for each in document["months"] if each["month"] == "2016-05")
    assert record["num_obs"] == len(may)
    for model in MODELS:
        error = (may[model] - may["target_s"]).abs().mean() / 3600
        assert record["mae_h"][model] == pytest.approx(error)


def test_a_bin_of_predictions_has_the_quantiles_of_what_happened() -> None:
    of = evaluated()
    rows = of.rows.assign(**{CHAMPION: 24 * 3600.0})
    (single,) = report(replace(of, rows=rows))["calibration"][CHAMPION]
    actual_h = replace(of, rows=rows).open_rows()["target_s"] / 3600
    assert single["predicted_h"] == pytest.approx(24)
    assert single["actual_p25_h"] == pytest.approx(actual_h.quantile(0.25))
    assert single["error_p90_h"] == pytest.approx((24 - actual_h).quantile(0.9))


class TestAlerts:
    def test_every_question_has_an_answer(self, document: dict[str, Any]) -> None:
        assert tuple(each["name"] for each in document["alerts"]) == ALERTS
        assert all(each["description"].endswith(".") for each in document["alerts"])

    def test_a_better_baseline_and_the_best_challenger_are_named_with_interval(
        self, document: dict[str, Any]
    ) -> None:
        for name, model in (
            ("worse_than_constant", "constant"),
            ("worse_than_state_median", "state-median"),
            ("better_challenger", "gradient-boosting"),
        ):
            (record,) = (
                each
                for each in document["models"]
                if (each["period"], each["population"], each["model"]) == ("recent", "open", model)
            )
            fired = alert(document, name)
            assert fired["fires"]
            assert fired["number"] == record["better_h"] > 0
            shown = (
                f"95% interval {record['better_low_h']:,.1f} to {record['better_high_h']:,.1f} h"
            )
            assert shown in fired["description"]

    def test_a_model_that_is_best_raises_none_of_them(self) -> None:
        of = evaluated()
        best = replace(of, rows=of.rows.assign(**{CHAMPION: of.rows["target_s"] * 1.01}))
        document = report(best)
        for name in ("worse_than_constant", "worse_than_state_median", "better_challenger"):
            assert not alert(document, name)["fires"]
            assert "is worse by" in alert(document, name)["description"]

    def test_a_slice_that_is_worse_is_named(self, document: dict[str, Any]) -> None:
        fired = alert(document, "worse_slices")
        assert fired["fires"]
        assert "assignment_group Group 9" in fired["description"]
        assert document["slices"][0]["value"] == "Group 9"

    def test_a_change_of_the_error_is_named_with_its_day(self) -> None:
        fired = alert(report(evaluated(bad_days=8)), "error_change")
        assert fired["fires"]
        assert "changed about 2016-06-0" in fired["description"]

    def test_an_error_that_became_smaller_is_no_alert(self) -> None:
        of = evaluated()
        late = of.rows["day"] > "2016-05-31"
        rows = of.rows.copy()
        rows.loc[late, CHAMPION] = rows["target_s"] * 1.01
        quiet = alert(report(replace(of, rows=rows)), "error_change")
        assert not quiet["fires"]
        assert "changed about" in quiet["description"]

    def test_inputs_that_changed_are_named(self) -> None:
        of = evaluated()
        rows = of.rows.copy()
        rows.loc[rows["day"] > "2016-05-20", "category"] = "two"
        fired = alert(report(replace(of, rows=rows)), "input_drift")
        assert fired["fires"]
        assert fired["description"] == "Changed against the reference: category."

    def test_a_limit_that_is_set_is_severe_and_one_that_is_learned_is_not(
        self, document: dict[str, Any]
    ) -> None:
        learned = alert(document, "error_limit")
        assert "highest of the reference period" in learned["description"]
        assert not learned["fires"]
        assert not learned["is_severe"]
        broken = alert(report(evaluated(), AlertLimits(mae_h=1.0)), "error_limit")
        assert (broken["fires"], broken["is_severe"], broken["limit"]) == (True, True, 1.0)
        held = alert(report(evaluated(), AlertLimits(mae_h=1000.0)), "error_limit")
        assert not held["fires"]

    def test_an_error_above_all_before_breaks_the_learned_limit(self) -> None:
        assert alert(report(evaluated(bad_days=27)), "error_limit")["fires"]

    def test_only_what_did_not_fire_a_day_before_is_new(self) -> None:
        of = evaluated(bad_days=8)
        firing = {}
        for days in (1, 2, 3):  # about the day on which it fires first
            document = report(of.until(of.days[-9 + days]))
            fired = alert(document, "error_change")
            firing[days] = (fired["fires"], fired["is_new"])
        fired_on = [day for day, (fires, _) in firing.items() if fires]
        new_on = [day for day, (_, is_new) in firing.items() if is_new]
        assert fired_on == [2, 3]
        assert new_on == [2]

    def test_few_days_raise_no_alert_and_say_so(self) -> None:
        document = report(evaluated(days=3))
        for name in ("error_limit", "error_change", "worse_slices", "worse_than_constant"):
            assert not alert(document, name)["fires"]
        assert "too few" in alert(document, "worse_than_constant")["description"]

    def test_a_champion_that_is_a_baseline_is_not_compared_with_itself(self) -> None:
        fired = alert(report(replace(evaluated(), champion="constant")), "worse_than_constant")
        assert (fired["fires"], fired["description"]) == (
            False,
            "The model is the constant of the past.",
        )


def test_days_without_tickets_are_counted_and_change_nothing_else(document: dict[str, Any]) -> None:
    of = evaluated()
    wider = replace(of, days=pd.date_range("2016-02-25", "2016-06-08", unit="s", name="day"))
    longer = report(wider)
    assert (longer["days"], longer["empty_days"]) == (105, 5)
    assert longer["models"] == document["models"]
    assert longer["alerts"] == document["alerts"]


def test_no_rows_at_all_give_a_report_without_figures() -> None:
    of = evaluated(days=2)
    empty = report(replace(of, rows=of.rows[:0]))
    assert (empty["num_obs"], empty["models"], empty["slices"]) == (0, [], [])
    assert not any(each["fires"] for each in empty["alerts"])
