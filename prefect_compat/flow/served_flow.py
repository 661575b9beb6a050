"""The flow of the job that the environment names: what `prefect-compat serve` lets Prefect load.

Prefect starts a process for each flow run and loads the flow in it by this module's name.
"""

import os

from prefect_compat.flow.build import build_flow
from prefect_compat.graph.job_source import SERVED, SERVING_PID, JobSource, from_served
from prefect_compat.signals import GRACE_S, follow_parent

# The serving process imports this module too, for the deployment, and has another parent.
if os.getppid() == int(os.environ.get(SERVING_PID, "0")):
    follow_parent(GRACE_S)

project, choice = from_served(os.environ[SERVED])
flow = build_flow(JobSource(project, choice), makes_artifacts=True)
