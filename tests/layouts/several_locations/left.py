import dagster as dg


@dg.asset
def of_left() -> str:
    return "left"
