import dagster as dg


@dg.asset
def entries() -> list[float]:
    return [12.5, -3.0, 7.25]


@dg.asset
def balance(entries: list[float]) -> float:
    return sum(entries)


@dg.repository
def ledger() -> list[object]:
    return [entries, balance, dg.define_asset_job("books")]
