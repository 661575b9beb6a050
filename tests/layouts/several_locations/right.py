import dagster as dg


@dg.asset
def of_right() -> str:
    return "right"


@dg.asset
def shouted(of_right: str) -> str:
    return of_right.upper()
