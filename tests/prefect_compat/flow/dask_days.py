"""The job of `dask_project`, which can be made to go wrong, stored as JSON."""

import dagster as dg

from tests.prefect_compat.graphs import JsonStore
from tests.ticket_assets.upstream_fixes.dask_project import first, second, third

defs = dg.Definitions(
    [first, second, third],
    jobs=[dg.define_asset_job("the_job")],
    resources={"io_manager": JsonStore(root=dg.EnvVar("DASK_DAYS_STORE"))},
)
