"""`materialize` reports how its own run ended, whatever surrounds the call."""

import dagster as dg
import pytest

from prefect_compat import materialize

pytestmark = pytest.mark.usefixtures("prefect_server")


@dg.asset
def one() -> int:
    return 1


def test_a_run_within_an_except_block_succeeds() -> None:
    instance = dg.DagsterInstance.ephemeral()
    try:
        raise ValueError("an error of the caller's own, being handled")
    except ValueError:
        result = materialize([one], instance=instance)
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS


def test_a_resource_that_cannot_be_set_up_fails_the_run() -> None:
    @dg.resource
    def broken(_: dg.InitResourceContext) -> None:
        raise OSError("no such host")

    @dg.asset(required_resource_keys={"database"})
    def two() -> int:
        return 2

    instance = dg.DagsterInstance.ephemeral()
    with pytest.raises(dg.DagsterResourceFunctionError):
        materialize([two], instance=instance, resources={"database": broken})
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    (failure,) = [
        entry.get_dagster_event()
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    ]
    assert "An exception was thrown" in str(failure.message)
    assert "no such host" in failure.job_failure_data.error.to_string()
