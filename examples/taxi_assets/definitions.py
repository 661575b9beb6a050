"""The code location: tips over all files, and the most generous trip of each hour, two ways."""

import os
from pathlib import Path

import dagster as dg

from examples.files import TemplatedIOManager
from examples.notices import sensors
from examples.taxi_assets.assets import ASSETS, TripFiles, most_generous_trip_of_hour
from examples.taxi_assets.cluster import DaskCluster

hourly = dg.AssetSelection.assets(most_generous_trip_of_hour)
taxi = dg.define_asset_job(
    "taxi",
    selection=dg.AssetSelection.all() - hourly,
    description="The files, the tips by passengers, and the most generous trips, mapped.",
)
generous_hours = dg.define_asset_job(
    "generous_hours",
    selection=hourly,
    description="The most generous trip of one hour. Run `taxi` first: it makes the files.",
)


def load_definitions() -> dg.Definitions:
    """The definitions for the environment's settings (TAXI_STORE, TAXI_TRIPS, TAXI_DASK, ...)."""
    store = Path(os.environ.get("TAXI_STORE", "var/taxi/store"))
    return dg.Definitions(
        assets=ASSETS,
        jobs=[taxi, generous_hours],
        sensors=sensors([taxi, generous_hours]),
        resources={
            "source": TripFiles(
                pattern=os.environ.get("TAXI_TRIPS", ""),
                anonymous=os.environ.get("TAXI_S3_ANONYMOUS", "") == "1",
                folder=str(store / "trips"),
            ),
            "cluster": DaskCluster(address=os.environ.get("TAXI_DASK", "")),
            "io_manager": TemplatedIOManager(store=str(store), template="{asset}"),
            # Between the ops of the graph: any Python value, also from one process to another.
            "between_steps": dg.FilesystemIOManager(base_dir=str(store / "steps")),
        },
        executor=dg.in_process_executor,
    )


defs = load_definitions()  # read at import: Dagster looks for a module global
