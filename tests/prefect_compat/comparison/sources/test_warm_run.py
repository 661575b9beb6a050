"""A second, warm run is timed; what is compared is of the first."""

from pathlib import Path

import dagster as dg
import pytest

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.dagster_job import record_dagster
from prefect_compat.comparison.sources.derived_flow import record_prefect
from prefect_compat.comparison.sources.meter import Meter
from prefect_compat.comparison.sources.side import SideTask
from prefect_compat.graph.job import JobChoice
from prefect_compat.graph.project import Project


def record(side: str, home: Path) -> Record:
    calls: list[int] = []

    @dg.asset
    def counted(context: dg.AssetExecutionContext) -> int:
        calls.append(1)
        context.add_asset_metadata({"calls": len(calls)})
        (home / "store" / f"call-{len(calls)}").touch()
        context.instance.add_dynamic_partitions("days", [f"day {len(calls)}"])
        return len(calls)

    defs = dg.Definitions(
        [counted],
        jobs=[dg.define_asset_job("the_job")],
        resources={"io_manager": dg.FilesystemIOManager(base_dir=str(home / "store"))},
    )
    (home / "store").mkdir(parents=True)
    task = SideTask(
        Project("p"), JobChoice("the_job"), None, "{}", record="", home=str(home), warm=True
    )
    if side == "prefect":
        found = record_prefect(defs, task, Meter())
    else:
        with dg.DagsterInstance.ephemeral() as instance:
            found = record_dagster(defs, task, instance, Meter())
    assert len(calls) == 2
    return found


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("side", ["dagster", "prefect"])
def test_contents_and_events_are_of_the_first_run(side: str, tmp_path: Path) -> None:
    found = record(side, tmp_path / side)
    (output,) = found.outputs
    assert output.fingerprint == fingerprint(1)
    assert output.metadata == (("calls", "int 1"),)
    assert found.dynamic_partitions == (("days", "added day 1"),)
    assert found.files == ("call-1", "counted")
    assert found.cost.warm_wall_s is not None
