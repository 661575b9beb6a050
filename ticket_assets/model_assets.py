"""The model and its challengers: what they predict for each sampled row, and their scores."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from ticket_assets.catalog import (
    column_lineage,
    column_schema,
    materialized,
    model_score_facts,
    table_facts,
)
from ticket_assets.days import days_of_run
from ticket_assets.declarations import Declaration, daily_asset, refusals_are_final
from ticket_assets.errors import DataError, SettingError
from ticket_assets.evaluation.boosting import COLUMNS
from ticket_assets.evaluation.features import FEATURES
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.model_scores import SCORE_COLUMNS, joined_rows, score_models
from ticket_assets.evaluation.models import (
    TRAINED,
    PriorityHours,
    column_of,
    compared_with,
    identity_of,
    predict,
    predicted_table,
)
from ticket_assets.evaluation.named_models import load_model
from ticket_assets.evaluation.summary import model_of
from ticket_assets.evaluation.training import (
    BATCH_COLUMNS,
    FIRST_OFFSET,
    predict_trained,
    seconds_of,
    train,
    trained_version,
)
from ticket_assets.resources import Evaluation, EventLog, PredictionsConfig
from ticket_assets.settings import Settings
from ticket_assets.store.digests import content_digests
from ticket_assets.store.provenance import provenance_of, with_provenance
from ticket_assets.training_rows import read_training_rows


@daily_asset(kinds={"scikitlearn", "json"}, code_version="1")
def challenger(context: dg.AssetExecutionContext, event_log: EventLog) -> dg.MaterializeResult[Any]:
    """Models trained on incidents closed before the day: two medians and gradient boosting.

    They depend on the log and the day alone. So the rows come from the log and not from the store,
    which may lack some of the days before.
    """
    with refusals_are_final():
        days = days_of_run(context)
        log = event_log.open(context.log)
        documents = train(read_training_rows(log, days), days)
    digests = content_digests(documents, list(documents))
    facts = {
        key: {
            "trained_on": dg.MetadataValue.json(document["medians"]["trained_on"]),
            "trees_trained_on": dg.MetadataValue.json(document["gradient_boosting"]["trained_on"]),
            "content_sha256": digests[key],
            "log_source": Path(log.identity.source).name,
            "log_sha256": log.sha256_of_day(key),
        }
        for key, document in documents.items()
    }
    return materialized(context, documents, facts, {})


def challenger_of_the_past() -> Declaration[dg.AssetsDefinition]:
    """`challenger` downstream of the days of `raw_log` that it is trained on."""
    # Not where it is declared: Dagster warns that the mapping's parameter is in beta.
    window = dg.TimeWindowPartitionMapping(
        start_offset=FIRST_OFFSET, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )
    deps = [dg.AssetDep("event_log"), dg.AssetDep("raw_log", partition_mapping=window)]
    return replace(challenger, options={**challenger.options, "deps": deps})


@daily_asset(
    ins={"sampled_batch": dg.AssetIn(metadata={"columns": list(BATCH_COLUMNS)})},
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata=column_schema(
        **{
            column_of(model): ("float64", f"Seconds predicted by {model}; null if not trained.")
            for model in TRAINED
        }
    ),
)
def challenger_predictions(
    context: dg.AssetExecutionContext,
    sampled_batch: pd.DataFrame,
    challenger: dict[str, dict[str, Any]],
) -> dg.MaterializeResult[pd.DataFrame]:
    """The time to closing that each trained model predicts for each sampled row, in seconds."""
    table = predict_trained(sampled_batch, challenger)
    table = with_provenance(table, provenance_of(sampled_batch))
    facts = table_facts(context, table, list(table.columns))
    sources = tuple(f"sampled_batch.{column}" for column in BATCH_COLUMNS)
    lineage = {column_of(model): sources for model in TRAINED}
    return materialized(context, table, facts, column_lineage(**lineage))


@daily_asset(
    ins={"sampled_batch": dg.AssetIn(metadata={"columns": [*KEY_COLUMNS, *FEATURES]})},
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata=column_schema(
        priority=("string", "The priority on which the prediction rests."),
        predicted_s=("float64", "Seconds predicted to closing."),
    ),
)
def predictions(
    context: dg.AssetExecutionContext,
    config: PredictionsConfig,
    evaluation: Evaluation,
    sampled_batch: pd.DataFrame,
    **trained: Any,
) -> dg.MaterializeResult[pd.DataFrame]:
    """The time to closing that the model predicts for each sampled row, in seconds.

    `trained` has the input `challenger` if TICKET_MODEL names a trained model.
    """
    name = config.model or evaluation.model
    with refusals_are_final():
        if name in TRAINED:
            table, origin, columns = _trained_predictions(sampled_batch, name, trained)
        else:
            model = load_model(name, config.hours())
            table, columns = predict(sampled_batch, model), tuple(model.columns)
            identity = {"model": identity_of(model)}
            if isinstance(model, PriorityHours):
                identity = {"hours": asdict(model)}
            origin = dict.fromkeys(provenance_of(sampled_batch), identity)
    table = with_provenance(table, provenance_of(sampled_batch), origin)
    facts = table_facts(context, table, ["log_row", "priority", "predicted_s"])
    lineage = column_lineage(
        predicted_s=tuple(f"sampled_batch.{column}" for column in columns),
        priority=("sampled_batch.priority",),
    )
    return materialized(context, table, facts, lineage)


def _trained_predictions(
    batch: pd.DataFrame, name: str, inputs: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]], tuple[str, ...]]:
    """The predictions of a trained model, each day's provenance, and the columns that it reads."""
    if "challenger" not in inputs:
        raise SettingError(
            f"predictions: the model {name} is trained by the asset challenger, on which they"
            f" depend only if the setting names such a model. Set TICKET_MODEL={name}."
        )
    documents = inputs["challenger"]
    table = predicted_table(batch, seconds_of(predict_trained(batch, documents), name))
    origin = {
        key: {"model": {"name": name, "version": version}}
        for key, version in trained_version(documents, name).items()
    }
    return table, origin, COLUMNS


