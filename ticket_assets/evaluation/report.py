"""The evaluation over all days as one document: what a person acts on, and the evidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.alerts import alerts_of
from ticket_assets.evaluation.change import measure_change
from ticket_assets.evaluation.input_drift import measure_input_drift
from ticket_assets.evaluation.intervals import mean_intervals
from ticket_assets.evaluation.model_scores import SKILLS, WITHIN_S
from ticket_assets.evaluation.models import SECONDS_PER_HOUR
from ticket_assets.evaluation.populations import OPEN, POPULATIONS, rows_of
from ticket_assets.evaluation.slices import SLICE_COLUMNS, slice_errors

RECENT_DAYS = 28
SEED = 498
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BINS = 10
FEWEST_ROWS = 20
"""The fewest rows of a bin that is shown."""

DRIFT_COLUMNS = (
    "incident_state",
    "priority",
    "category",
    "assignment_group",
    "contact_type",
    "reassignment_count",
    "sys_mod_count",
)
"""The inputs whose drift is measured."""

ROW_COLUMNS = tuple(dict.fromkeys((*SLICE_COLUMNS, *DRIFT_COLUMNS)))

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Evaluated:
    """Rows that were predicted: `day`, `number`, `target_s`, ROW_COLUMNS, and each model's
    predicted seconds under its name. `days` are all evaluated days, those without rows too."""

    rows: pd.DataFrame
    days: pd.DatetimeIndex
    models: tuple[str, ...]
    champion: str

    def until(self, day: pd.Timestamp) -> "Evaluated":
        """Returns the part that was known at the end of that day."""
        rows = self.rows[self.rows["day"] <= day]
        return Evaluated(rows, self.days[self.days <= day], self.models, self.champion)

    def open_rows(self) -> pd.DataFrame:
        """The rows whose ticket is not Closed."""
        return rows_of(self.rows, OPEN)


def _last_days(rows: pd.DataFrame) -> pd.DatetimeIndex:
    """The last RECENT_DAYS days that have rows."""
    return pd.DatetimeIndex(rows["day"].unique()).sort_values()[-RECENT_DAYS:]


def report_of(evaluated: Evaluated, scores: pd.DataFrame, limits: AlertLimits) -> dict[str, Any]:
    """The document: JSON without NaN; times in hours, shares from 0 to 1.

    `scores` are those of `score_models` for the same days. An alert `is_new` if it did not fire
    on what was known a day with tickets earlier. The same input always gives the same document.
    """
    findings = _findings(evaluated, scores, limits)
    alerts = alerts_of(findings, limits)
    with_rows = pd.DatetimeIndex(evaluated.rows["day"].unique()).sort_values()
    known_before: set[str] = set()
    if len(with_rows) > 1:
        earlier = evaluated.until(with_rows[-2])
        before = _findings(earlier, scores[scores["day"] <= with_rows[-2]], limits)
        known_before = {alert.key for alert in alerts_of(before, limits) if alert.fires}
    document = {
        "first_day": str(evaluated.days.min().date()),
        "last_day": str(evaluated.days.max().date()),
        "days": len(evaluated.days),
        "empty_days": len(evaluated.days) - len(with_rows),
        "num_obs": len(evaluated.rows),
        "incidents": int(evaluated.rows["number"].nunique()),
        "champion": evaluated.champion,
        "recent_days": RECENT_DAYS,
        "alerts": [
            {**asdict(alert), "is_new": alert.fires and alert.key not in known_before}
            for alert in alerts
        ],
        **findings,
        "months": _months(evaluated),
        "daily": _daily(scores),
        "calibration": {model: _calibration(evaluated, model) for model in evaluated.models},
    }
    cleaned: dict[str, Any] = _without_nan(document)
    return cleaned


def _findings(evaluated: Evaluated, scores: pd.DataFrame, limits: AlertLimits) -> dict[str, Any]:
    """Computes what the alerts are judged by."""
    rows = evaluated.open_rows()
    error = rows[evaluated.champion] - rows["target_s"]
    slices = slice_errors(
        rows.assign(error_s=error),
        RECENT_DAYS,
        fewest_incidents=limits.fewest_incidents,
        significance=limits.slice_significance,
    )
    drift = measure_input_drift(rows, DRIFT_COLUMNS, SEED, RECENT_DAYS)
    champion = scores[scores["is_champion"] & (scores["population"] == OPEN)]
    change = measure_change(
        champion[["day", "mae_s", "incidents"]],
        SEED,
        RECENT_DAYS,
        false_alarms=limits.change_significance,
    )
    changed_on = change.changed_on
    return {
        "models": _models(evaluated, limits.fewest_incidents),
        "slices": _in_hours(slices),
        "drift": drift.to_dict("records"),
        "change": _hours_of(asdict(change))
        | {
            "has_changed": bool(change.has_changed),
            "direction": change.direction,
            "changed_on": None if changed_on is None else str(changed_on.date()),
        },
        "reference_mae_h": _highest_reference_error(champion),
    }


def _models(evaluated: Evaluated, fewest_incidents: int) -> Records:
    """Each model on all days and on the recent ones, in both populations."""
    recent = _last_days(evaluated.open_rows())
    records: Records = []
    for period in ("all days", "recent"):
        for population in POPULATIONS:
            rows = rows_of(evaluated.rows, population)
            if period == "recent":
                rows = rows[rows["day"].isin(recent)]
            records += [
                {"period": period, "population": population, **record}
                for record in _compared(rows, evaluated, fewest_incidents)
            ]
    return records


def _compared(rows: pd.DataFrame, evaluated: Evaluated, fewest_incidents: int) -> Records:
    """The errors of each model on the rows that every model has predicted."""
    rows = rows[rows[list(evaluated.models)].notna().all(axis=1)]
    if rows.empty:
        return []
    errors = pd.DataFrame({m: rows[m] - rows["target_s"] for m in evaluated.models})
    absolute = errors.abs()
    better = absolute[[evaluated.champion]].to_numpy() - absolute
    group = pd.DataFrame({"group": np.zeros(len(rows), dtype="int64")}, index=rows.index)
    intervals = {
        name: mean_intervals(
            values, group, rows["number"], fewest_clusters=fewest_incidents
        ).set_index("column")
        for name, values in (("mae", absolute), ("bias", errors), ("better", better))
    }
    records = []
    for model in evaluated.models:
        is_champion = model == evaluated.champion
        figures: dict[str, Any] = {"model": model, "is_champion": is_champion}
        figures["num_obs"] = len(rows)
        figures["incidents"] = int(rows["number"].nunique())
        for name, table in intervals.items():
            mean, low, high = table.loc[model, ["mean", "low", "high"]] / SECONDS_PER_HOUR
            figures |= {f"{name}_h": mean, f"{name}_low_h": low, f"{name}_high_h": high}
        figures["medae_h"] = float(absolute[model].median()) / SECONDS_PER_HOUR
        figures["within_24h"] = float((absolute[model] <= WITHIN_S).mean())
        for baseline, skill in SKILLS.items():
            floor = float(absolute[baseline].mean())
            figures[skill] = 1 - float(absolute[model].mean()) / floor if floor else None
        records.append(figures)
    return records


def _highest_reference_error(champion: pd.DataFrame) -> float | None:
    """The highest error of RECENT_DAYS days in a row before the recent ones, in hours.

    Each day counts by its rows. None with fewer days than twice as many.
    """
    days = champion[champion["num_obs"] > 0].sort_values("day").iloc[:-RECENT_DAYS]
    rows = days["num_obs"].rolling(RECENT_DAYS).sum()
    errors = (days["mae_s"] * days["num_obs"]).rolling(RECENT_DAYS).sum() / rows
    highest = errors.max()
    return None if pd.isna(highest) else float(highest) / SECONDS_PER_HOUR


def _months(evaluated: Evaluated) -> Records:
    """Open rows by calendar month: volume, each model's error, and the champion's bias."""
    rows = evaluated.open_rows()
    month = rows["day"].dt.strftime("%Y-%m").rename("month")
    errors = pd.DataFrame({m: (rows[m] - rows["target_s"]).abs() for m in evaluated.models})
    means = errors.groupby(month).mean() / SECONDS_PER_HOUR
    counts = rows.groupby(month).agg(num_obs=("day", "size"), incidents=("number", "nunique"))
    bias = (rows[evaluated.champion] - rows["target_s"]).groupby(month).mean() / SECONDS_PER_HOUR
    return [
        {"month": name, **counts.loc[name].to_dict(), "bias_h": bias[name],
         "mae_h": means.loc[name].to_dict()}
        for name in counts.index
    ]  # fmt: skip


def _daily(scores: pd.DataFrame) -> dict[str, Any]:
    """The errors of each model by day, as columns, in hours; null on days without rows."""
    columns = {"mae_s": "mae_h", "mae_low_s": "low_h", "mae_high_s": "high_h"}
    opened = scores[scores["population"] == OPEN]
    table: dict[str, Any] = {
        model: {
            name: (rows[column] / SECONDS_PER_HOUR).tolist() for column, name in columns.items()
        }
        for model, rows in opened.groupby("model", sort=False)
    }
    of_champion = opened[opened["is_champion"]]
    days = of_champion["day"].dt.strftime("%Y-%m-%d").tolist()
    return {"days": days, "incidents": of_champion["incidents"].tolist(), "models": table}


def _calibration(evaluated: Evaluated, model: str) -> Records:
    """Quantiles of the actual time, and of the error, in bins of the predicted time."""
    rows = evaluated.open_rows()
    rows = rows[rows[model].notna()]
    predicted, actual = rows[model] / SECONDS_PER_HOUR, rows["target_s"] / SECONDS_PER_HOUR
    if rows.empty:
        return []
    values = predicted.unique()
    code = (
        predicted.rank(method="dense").astype("int64")
        if len(values) <= BINS
        else pd.qcut(predicted, BINS, labels=False, duplicates="drop")
    )
    records = []
    for _, place in rows.groupby(code.to_numpy()).indices.items():
        if len(place) < FEWEST_ROWS:
            continue
        record = {"num_obs": len(place), "predicted_h": float(predicted.iloc[place].mean())}
        for name, values in (("actual", actual), ("error", predicted - actual)):
            quantiles = values.iloc[place].quantile(list(QUANTILES))
            record |= {f"{name}_p{q * 100:.0f}_h": float(v) for q, v in quantiles.items()}
        records.append(record)
    return records


def _in_hours(table: pd.DataFrame) -> Records:
    return [_hours_of(record) for record in table.to_dict("records")]


def _hours_of(record: Mapping[Any, Any]) -> dict[str, Any]:
    """Seconds as hours, and the names with them."""
    return {
        (f"{name[:-2]}_h" if str(name).endswith("_s") else str(name)): (
            value / SECONDS_PER_HOUR if str(name).endswith("_s") and value is not None else value
        )
        for name, value in record.items()
    }


def _without_nan(value: Any) -> Any:
    """The document with null for NaN, which JSON does not have, and Python's own numbers."""
    if isinstance(value, Mapping):
        return {str(name): _without_nan(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_nan(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
