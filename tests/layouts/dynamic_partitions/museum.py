import dagster as dg

rooms = dg.DynamicPartitionsDefinition(name="rooms")


@dg.asset(partitions_def=rooms)
def paintings(context: dg.AssetExecutionContext) -> list[str]:
    return [f"{context.partition_key} {number}" for number in range(2)]


@dg.asset(partitions_def=rooms)
def count(paintings: list[str]) -> int:
    return len(paintings)


defs = dg.Definitions([paintings, count])
