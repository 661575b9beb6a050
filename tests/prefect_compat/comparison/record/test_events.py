"""Facts about one run alone are removed from its events."""

from pathlib import Path

import dagster as dg

from prefect_compat.comparison.record.events import EventReader
from prefect_compat.graph.job import read_plan


class Handle:
    """An object whose text says where in memory it lies."""


def test_the_message_of_an_exception_is_without_addresses_and_own_folders(tmp_path: Path) -> None:
    handle = Handle()

    @dg.asset
    def fails() -> None:
        raise OSError(f"{handle!r} of {tmp_path}/store cannot be opened")

    job = dg.Definitions([fails], jobs=[dg.define_asset_job("j")]).resolve_job_def("j")
    result = job.execute_in_process(raise_on_error=False)
    ((kind, message),) = EventReader(read_plan(job), [str(tmp_path)]).errors(result.all_events)
    assert kind == "OSError"
    name = f"{Handle.__module__}.{Handle.__qualname__}"
    assert message == f"OSError: <{name} object at 0x…> of …/store cannot be opened"
