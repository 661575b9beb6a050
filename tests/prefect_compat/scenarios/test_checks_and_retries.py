"""Asset checks of every kind, observations; retries and failures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests import needs
from tests.prefect_compat.graphs import DAYS, project
from tests.prefect_compat.scenarios.agreement import agree

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_checks_of_every_kind(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def other() -> int:
            return 2

        @dg.asset(check_specs=[dg.AssetCheckSpec("inside", asset="thing")])
        def thing() -> Iterator[Any]:
            yield dg.Output(1)
            yield dg.AssetCheckResult(passed=True, metadata={"looked": 1})

        @dg.asset_check(asset=thing, additional_ins={"other": dg.AssetIn("other")})
        def with_another(thing: int, other: int) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=thing > other, severity=dg.AssetCheckSeverity.WARN)

        @dg.multi_asset_check(
            specs=[
                dg.AssetCheckSpec("first", asset="thing"),
                dg.AssetCheckSpec("second", asset="other"),
            ]
        )
        def several() -> Iterator[dg.AssetCheckResult]:
            yield dg.AssetCheckResult(passed=True, asset_key="thing", check_name="first")
            yield dg.AssetCheckResult(passed=False, asset_key="other", check_name="second")

        return project(root, [other, thing], [with_another, several])

    outcome = agree(tmp_path, build)
    assert [(name, check, passed) for name, check, passed, _ in outcome.checks] == [
        ("other", "second", False),
        ("thing", "first", True),
        ("thing", "inside", True),
        ("thing", "with_another", False),
    ]


@pytest.mark.parametrize("severity", list(dg.AssetCheckSeverity))
def test_a_blocking_check(tmp_path: Path, severity: dg.AssetCheckSeverity) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def thing() -> int:
            return 1

        @dg.asset_check(asset=thing, blocking=True)
        def gate() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=False, severity=severity)

        @dg.asset
        def after(thing: int) -> int:
            return thing

        @dg.asset
        def apart() -> int:
            return 1

        return project(root, [thing, after, apart], [gate])

    outcome = agree(tmp_path, build)
    assert ("after" in outcome.states) is (severity is dg.AssetCheckSeverity.WARN)
    assert outcome.states["apart"] == "Completed"


def test_a_check_of_a_partitioned_asset(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset(partitions_def=DAYS)
        def daily() -> int:
            return 1

        @dg.asset_check(asset=daily, **needs.check_partitions(DAYS))
        def looked_at(daily: int) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=daily == 1)

        return project(root, [daily], [looked_at])

    assert agree(tmp_path, build, partition="2016-05-10").checks[0][2] is True


def test_an_observable_source_asset_is_observed(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.observable_source_asset
        def watched() -> dg.DataVersion:
            return dg.DataVersion("5")

        @dg.multi_observable_source_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")])
        def pair() -> Iterator[dg.ObserveResult]:
            yield dg.ObserveResult("left", data_version=dg.DataVersion("l"))
            yield dg.ObserveResult("right", data_version=dg.DataVersion("r"))

        job = dg.define_asset_job("the_job", selection=[watched, pair])
        return dg.Definitions([watched, pair], jobs=[job])

    assert agree(tmp_path, build).states == {"watched": "Completed", "pair": "Completed"}


@pytest.mark.parametrize(
    "policy",
    [
        dg.RetryPolicy(max_retries=2),
        dg.RetryPolicy(max_retries=2, delay=0.01, backoff=dg.Backoff.LINEAR),
        dg.RetryPolicy(
            max_retries=2, delay=0.01, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
        ),
    ],
)
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_retry_policy(tmp_path: Path, policy: dg.RetryPolicy, failures: int) -> None:
    def build(root: Path) -> dg.Definitions:
        attempts: list[int] = []

        @dg.asset(retry_policy=policy)
        def flaky(context: dg.AssetExecutionContext) -> list[int]:
            attempts.append(context.retry_number)
            if len(attempts) <= failures:
                raise ValueError("not yet")
            return attempts

        return project(root, [flaky])

    outcome = agree(tmp_path, build)
    assert outcome.stored.get("flaky") == (list(range(failures + 1)) if failures < 3 else None)


def test_a_step_asks_for_a_retry_itself(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        attempts: list[int] = []

        @dg.asset
        def flaky() -> int:
            attempts.append(1)
            if len(attempts) < 4:
                raise dg.RetryRequested(max_retries=5, seconds_to_wait=0.01)
            return len(attempts)

        return project(root, [flaky])

    assert agree(tmp_path, build).stored == {"flaky": 4}


def test_a_failure_that_allows_no_retries(tmp_path: Path) -> None:
    attempts: list[str] = []

    def build(root: Path) -> dg.Definitions:
        @dg.asset(retry_policy=dg.RetryPolicy(max_retries=3))
        def hopeless() -> int:
            attempts.append(root.name)
            raise dg.Failure("never", allow_retries=False)

        return project(root, [hopeless])

    assert agree(tmp_path, build).states == {"hopeless": "Failed"}
    assert attempts == ["dagster", "prefect"]


def test_one_branch_fails_and_the_others_run(tmp_path: Path) -> None:
    def build(root: Path) -> dg.Definitions:
        @dg.asset
        def start() -> int:
            return 1

        @dg.asset
        def breaks(start: int) -> int:
            raise ValueError("no")

        @dg.asset
        def after_it(breaks: int) -> int:
            return 1

        @dg.asset
        def other_branch(start: int) -> int:
            return start

        @dg.asset
        def joins(other_branch: int, after_it: int) -> int:
            return 1

        return project(root, [start, breaks, after_it, other_branch, joins])

    assert agree(tmp_path, build).states == {
        "start": "Completed",
        "breaks": "Failed",
        "other_branch": "Completed",
    }
