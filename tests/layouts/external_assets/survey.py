import dagster as dg

rainfall = dg.AssetSpec("rainfall", group_name="met_office", kinds={"csv"})


@dg.observable_source_asset
def river() -> dg.DataVersion:
    return dg.DataVersion("3")


@dg.asset(deps=[rainfall, river])
def flood_risk() -> float:
    return 0.25


defs = dg.Definitions([rainfall, river, flood_risk])
