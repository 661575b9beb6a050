import dagster as dg

days = dg.DailyPartitionsDefinition("2024-05-01", end_date="2024-05-04")
shops = dg.StaticPartitionsDefinition(["north", "south"])
by_both = dg.MultiPartitionsDefinition({"day": days, "shop": shops})


@dg.asset(partitions_def=by_both)
def sales(context: dg.AssetExecutionContext) -> int:
    keys = context.partition_key.keys_by_dimension
    return int(keys["day"][-2:]) * len(keys["shop"])


@dg.asset(partitions_def=by_both)
def doubled(sales: int) -> int:
    return 2 * sales


defs = dg.Definitions([sales, doubled])
