import dagster as dg


@dg.asset
def total(apples: int, pears: int) -> int:
    return apples + pears
