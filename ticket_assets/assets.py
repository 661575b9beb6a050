"""The data products: thin asset functions around `evaluation`.

Each daily asset takes and returns one table that covers all the days of the run.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from ticket_assets import VERSION, previews
from ticket_assets.catalog import (
    column_lineage,
    column_schema,
    log_facts,
    materialized,
    metric_facts,
    table_facts,
)
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.declarations import (
    LogTable,
    daily_asset,
    declare,
    refusals_are_final,
)
from ticket_assets.errors import (
    PartitionError,
)
from ticket_assets.evaluation.populations import ALL
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.scores import (
    score,
    target_seconds,
)
from ticket_assets.evaluation.summary import Provenance, summarise
from ticket_assets.event_log import LiveLog, Log
from ticket_assets.event_log.schema import COLUMNS
from ticket_assets.late_rows import late_rows
from ticket_assets.model_assets import challenger, challenger_predictions, model_scores, predictions
from ticket_assets.resources import Evaluation, EventLog, SampledBatchConfig
from ticket_assets.store.digests import content_digests
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.provenance import provenance_of, with_provenance

PREVIEW_COLUMNS = ["number", "incident_state", "priority", "sys_updated_at", "closed_at"]


@declare(
    dg.observable_source_asset,  # type: ignore[arg-type]  # its overloads
    is_daily=False,
    group_name="source",
    description="The incident event log: one row per update of an incident. Its data version is"
    " the sha256 of the CSV. `sample` is synthetic; `uci` is UCI data set 498.",
)
def event_log(context: dg.OpExecutionContext, event_log: EventLog) -> dg.DataVersion:
    """The sha256 of the log's CSV."""
    return dg.DataVersion(event_log.open(context.log).identity.sha256)


@daily_asset(
    deps=["event_log"],
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata={
        **column_schema(**{c.name: (c.dtype, c.description) for c in COLUMNS}),
        "large": True,  # it has every row of the log and may not fit in memory
    },
    # Helps against a passing fault of disk or network; `refusals_are_final` excepts our own errors.
    retry_policy=dg.RetryPolicy(max_retries=1, delay=1),
)
def raw_log(
    context: dg.AssetExecutionContext, event_log: EventLog, io_manager: dg.ResourceParam[DailyStore]
) -> dg.MaterializeResult[LogTable]:
    """All event rows of the incidents closed that day, typed, with every column."""
    with refusals_are_final():
        days = days_of_run(context)
        log = event_log.open(context.log)
        _check_days(log, days)
        rows = event_log.read(context.log, days[0].date(), days[-1].date())
    source = Path(log.identity.source).name
    rows = with_provenance(
        rows,
        {
            key: {"log_source": source, "log_sha256": log.sha256_of_day(key)}
            for key in to_keys(days)
        },
    )
    facts = table_facts(context, rows, PREVIEW_COLUMNS, distinct={"incidents": "number"})
    if isinstance(log, LiveLog):
        facts = late_rows(io_manager, "raw_log", facts, context.log)
    return materialized(context, rows, facts, {})


def _check_days(log: Log, days: pd.DatetimeIndex) -> None:
    outside = [key for key in to_keys(days) if not str(log.first_day) <= key <= str(log.last_day)]
    if outside:
        raise PartitionError(
            f"{log.identity.location}: {log.span}, so {outside[0]} ({len(outside)} of the run's"
            f" {len(days)} days) lies outside. Choose days of the log; TICKET_FIRST_DAY and"
            " TICKET_LAST_DAY set the partitions."
        )


