"""The flow of the job that the environment names: what `prefect-compat serve` lets Prefect load.

Prefect starts a process for each flow run and loads the flow in it by this module's name.
"""

import os

from prefect_compat.flow.build import as_flow
from prefect_compat.graph.project import SERVED, SERVING_PID, from_served
from prefect_compat.signals import GRACE_S, follow_parent

# The serving process imports this module too, for the deployment, and has another parent.
if os.getppid() == int(os.environ.get(SERVING_PID, "0")):
    follow_parent(GRACE_S)

project, job = from_served(os.environ[SERVED])
flow = as_flow(project.load(), job=job, makes_artifacts=True)
