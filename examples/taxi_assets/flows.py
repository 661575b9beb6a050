"""The jobs as Prefect flows, with a notice for each finished flow run."""

from examples.notices import flow_run_finished
from examples.taxi_assets.definitions import defs
from prefect_compat import as_flow

taxi, generous_hours = (
    as_flow(defs, job=job, makes_artifacts=True).with_options(
        on_completion=[flow_run_finished],
        on_failure=[flow_run_finished],
        on_crashed=[flow_run_finished],
    )
    for job in ("taxi", "generous_hours")
)
