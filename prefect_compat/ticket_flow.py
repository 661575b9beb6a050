"""Our own job as a Prefect flow: the entry point for deployments (`ticket_flow.py:flow`).

The one file of this package that knows the tickets.
"""

from prefect_compat.flow import as_flow
from ticket_assets.definitions import defs

flow = as_flow(defs, job="ticket_model_evaluation")
report_flow = as_flow(defs, job="ticket_performance_report")
