from collections.abc import Iterator

import dagster as dg


@dg.op(out=dg.DynamicOut())
def parcels(number: int) -> Iterator[dg.DynamicOutput[int]]:
    for weight in range(number):
        yield dg.DynamicOutput(weight, mapping_key=f"kg_{weight}")


@dg.op
def stamp(weight: int) -> float:
    return 1.5 + 0.5 * weight


@dg.op
def postage(stamps: list[float]) -> float:
    return sum(stamps)


@dg.job
def post() -> None:
    postage(parcels().map(stamp).collect())


defs = dg.Definitions(jobs=[post])
