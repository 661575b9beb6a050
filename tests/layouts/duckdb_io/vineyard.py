import dagster as dg
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager


@dg.asset
def rows_of_vines() -> pd.DataFrame:
    return pd.DataFrame({"row": [1, 2, 3], "vines": [40, 38, 41]})


@dg.asset
def vines(rows_of_vines: pd.DataFrame) -> pd.DataFrame:
    return rows_of_vines[["vines"]].sum().to_frame("total")


defs = dg.Definitions(
    [rows_of_vines, vines],
    resources={"io_manager": DuckDBPandasIOManager(database="vineyard.duckdb")},
)
