"""The jobs as Prefect flows, and a flow that runs both."""

import prefect

from examples.iris_assets.definitions import defs
from prefect_compat import as_flow

# Unchanged steps are served from the cache. Prints of the assets are in the flow run's log.
data_engineering, data_science = (
    as_flow(defs, job=job, caches_results=True, makes_artifacts=True).with_options(log_prints=True)
    for job in ("data_engineering", "data_science")
)


@prefect.flow(
    name="iris",
    description="Data engineering, then data science, each as a subflow. Under Dagster, the"
    " automation condition does this.",
)
def iris(test_data_ratio: float = 0.2) -> float:
    """The share of recognised test flowers."""
    data_engineering(split={"test_data_ratio": test_data_ratio})
    result = data_science()
    (judged,) = (m for m in result.materializations if m.output.asset_key == ("accuracy",))
    return float(judged.metadata["accuracy"].value)
