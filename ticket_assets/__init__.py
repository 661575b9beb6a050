"""The daily evaluation of a closing-time prediction, as Dagster assets."""

import warnings

# What Dagster 1.13 marks as beta or preview and this package uses on purpose; named one by one,
# so that a new warning is seen.
for _message in (
    "Parameter `backfill_policy` of function `asset`",
    "Function `observable_source_asset`",
    "Specifying a partitions_def on an AssetCheckSpec",
):
    warnings.filterwarnings("ignore", message=_message)
