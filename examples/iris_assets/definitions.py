"""The code location: two jobs, the second of which starts by itself when the first has run."""

import os

import dagster as dg

from examples.files import TemplatedIOManager
from examples.iris_assets.assets import ASSETS, ENGINEERING, SCIENCE

data_engineering = dg.define_asset_job(
    "data_engineering",
    selection=dg.AssetSelection.groups(ENGINEERING),
    description="Loads the flowers, encodes their classes and divides them.",
)
data_science = dg.define_asset_job(
    "data_science",
    selection=dg.AssetSelection.groups(SCIENCE),
    description="Fits a model on the training flowers and judges it by the others.",
)
flowers = dg.define_asset_job(  # `iris` is the name of an asset
    "flowers",
    selection=dg.AssetSelection.groups(ENGINEERING, SCIENCE),
    description="Both jobs as one.",
)

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[data_engineering, data_science, flowers],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "science_when_engineering_is_fresh",
            target=dg.AssetSelection.groups(SCIENCE),
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Makes the assets of data science anew whenever their data are.",
        )
    ],
    resources={
        "io_manager": TemplatedIOManager(store=os.environ.get("IRIS_STORE", "var/iris/store")),
    },
    executor=dg.in_process_executor,
)
