import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from tests.ticket_assets.evaluation.histories import history
from ticket_assets.evaluation import boosting
from ticket_assets.evaluation.boosting import Trees, train_trees
from ticket_assets.evaluation.scores import target_seconds


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    table = history("2016-03-01", 30)
    table.loc[::7, "opened_at"] = pd.NaT
    table.loc[::5, "assignment_group"] = None
    return table


def target(rows: pd.DataFrame) -> Any:
    return target_seconds(rows)["target_s"].to_numpy()


def test_predictions_are_exactly_scikit_learn_s(
    rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[tuple[Any, Any]] = []
    fit = HistGradientBoostingRegressor.fit

    def noting(self: Any, features: Any, target_s: Any) -> Any:
        fitted.append((self, features))
        return fit(self, features, target_s)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", noting)
    trees = train_trees(rows, target(rows))
    ((regressor, features),) = fitted
    assert np.isnan(features).any()
    assert np.array_equal(trees.predict(rows), np.maximum(regressor.predict(features), 0))
    assert len(set(trees.predict(rows))) > 20


def test_the_document_gives_the_same_trees_back(rows: pd.DataFrame) -> None:
    trees = train_trees(rows, target(rows))
    again = Trees.from_document(json.loads(json.dumps(trees.as_document())))
    assert np.array_equal(again.predict(rows), trees.predict(rows))


def test_the_same_rows_always_give_the_same_trees(rows: pd.DataFrame) -> None:
    first, second = (json.dumps(train_trees(rows, target(rows)).as_document()) for _ in range(2))
    assert first == second


def test_an_unknown_value_is_as_good_as_missing(rows: pd.DataFrame) -> None:
    trees = train_trees(rows[rows["assignment_group"].notna()].reset_index(drop=True),
                        target(rows[rows["assignment_group"].notna()]))  # fmt: skip
    unknown = trees.predict(rows.assign(assignment_group="Group 77"))
    missing = trees.predict(
        rows.assign(assignment_group=pd.Series([None] * len(rows), dtype="str"))
    )
    assert np.array_equal(unknown, missing)


def test_no_prediction_is_negative(rows: pd.DataFrame) -> None:
    trees = train_trees(rows, np.where(rows["active"], 0.0, 1e6))
    assert trees.predict(rows).min() >= 0


def test_no_feature_is_refused() -> None:
    from ticket_assets.evaluation.features import FEATURES

    assert set(boosting.COLUMNS) <= set(FEATURES)
