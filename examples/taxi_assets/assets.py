"""Thin asset functions around `trips`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from examples.taxi_assets import trips
from examples.taxi_assets.cluster import DaskCluster

GROUP = "taxi"
FIRST_DAY, DAYS = datetime(2019, 1, 1), 3
HOURS = dg.HourlyPartitionsDefinition(
    start_date="2019-01-01-00", end_date="2019-01-04-00", fmt=trips.HOUR_FORMAT
)
# One attempt in five meets a passing fault; six in a row do so once in 15,000 hours.
PATIENCE = dg.RetryPolicy(max_retries=5)


class TripFiles(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own generic
    """The source of the trips: real files, or a folder of generated ones."""

    pattern: str = Field(
        default="",
        description="path or s3:// address of CSV files, with `*`; without it, trips are generated",
    )
    anonymous: bool = Field(default=False, description="read S3 without credentials")
    folder: str = Field(description="folder of the generated files")

    def addresses(self, names: Sequence[str]) -> list[str]:
        """The files' paths or addresses; a bare name is a file in the folder."""
        return [name if "/" in name else str(Path(self.folder, name)) for name in names]

    def options(self) -> dict[str, Any]:
        """Options for fsspec; credentials and endpoint come from AWS's own settings."""
        return {"anon": True} if self.anonymous else {}

    def matching_files(self) -> list[str]:
        """The addresses of the files that match the pattern, sorted."""
        import fsspec

        scheme, separator, _ = self.pattern.partition("://")
        files = fsspec.filesystem(scheme if separator else "file", **self._s3_options())
        prefix = f"{scheme}://" if separator else ""
        return [f"{prefix}{name}" for name in sorted(files.glob(self.pattern))]

    def _s3_options(self) -> dict[str, Any]:
        return self.options() if self.pattern.startswith("s3://") else {}


class TripsConfig(dg.Config):
    """The number and the seed of generated trips."""

    rows_per_hour: int = Field(default=200, ge=1, description="trips an hour")
    seed: int = Field(default=0, ge=0, description="decides the trips")


class CleanConfig(dg.Config):
    """The seed of the planted faults."""

    seed: int = Field(default=0, ge=0, description="decides which attempts fail")


@dg.asset(group_name=GROUP, kinds={"csv"}, code_version="1")
def trip_files(config: TripsConfig, source: TripFiles) -> dg.MaterializeResult[list[str]]:
    """The files of trips: those that match the pattern, or generated ones, one a day."""
    folder = Path(source.folder)
    files = source.matching_files() if source.pattern else _generate(folder, config)
    if not files:
        raise dg.Failure(
            f"TAXI_TRIPS: no file matches {source.pattern}. Correct the pattern, or unset it to"
            " generate trips.",
            allow_retries=False,
        )
    return dg.MaterializeResult(value=files, metadata={"files": len(files)})


def _generate(folder: Path, config: TripsConfig) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for day in trips.days(FIRST_DAY, DAYS):
        path = folder / f"yellow_tripdata_{day:%Y-%m-%d}.csv"
        table = trips.generate(day, config.rows_per_hour, config.seed)
        unfinished = path.with_suffix(".tmp")
        table.to_csv(unfinished, index=False)
        unfinished.replace(path)
        written.append(path.name)
    return written


@dg.asset(group_name=GROUP, kinds={"dask", "parquet"}, code_version="1")
def tips_by_passengers(
    trip_files: list[str], source: TripFiles, cluster: DaskCluster
) -> dg.MaterializeResult[pd.DataFrame]:
    """The mean tip by the number of passengers, over all files, on a Dask cluster."""
    with cluster.client():
        table = trips.tips_by_passengers(
            trips.read_csv(source.addresses(trip_files), source.options())
        )
    shown = dg.MetadataValue.md("```text\n" + table.to_string(index=False) + "\n```")
    return dg.MaterializeResult(value=table, metadata={"tips": shown})


BETWEEN = "between_steps"


@dg.op(out=dg.DynamicOut(io_manager_key=BETWEEN))
def hours(trip_files: list[str], source: TripFiles) -> Iterator[dg.DynamicOutput[pd.DataFrame]]:
    """The trips of each hour."""
    options = source.options() or None
    for address in source.addresses(trip_files):
        table = pd.read_csv(
            address,
            usecols=trips.COLUMNS,
            dtype=trips.DTYPES,
            parse_dates=[trips.PICKUP, trips.DROPOFF],
            storage_options=options if "://" in address else None,
        )
        for hour, of_hour in trips.by_hour(table).items():
            yield dg.DynamicOutput(of_hour, mapping_key=hour.replace("-", "_"))


@dg.op(retry_policy=PATIENCE, out=dg.Out(io_manager_key=BETWEEN))
def clean(context: dg.OpExecutionContext, config: CleanConfig, of_hour: pd.DataFrame) -> Any:
    """The trips of the hour that have a tip."""
    hour = str(context.get_mapping_key()).replace("_", "-")
    return trips.clean(of_hour, hour, context.retry_number, config.seed)


@dg.op(out=dg.Out(io_manager_key=BETWEEN))
def best(tipped: pd.DataFrame) -> Any:
    """The most generous trip of the hour."""
    return trips.most_generous(tipped)


@dg.op
def collected(trips_of_hours: list[Any]) -> pd.DataFrame:
    """One row for each hour with a tip, in the order of the pickups."""
    table = pd.DataFrame([trip for trip in trips_of_hours if trip])
    return table.sort_values("pickup", ignore_index=True)


@dg.graph_asset(group_name=GROUP, kinds={"pandas", "parquet"})
def most_generous_trips(trip_files: list[str]) -> Any:
    """The most generous trip of each hour: one mapped branch cleans and searches each hour."""
    return collected(hours(trip_files).map(lambda of_hour: best(clean(of_hour))).collect())


@dg.asset(
    group_name=GROUP,
    kinds={"json"},
    partitions_def=HOURS,
    retry_policy=PATIENCE,
    code_version="1",
)
def most_generous_trip_of_hour(
    context: dg.AssetExecutionContext, config: CleanConfig, trip_files: list[str], source: TripFiles
) -> Any:
    """The same as partitions: each hour is stored, shown, failed and retried by itself."""
    hour = context.partition_key
    of_day = [name for name in trip_files if hour[:10] in name] or trip_files
    table = trips.read_csv(source.addresses(of_day), source.options()).compute()
    of_hour = trips.by_hour(table).get(hour, table.head(0))
    attempt = context.op_execution_context.retry_number
    return trips.most_generous(trips.clean(of_hour, hour, attempt, config.seed))


ASSETS = [trip_files, tips_by_passengers, most_generous_trips, most_generous_trip_of_hour]
