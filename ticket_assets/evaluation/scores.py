"""Errors of the predictions, by day, priority and month."""

import pandas as pd

from ticket_assets.errors import DataError
from ticket_assets.evaluation.keys import KEY_COLUMNS


def target_seconds(batch: pd.DataFrame) -> pd.DataFrame:
    """Seconds from each row's `sys_updated_at` to `closed_at`.

    Returns `day`, `log_row`, `target_s` (float64), negative for a row updated after its closing.
    """
    time_left = batch["closed_at"] - batch["sys_updated_at"]
    return batch[KEY_COLUMNS].assign(target_s=time_left.dt.total_seconds().astype("float64"))


def score(targets: pd.DataFrame, predictions: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Errors of each day's predictions: one row per day of `days`, in their order.

    Columns: `day`, `num_obs` (int64), `mae_s`, `medae_s`, `mse_s2`, `r2` (float64). A day
    without rows has `num_obs` 0 and nulls; `r2` is null below two rows. Definitions:
    scikit-learn, "Regression metrics"; for a constant target its `force_finite` rule (1 for a
    perfect prediction, else 0). Raises DataError if the two tables are not about the same rows.
    """
    if not targets[KEY_COLUMNS].equals(predictions[KEY_COLUMNS]):
        raise DataError(
            f"targets ({len(targets)} rows) and predictions ({len(predictions)} rows) are not"
            " about the same tickets in the same order. Materialize both from one sampled_batch."
        )
    by_day = targets["day"]
    error = predictions["predicted_s"] - targets["target_s"]
    spread = targets["target_s"] - targets.groupby("day")["target_s"].transform("mean")
    terms = pd.DataFrame({"absolute": error.abs(), "squared": error**2, "spread": spread**2})
    groups = terms.groupby(by_day)
    table = pd.DataFrame(
        {
            "num_obs": groups.size(),
            "mae_s": groups["absolute"].mean(),
            "medae_s": groups["absolute"].median(),
            "mse_s2": groups["squared"].mean(),
            "r2": r_squared(groups["squared"].sum(), groups["spread"].sum(), groups.size()),
        }
    ).reindex(days)
    # `reindex` adds the days without tickets, and their gaps turn the counts into floats.
    table["num_obs"] = table["num_obs"].fillna(0).astype("int64")
    return table.rename_axis("day").reset_index()


def r_squared(residual: pd.Series, total: pd.Series, rows: pd.Series) -> pd.Series:
    """R2 from the sums of squared errors and of squared distances from the mean; see `score`."""
    constant = (residual == 0).astype("float64")
    ratio = (1 - residual / total.where(total > 0)).where(total > 0, constant)
    return ratio.where(rows >= 2)


def errors_by_priority(targets: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Errors over all days, one row per priority: `num_obs`, `mae_s`, `medae_s`, `bias_s`.

    Bias is the mean of predicted minus actual; above 0 the predictions are too long. Rows without
    a priority count as `?`.
    """
    merged = targets.merge(predictions, on=KEY_COLUMNS, validate="one_to_one")
    error = merged["predicted_s"] - merged["target_s"]
    terms = pd.DataFrame({"absolute": error.abs(), "error": error})
    groups = terms.groupby(merged["priority"].fillna("?"))
    return pd.DataFrame(
        {
            "num_obs": groups.size(),
            "mae_s": groups["absolute"].mean(),
            "medae_s": groups["absolute"].median(),
            "bias_s": groups["error"].mean(),
        }
    ).reset_index()


def errors_by_month(metrics: pd.DataFrame) -> pd.DataFrame:
    """Errors by `month` (`2016-03`): evaluated `days`, `num_obs`, and `mae_s`.

    The error is weighted by each day's rows, and null in a month without any.
    """
    weighted = metrics["mae_s"].fillna(0) * metrics["num_obs"]
    groups = metrics.assign(weighted=weighted).groupby(metrics["day"].dt.strftime("%Y-%m"))
    table = groups.agg(days=("day", "size"), num_obs=("num_obs", "sum"), total=("weighted", "sum"))
    table["mae_s"] = table["total"] / table["num_obs"].where(table["num_obs"] > 0)
    return table.drop(columns="total").rename_axis("month").reset_index()
