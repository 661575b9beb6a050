"""The flow of the job that the environment names: what `prefect-compat serve` lets Prefect load.

Prefect starts a process for each flow run and loads the flow in it by this module's name.
"""

import os

from prefect_compat.flow.build import build_flow
from prefect_compat.flow.task_runners import declared_runner
from prefect_compat.graph.job_source import SERVED, SERVING_PID, JobSource, from_served
from prefect_compat.signals import GRACE_S, follow_parent

# The serving process imports this module too, for the deployment, and has another parent.
if os.getppid() == int(os.environ.get(SERVING_PID, "0")):
    follow_parent(GRACE_S)

project, choice = from_served(os.environ[SERVED])
source = JobSource(project, choice)
# In a process that Prefect's runner has started, the import path of a pool's workers lacks this
# package (seen with Prefect 3.8.8), so the tasks of a served flow never run in a pool.
in_pool = declared_runner(source, {}).name == "processes"
flow = build_flow(source, task_runner="sequential" if in_pool else None, makes_artifacts=True)
