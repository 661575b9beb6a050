import dagster as dg

from .tides import HEIGHTS_M


@dg.asset
def tides() -> list[float]:
    return list(HEIGHTS_M)


@dg.asset
def highest_tide(tides: list[float]) -> float:
    return max(tides)
