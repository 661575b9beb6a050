"""The data products: thin asset functions around `evaluation`.

Each daily asset takes and returns one table that covers all the days of the run.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr, SecretStr

from ticket_assets import previews
from ticket_assets.addresses import holds_secret, printable
from ticket_assets.catalog import (
    column_lineage,
    column_schema,
    log_facts,
    materialized,
    metric_facts,
    model_score_facts,
    table_facts,
)
from ticket_assets.days import days_of_run, to_keys
from ticket_assets.declarations import Declaration, declare
from ticket_assets.errors import (
    DataError,
    PartitionError,
    SettingError,
    SourceError,
    TicketAssetsError,
)
from ticket_assets.evaluation.features import FEATURES
from ticket_assets.evaluation.keys import KEY_COLUMNS
from ticket_assets.evaluation.model_scores import SCORE_COLUMNS, joined_rows, score_models
from ticket_assets.evaluation.models import (
    TRAINED,
    PriorityHours,
    identity_of,
    predict,
    predicted_table,
)
from ticket_assets.evaluation.named_models import load_model
from ticket_assets.evaluation.populations import ALL
from ticket_assets.evaluation.sample import draw_sample
from ticket_assets.evaluation.scores import (
    score,
    target_seconds,
)
from ticket_assets.evaluation.summary import Provenance, model_of, summarise
from ticket_assets.evaluation.training import (
    BATCH_COLUMNS,
    FIRST_OFFSET,
    column_of,
    predict_trained,
    seconds_of,
    train,
    trained_version,
)
from ticket_assets.event_log import DownloadLimits, LiveLog, Log, open_log
from ticket_assets.event_log.live import LiveFile, list_files
from ticket_assets.event_log.schema import COLUMNS
from ticket_assets.history import read_history
from ticket_assets.late_rows import late_rows
from ticket_assets.settings import Settings
from ticket_assets.store.digests import content_digests
from ticket_assets.store.io_manager import DailyStore
from ticket_assets.store.provenance import provenance_of, with_provenance
from ticket_assets.store.tables import LargeTable, Table, to_frame

OWNERS = ["team:service-desk-analytics"]
if TYPE_CHECKING:
    LogTable = Table
else:  # Dagster checks values against an annotation at run time, but not against a union.
    LogTable = dg.PythonObjectDagsterType((pd.DataFrame, LargeTable), name="LogTable")
PREVIEW_COLUMNS = ["number", "incident_state", "priority", "sys_updated_at", "closed_at"]


class EventLog(dg.ConfigurableResource["EventLog"]):
    """The incident event log: fetched once, parsed once, read by day."""

    # Dagster records a resource's configuration, shows it, and makes each run's copy of the
    # resource from it; private attributes do not reach the copy (1.13). So `source` is the address
    # without its secrets. `address` is the whole address, as a dependency: the copy gets the same
    # object, and Dagster writes it nowhere. A `source` in a run's configuration replaces both.
    source: str = Field(
        description="sample, uci, an http(s):// or s3:// address, a path, or a live log's folder"
    )
    address: dg.ResourceDependency[SecretStr]
    cache: str = Field(description="folder of the downloads and the parsed log")
    dask: str = Field(default="", description="cluster that parses a large log; see TICKET_DASK")
    timeout_s: float = 30.0
    attempts: int = 4
    limit_mb: int = 4096

    _opened: Log | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, settings: Settings) -> "EventLog":
        """The log named by the settings."""
        return cls(
            source=printable(settings.event_log),
            address=SecretStr(settings.event_log),
            cache=str(settings.cache),
            dask=settings.dask,
            timeout_s=settings.download_timeout_s,
            attempts=settings.download_attempts,
            limit_mb=settings.download_limit_mb,
        )

    def _real_address(self) -> str:
        known = self.address.get_secret_value()
        if self.source == printable(known):
            return known
        if "://" in self.source and holds_secret(self.source):
            raise SourceError(
                f"The run's configuration, event_log.source: found {printable(self.source)} with a"
                " user, a password or a query; expected an address without secrets, because"
                " Dagster records a run's configuration. Set TICKET_EVENT_LOG to the whole address"
                " instead, and renew its secret."
            )
        return self.source

    def open(self, log: logging.Logger | logging.LoggerAdapter[Any]) -> Log:
        """The parsed log; the first call of a run fetches and parses it if needed."""
        if self._opened is None:
            self._opened = open_log(
                self._real_address(),
                cache=Path(self.cache),
                limits=self._limits,
                log=log.info,
                dask=self.dask,
            )
        return self._opened

    def list_files(self) -> tuple[LiveFile, ...]:
        """The files of a live log; none of them is read."""
        return list_files(self._real_address(), self._limits)

    @property
    def _limits(self) -> DownloadLimits:
        return DownloadLimits(
            timeout_s=self.timeout_s, attempts=self.attempts, limit_mb=self.limit_mb
        )

    def read(self, log: dg.DagsterLogManager, first_day: date, last_day: date) -> Table:
        """The rows of these days, both included, ordered by day and `log_row`."""
        if self.dask:
            return self.open(log).read_large(first_day, last_day, self.dask)
        return to_frame(self.open(log).read(first_day, last_day))


class Evaluation(dg.ConfigurableResource["Evaluation"]):
    """What is evaluated, unless a run's configuration says otherwise: the settings' choice."""

    model: str = Field(description="the model; see TICKET_MODEL")
    population: str = Field(description="the rows that are sampled; see TICKET_POPULATION")
    mae_limit_h: float | None = Field(
        default=None, description="the error that is too large; see TICKET_MAE_LIMIT_H"
    )

    @classmethod
    def of(cls, settings: Settings) -> "Evaluation":
        return cls(
            model=settings.model,
            population=settings.population,
            mae_limit_h=settings.mae_limit_h,
        )


class SampledBatchConfig(dg.Config):
    """The size and the seed of each day's batch."""

    batch_size: int = Field(
        default=1000, ge=1, description="rows drawn from each day; all of a day that has fewer"
    )
    seed: int = Field(default=498, ge=0, description="with the day, decides which rows are drawn")
    population: str = Field(
        default="", description="all, or open: without Closed rows; empty: TICKET_POPULATION"
    )


