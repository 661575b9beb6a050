"""Each model scored on each day: errors with honest intervals, and the skill against baselines."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ticket_assets.evaluation.intervals import mean_intervals
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.models import (
    CONSTANT,
    SECONDS_PER_HOUR,
    STATE_MEDIAN,
    TRAINED,
    column_of,
)
from ticket_assets.evaluation.populations import POPULATIONS, rows_of
from ticket_assets.evaluation.scores import r_squared

WITHIN_S = 24 * SECONDS_PER_HOUR
GROUP = ["day", "population"]
SKILLS = {CONSTANT: "skill_constant", STATE_MEDIAN: "skill_state_median"}
"""Each baseline, and the column of the skill against it."""

SCORE_COLUMNS = (
    ("day", "datetime64[s]", "Calendar day of closed_at."),
    ("population", "str", "all rows, or open: without Closed rows."),
    ("model", "str", "The model that is scored."),
    ("is_champion", "bool", "Whether it made the predictions."),
    ("num_obs", "int64", "Rows scored."),
    ("incidents", "int64", "Incidents that the rows belong to."),
    ("mae_s", "float64", "Mean absolute error, seconds."),
    ("mae_low_s", "float64", "Lower end of its 95% interval; null for too few incidents."),
    ("mae_high_s", "float64", "Upper end of its 95% interval."),
    ("medae_s", "float64", "Median absolute error, seconds."),
    ("rmse_s", "float64", "Root of the mean squared error, seconds."),
    ("bias_s", "float64", "Mean of predicted minus actual, seconds."),
    ("bias_low_s", "float64", "Lower end of its 95% interval."),
    ("bias_high_s", "float64", "Upper end of its 95% interval."),
    ("r2", "float64", "Coefficient of determination."),
    ("within_24h", "float64", "Share of rows with an error of at most 24 hours."),
    ("skill_constant", "float64", "1 - MAE / MAE of the constant."),
    ("skill_state_median", "float64", "1 - MAE / MAE of the median per state."),
    ("better_s", "float64", "The champion's MAE minus this model's, seconds."),
    ("better_low_s", "float64", "Lower end of its 95% interval."),
    ("better_high_s", "float64", "Upper end of its 95% interval."),
)
"""Each column of the scores with its dtype and meaning."""


def score_models(
    rows: pd.DataFrame, models: Sequence[str], champion: str, days: pd.DatetimeIndex
) -> pd.DataFrame:
    """The errors of each model: one row per day, population and model, in that order.

    `rows` has `day`, `log_row`, `number`, `incident_state`, `target_s`, and a column of predicted
    seconds named as each model; NaN for a model that could not be trained for the day, whose errors
    are then null. Returns SCORE_COLUMNS:

    - `num_obs`, `incidents`: rows and incidents scored.
    - `mae_s` with a 95% interval (null for too few incidents; see `mean_intervals`), `medae_s`,
      `rmse_s`, `bias_s` (mean of predicted minus actual) with its interval, seconds; `r2`;
      `within_24h`, the share of rows whose error is at most 24 h. Definitions: scikit-learn,
      "Regression metrics".
    - `skill_constant`, `skill_state_median`: 1 - MAE / MAE of that baseline on the same rows (a
      skill score; Murphy, Monthly Weather Review 116, 1988); null where the baseline's MAE is 0.
    - `better_s`: the champion's MAE minus this model's, on the same rows, with its 95% interval.
    """
    stacked = _in_populations(rows)
    errors = pd.DataFrame({model: _error(stacked, model) for model in models})
    absolute = errors.abs()
    better = absolute[[champion]].to_numpy() - absolute
    table = _intervals(absolute, stacked, "mae")
    for values, name in ((errors, "bias"), (better, "better")):
        table = table.join(_intervals(values, stacked, name).drop(columns=["num_obs", "incidents"]))
    others = pd.concat([_other_errors(stacked, model) for model in models])
    index = pd.MultiIndex.from_product(
        [days, POPULATIONS, list(models)], names=["day", "population", "model"]
    )
    table = table.join(others).reindex(index)
    counted = table.index.get_level_values("model") == champion
    sizes = table.loc[counted, ["num_obs", "incidents"]].droplevel("model")
    table = table.drop(columns=["num_obs", "incidents"]).join(sizes.fillna(0), on=GROUP)
    table = _with_skill(table).reset_index()
    table["is_champion"] = table["model"] == champion
    dtypes = {name: dtype for name, dtype, _ in SCORE_COLUMNS}
    return table[list(dtypes)].astype(dtypes)


def _in_populations(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each population, named in `population`."""
    return pd.concat(
        [rows_of(rows, name).assign(population=name) for name in POPULATIONS], ignore_index=True
    )


def _error(rows: pd.DataFrame, model: str) -> pd.Series:
    return rows[model] - rows["target_s"]


def _intervals(values: pd.DataFrame, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    table = mean_intervals(values, rows[GROUP], rows["number"])
    renamed = {"column": "model", "clusters": "incidents"}
    renamed |= {"mean": f"{name}_s", "low": f"{name}_low_s", "high": f"{name}_high_s"}
    return table.rename(columns=renamed).set_index([*GROUP, "model"])


def _other_errors(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """The errors that have no interval: each group is summed by itself, in its rows' order."""
    scored = rows[rows[model].notna()]
    error, target_s = _error(scored, model), scored["target_s"]
    groups = scored[GROUP].assign(absolute=error.abs()).groupby(GROUP)
    code, medae_s = groups.ngroup().to_numpy(), groups["absolute"].median()
    # Not pandas' means: of two keys, their last bit depends on the other groups.
    count = np.bincount(code, minlength=len(medae_s))

    def total(values: pd.Series) -> pd.Series:
        return pd.Series(np.bincount(code, values, len(count)), index=medae_s.index)

    mean = (total(target_s) / count).to_numpy()
    squared, spread = total(error**2), total((target_s - mean[code]) ** 2)
    table = pd.DataFrame(
        {
            "medae_s": medae_s,
            "rmse_s": np.sqrt(squared / count),
            "r2": r_squared(squared, spread, pd.Series(count, index=medae_s.index)),
            "within_24h": total(error.abs() <= WITHIN_S) / count,
        }
    )
    return table.assign(model=model).set_index("model", append=True)


def _with_skill(table: pd.DataFrame) -> pd.DataFrame:
    for baseline, column in SKILLS.items():
        floor = table["mae_s"].xs(baseline, level="model")
        floor = table.index.droplevel("model").map(floor.where(floor > 0))
        table[column] = 1 - table["mae_s"] / floor.to_numpy("float64")
    return table


def joined_rows(
    batch: pd.DataFrame,
    targets: pd.DataFrame,
    predictions: pd.DataFrame,
    trained: pd.DataFrame,
    champion: str,
) -> pd.DataFrame:
    """The rows of `score_models` from the tables of one batch, which are about the same rows.

    The champion made `predictions`; `trained` are those of `predict_trained`.
    """
    rows = batch[[*KEY_COLUMNS, "number", "incident_state"]].assign(target_s=targets["target_s"])
    seconds = {model: trained[column_of(model)] for model in TRAINED}
    return rows.assign(**seconds | {champion: predictions["predicted_s"]})