@daily_asset(
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata=column_schema(**{c.name: (c.dtype, c.description) for c in COLUMNS}),
)
def sampled_batch(
    context: dg.AssetExecutionContext,
    config: SampledBatchConfig,
    evaluation: Evaluation,
    raw_log: LogTable,
) -> dg.MaterializeResult[pd.DataFrame]:
    """At most `batch_size` rows of each day, drawn without replacement from (seed, day) alone."""
    population = config.population or evaluation.population
    with refusals_are_final():
        batch = draw_sample(raw_log, config.batch_size, config.seed, population)
    origin: dict[str, Any] = {"batch_size": config.batch_size, "seed": config.seed}
    if population != ALL:
        origin["population"] = population
    batch = with_provenance(batch, provenance_of(raw_log), **origin)
    lineage = {column: (f"raw_log.{column}",) for column in batch.columns}
    facts = table_facts(context, batch, PREVIEW_COLUMNS)
    return materialized(context, batch, facts, column_lineage(**lineage))


@daily_asset(
    ins={
        # The store's IO manager reads only these columns.
        "sampled_batch": dg.AssetIn(
            metadata={"columns": ["day", "log_row", "sys_updated_at", "closed_at"]}
        )
    },
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata=column_schema(target_s=("float64", "Seconds from sys_updated_at to closed_at.")),
)
def targets(
    context: dg.AssetExecutionContext, sampled_batch: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """The time that each sampled row's ticket still took to close, in seconds."""
    table = target_seconds(sampled_batch)
    table = with_provenance(table, provenance_of(sampled_batch))
    facts = table_facts(context, table, ["log_row", "target_s"])
    lineage = column_lineage(target_s=("sampled_batch.closed_at", "sampled_batch.sys_updated_at"))
    return materialized(context, table, facts, lineage)


@daily_asset(
    kinds={"pandas", "parquet"},
    code_version="1",
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn("day", "date", "Calendar day of closed_at."),
                dg.TableColumn("num_obs", "int64", "Rows scored."),
                dg.TableColumn("mae_s", "float64", "Mean absolute error, seconds."),
                dg.TableColumn("medae_s", "float64", "Median absolute error, seconds."),
                dg.TableColumn("mse_s2", "float64", "Mean squared error, seconds squared."),
                dg.TableColumn("r2", "float64", "Coefficient of determination."),
            ]
        )
    },
)
def metrics(
    context: dg.AssetExecutionContext, targets: pd.DataFrame, predictions: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """The errors of each day's predictions: one row a day, with nulls for a day without tickets."""
    with refusals_are_final():
        table = score(targets, predictions, days_of_run(context))
    table = with_provenance(table, provenance_of(targets), provenance_of(predictions))
    errors = ("mae_s", "medae_s", "mse_s2", "r2")
    sources = ("targets.target_s", "predictions.predicted_s")
    of_run: dict[str, Any] = {**column_lineage(**dict.fromkeys(errors, sources))}
    if len(table) > 1:  # one day has no trend, and matplotlib takes 0.7 s
        of_run["trend"] = previews.error_trend(table)
    return materialized(context, table, metric_facts(table), of_run)


@daily_asset(
    kinds={"json"},
    code_version="2",
)
def trial_summary(
    context: dg.AssetExecutionContext,
    targets: pd.DataFrame,
    metrics: pd.DataFrame,
    model_scores: pd.DataFrame,
) -> dg.MaterializeResult[Any]:
    """The day's trial as one JSON document: its figures and their provenance."""
    versions = {
        "ticket-assets": VERSION,
        **{name: version(name) for name in ("pandas", "numpy")},
    }
    origins = {
        key: Provenance.of(key, origin, versions) for key, origin in provenance_of(metrics).items()
    }
    documents = summarise(targets, metrics, model_scores, origins)
    digests = content_digests(documents, list(documents))
    facts = {
        key: {
            "summary": dg.MetadataValue.json(document),
            "num_obs": document["data"]["num_obs"],
            "content_sha256": digests[key],
            **log_facts(document["provenance"]),
        }
        for key, document in documents.items()
    }
    context.log.info("\n".join(json.dumps(document) for document in documents.values()))
    return materialized(context, documents, facts, {})


DAILY_ASSETS = [
    raw_log,
    sampled_batch,
    targets,
    predictions,
    metrics,
    challenger,
    challenger_predictions,
    model_scores,
    trial_summary,
]
