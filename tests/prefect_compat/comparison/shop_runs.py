"""The shop, run by one side of a comparison in this process."""

from pathlib import Path

import dagster as dg

from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.derived_flow import record_prefect
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project
from tests.prefect_compat.comparison.shop import JOB, Shop, build

DAY = "2016-05-03"
SIDES = ("dagster", "prefect")


def run(side: str, root: Path, shop: Shop, partition: str = DAY) -> Record:
    """Returns one side's record of a day; the side stores below `root`."""
    task = SideTask(Project("the shop"), JobChoice(JOB), partition, "{}", record="", home=str(root))
    defs = build(root / "store", shop)
    if side == "prefect":
        return record_prefect(defs, task, Meter())
    with dg.DagsterInstance.ephemeral() as instance:
        return record_dagster(defs, task, instance, Meter())
