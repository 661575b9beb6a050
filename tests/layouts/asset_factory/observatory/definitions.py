import dagster as dg

STARS = {"vega": 25.0, "altair": 16.7, "deneb": 2615.0}


def distance_of(star: str, light_years: float) -> dg.AssetsDefinition:
    @dg.asset(name=f"{star}_km", key_prefix=["stars"], group_name=star)
    def distance() -> float:
        return light_years * 9.4607e12

    return distance


@dg.asset(ins={star: dg.AssetIn(["stars", f"{star}_km"]) for star in STARS})
def farthest(**distances: float) -> str:
    return max(distances, key=lambda star: distances[star])


defs = dg.Definitions([*(distance_of(*entry) for entry in STARS.items()), farthest])