def _hours(default: float, priority: str) -> Any:
    description = f"hours predicted for {priority[0].lower()}{priority[1:]}"
    return Field(default=default, gt=0, title=f"{priority}, hours", description=description)


class PredictionsConfig(dg.Config):
    """The model, and the hours that `priority-hours` predicts to closing."""

    model: str = Field(default="", description="the model; empty: TICKET_MODEL")

    critical_h: float = _hours(PriorityHours.critical, "1 - Critical")
    high_h: float = _hours(PriorityHours.high, "2 - High")
    moderate_h: float = _hours(PriorityHours.moderate, "3 - Moderate")
    low_h: float = _hours(PriorityHours.low, "4 - Low")
    other_h: float = _hours(PriorityHours.other, "Any other priority")

    def hours(self) -> PriorityHours:
        return PriorityHours(
            critical=self.critical_h,
            high=self.high_h,
            moderate=self.moderate_h,
            low=self.low_h,
            other=self.other_h,
        )


@contextmanager
def refusals_are_final() -> Iterator[None]:
    """Fails the step without a retry on our own errors: they name what to correct first."""
    try:
        yield
    except TicketAssetsError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


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


def daily_asset(
    **options: Any,
) -> Callable[[Callable[..., Any]], Declaration[dg.AssetsDefinition]]:
    """Declares a daily product: a run of many days is one call of its function."""
    return declare(
        dg.asset,
        is_daily=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ticket_evaluation",
        owners=OWNERS,
        **options,
    )


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


@daily_asset(kinds={"scikitlearn", "json"}, code_version="1")
def challenger(context: dg.AssetExecutionContext, event_log: EventLog) -> dg.MaterializeResult[Any]:
    """Models trained on incidents closed before the day: two medians and gradient boosting.

    They depend on the log and the day alone. So the rows come from the log and not from the store,
    which may lack some of the days before.
    """
    with refusals_are_final():
        days = days_of_run(context)
        log = event_log.open(context.log)
        documents = train(read_history(log, days), days)
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
    return table, origin, BATCH_COLUMNS[2:]


def predictions_for(settings: Settings) -> Declaration[dg.AssetsDefinition]:
    """`predictions` for the settings' model: only a trained one makes it wait for `challenger`."""
    if settings.model not in TRAINED:
        return predictions
    ins = predictions.options["ins"] | {"challenger": dg.AssetIn()}
    return replace(predictions, options={**predictions.options, "ins": ins})


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
        names = {column_of(model): model for model in TRAINED} | {"predicted_s": champion}
        rows = joined_rows(sampled_batch, targets, predictions, challenger_predictions, names)
    models = list(dict.fromkeys([champion, *TRAINED]))
    table = score_models(rows, models, champion, days_of_run(context))
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
    versions = {name: version(name) for name in ("ticket-assets", "pandas", "numpy")}
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