def predictions_for(settings: Settings) -> Declaration[dg.AssetsDefinition]:
    """`predictions` for the settings' model: only a trained one makes it wait for `challenger`."""
    if settings.model not in TRAINED:
        return predictions
    ins = predictions.options["ins"] | {"challenger": dg.AssetIn()}
    return replace(predictions, options={**predictions.options, "ins": ins})


@daily_asset(
    ins={
        "sampled_batch": dg.AssetIn(
            metadata={"columns": [*KEY_COLUMNS, "number", "incident_state"]}
        )
    },
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(*column) for column in SCORE_COLUMNS]
        )
    },
)
def model_scores(
    context: dg.AssetExecutionContext,
    sampled_batch: pd.DataFrame,
    targets: pd.DataFrame,
    predictions: pd.DataFrame,
    challenger_predictions: pd.DataFrame,
) -> dg.MaterializeResult[pd.DataFrame]:
    """The model and the baselines side by side: errors with intervals that respect incidents.

    One row per day, population of rows (all, or open: without Closed rows) and model.
    """
    with refusals_are_final():
        champion = _champion(provenance_of(predictions))
    rows = joined_rows(sampled_batch, targets, predictions, challenger_predictions, champion)
    table = score_models(rows, compared_with(champion), champion, days_of_run(context))
    table = with_provenance(table, provenance_of(predictions))
    return materialized(context, table, model_score_facts(table), {})


def _champion(provenances: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of the model that made the predictions. Raises DataError if several did."""
    days_of: dict[str, str] = {}
    for day, origin in provenances.items():
        days_of.setdefault(model_of(origin)["name"], day)
    if len(days_of) > 1:
        found = ", ".join(f"{name} ({day})" for name, day in days_of.items())
        raise DataError(
            f"predictions: found those of several models: {found}; expected one model for all days"
            " of a run. Materialize predictions again for these days."
        )
    (name,) = days_of
    return name
