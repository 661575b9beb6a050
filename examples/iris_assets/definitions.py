"""The code location: two jobs; the second starts by itself after the first."""

import os

import dagster as dg

from examples.files import TemplatedIOManager
from examples.iris_assets.assets import ASSETS, ENGINEERING, SCIENCE

data_engineering = dg.define_asset_job(
    "data_engineering",
    selection=dg.AssetSelection.groups(ENGINEERING),
    description="Loads the flowers, encodes their classes and splits them.",
)
data_science = dg.define_asset_job(
    "data_science",
    selection=dg.AssetSelection.groups(SCIENCE),
    description="Fits a model on the training flowers and judges it by the test flowers.",
)
flowers = dg.define_asset_job(  # not `iris`: that is an asset
    "flowers",
    selection=dg.AssetSelection.groups(ENGINEERING, SCIENCE),
    description="Both jobs as one.",
)


def load_definitions() -> dg.Definitions:
    """The definitions for the environment's settings (IRIS_STORE)."""
    store = os.environ.get("IRIS_STORE", "var/iris/store")
    return dg.Definitions(
        assets=ASSETS,
        jobs=[data_engineering, data_science, flowers],
        sensors=[
            dg.AutomationConditionSensorDefinition(
                "science_when_engineering_is_fresh",
                target=dg.AssetSelection.groups(SCIENCE),
                default_status=dg.DefaultSensorStatus.RUNNING,
                description="Materializes the assets of data science whenever their data are new.",
            )
        ],
        resources={"io_manager": TemplatedIOManager(store=store)},
        executor=dg.in_process_executor,
    )


defs = load_definitions()  # read at import: Dagster looks for a module global
