"""The reports over all days that are evaluated so far."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg
import pandas as pd

from ticket_assets import previews
from ticket_assets.declarations import OWNERS, Declaration, declare, refusals_are_final
from ticket_assets.errors import DataError
from ticket_assets.evaluation.alert_limits import AlertLimits
from ticket_assets.evaluation.drift import measure_drift
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.model_scores import joined_rows
from ticket_assets.evaluation.models import compared_with
from ticket_assets.evaluation.populations import OPEN
from ticket_assets.evaluation.report import ROW_COLUMNS, Evaluated, report_of
from ticket_assets.evaluation.scores import errors_by_month, errors_by_priority
from ticket_assets.evaluation.summary import model_of
from ticket_assets.report_page import as_html, as_markdown
from ticket_assets.resources import AlertLimitsConfig, Evaluation
from ticket_assets.store.digests import document_digest
from ticket_assets.store.encode import Report
from ticket_assets.store.provenance import provenance_of

ALL_DAYS = {"allow_missing_partitions": True}


def report_asset(
    **options: Any,
) -> Callable[[Callable[..., Any]], Declaration[dg.AssetsDefinition]]:
    """Declares a report over the days; see `daily_asset`."""
    return declare(
        dg.asset,
        is_daily=False,
        group_name="ticket_report",
        kinds={"pandas", "json"},
        owners=OWNERS,
        code_version="1",
        **options,
    )


@report_asset(
    ins={
        "metrics": dg.AssetIn(metadata=ALL_DAYS),
        "targets": dg.AssetIn(metadata=ALL_DAYS),
        "predictions": dg.AssetIn(metadata=ALL_DAYS),
    },
)
def performance_report(
    context: dg.AssetExecutionContext,
    metrics: pd.DataFrame,
    targets: pd.DataFrame,
    predictions: pd.DataFrame,
) -> dg.MaterializeResult[Any]:
    """The trend over all evaluated days: error by month and by priority, drift."""
    by_priority = errors_by_priority(targets, predictions)
    by_month = errors_by_month(metrics)
    drift = measure_drift(metrics)
    document = {
        "first_day": str(metrics["day"].min().date()),
        "last_day": str(metrics["day"].max().date()),
        "days": len(metrics),
        "empty_days": int((metrics["num_obs"] == 0).sum()),
        "num_obs": int(metrics["num_obs"].sum()),
        "drift": asdict(drift) | {"ratio": drift.ratio},
        "by_priority": _records(by_priority),
        "by_month": _records(by_month),
    }
    facts: dict[str, Any] = {
        "days": document["days"],
        "num_obs": document["num_obs"],
        "trend": previews.error_trend(metrics),
        "error_by_priority": previews.error_by_priority(by_priority),
        "by_priority": previews.markdown_table(by_priority, rows=10),
        "by_month": previews.markdown_table(by_month, rows=24),
    }
    version = dg.DataVersion(document_digest(document))
    return dg.MaterializeResult(value=document, metadata=facts, data_version=version)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON objects, with null for a missing value."""
    records: list[dict[str, Any]] = (
        # As objects first: a column of floats would turn None into NaN again.
        table.astype(object).where(table.notna(), None).to_dict("records")
    )
    return records


@report_asset(
    ins={
        "sampled_batch": dg.AssetIn(
            metadata={
                **ALL_DAYS,
                "columns": list(
                    dict.fromkeys([*KEY_COLUMNS, "number", "incident_state", *ROW_COLUMNS])
                ),
            }
        ),
        **{
            name: dg.AssetIn(metadata=ALL_DAYS)
            for name in ("targets", "predictions", "challenger_predictions", "model_scores")
        },
    },
)
def evaluation_report(
    context: dg.AssetExecutionContext,
    config: AlertLimitsConfig,
    evaluation: Evaluation,
    sampled_batch: pd.DataFrame,
    targets: pd.DataFrame,
    predictions: pd.DataFrame,
    challenger_predictions: pd.DataFrame,
    model_scores: pd.DataFrame,
) -> dg.MaterializeResult[Any]:
    """Is the model any good, for whom, and is it getting worse? A page, figures as JSON, alerts.

    It covers the days that the present model has predicted: those of another model before are left
    out.
    """
    champions = {
        day: model_of(origin)["name"] for day, origin in provenance_of(predictions).items()
    }
    champion = champions[max(champions)]
    days = pd.DatetimeIndex(model_scores["day"].unique())
    days = days[[champions.get(str(day.date())) == champion for day in days]]
    tables = (sampled_batch, targets, predictions, challenger_predictions)
    with refusals_are_final():
        rows = _rows_of(days, *tables, champion)
    models = tuple(compared_with(champion))
    scores = model_scores[model_scores["day"].isin(days)]
    limits = config.limits(AlertLimits.of(evaluation.alert_limits))
    document = report_of(Evaluated(rows, days, models, champion), scores, limits)
    markdown = as_markdown(document)
    firing = [alert for alert in document["alerts"] if alert["fires"]]
    facts: dict[str, Any] = {
        "summary": dg.MetadataValue.md(markdown),
        "model": champion,
        "days": document["days"],
        "num_obs": document["num_obs"],
        **_recent_error(document),
        "firing_alerts": len(firing),
        "alerts": dg.MetadataValue.json([alert["description"] for alert in firing]),
        "new_alerts": dg.MetadataValue.json(
            [alert["description"] for alert in firing if alert["is_new"]]
        ),
    }
    return dg.MaterializeResult(
        value=Report(document, {".html": as_html(document, limits), ".md": markdown}),
        metadata=facts,
        data_version=dg.DataVersion(document_digest(document)),
    )


def _recent_error(document: Mapping[str, Any]) -> dict[str, float]:
    """The figure of the model that the UI plots over the reports; none without recent rows."""
    for record in document["models"]:
        period, population = record["period"], record["population"]
        if record["is_champion"] and (period, population) == ("recent", OPEN):
            return {"recent_mae_h": record["mae_h"]}
    return {}


def _rows_of(
    days: pd.DatetimeIndex,
    batch: pd.DataFrame,
    targets: pd.DataFrame,
    predictions: pd.DataFrame,
    trained: pd.DataFrame,
    champion: str,
) -> pd.DataFrame:
    """The rows of these days with their targets and each model's predictions.

    Raises DataError unless the tables are about the same rows.
    """
    batch, targets, predictions, trained = (
        table[table["day"].isin(days)].reset_index(drop=True)
        for table in (batch, targets, predictions, trained)
    )
    for name, table in (("targets", targets), ("challenger_predictions", trained)):
        if not table[KEY_COLUMNS].equals(batch[KEY_COLUMNS]):
            raise DataError(
                f"{name} ({len(table)} rows) and sampled_batch ({len(batch)} rows) are not about"
                " the same tickets. Materialize both again for the days of the report."
            )
    return joined_rows(batch, targets, predictions, trained, champion).assign(
        **{column: batch[column] for column in ROW_COLUMNS}
    )
