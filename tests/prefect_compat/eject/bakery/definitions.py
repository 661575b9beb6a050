"""The project: `daily` makes all assets of a day."""

import dagster as dg
from bakery import assets
from bakery.storage import CsvFiles

daily = dg.define_asset_job(
    "daily",
    partitions_def=assets.DAYS,
    config={"ops": {"orders": {"config": {"seed": 11}}}},
)

defs = dg.Definitions(
    assets=[
        assets.orders,
        assets.divide_orders,
        assets.totals,
        assets.trend,
        assets.closing_note,
        assets.report,
    ],
    asset_checks=[assets.pieces_are_positive, assets.large_orders_are_few],
    jobs=[daily],
    resources={"csv_files": CsvFiles(), "currency": assets.Currency(rate=1.25)},
)
