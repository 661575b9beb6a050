"""The jobs as Prefect flows; who is told of the tickets' runs is told of these too."""

from examples.taxi_assets.definitions import defs
from prefect_compat import as_flow
from prefect_compat.ticket_flow import tell

taxi, generous_hours = (
    as_flow(defs, job=job, makes_artifacts=True).with_options(
        on_completion=[tell], on_failure=[tell], on_crashed=[tell]
    )
    for job in ("taxi", "generous_hours")
)
