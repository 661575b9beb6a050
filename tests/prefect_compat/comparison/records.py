"""A pair of equal records, and their parts, for tests that plant one difference."""

from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint
from prefect_compat.comparison.record.record import (
    Cost,
    Record,
    RecordedCheck,
    RecordedObservation,
    RecordedOutput,
    RecordedStep,
)
from prefect_compat.graph.ids import CheckId, OutputId, StepId


def output(asset: str, day: str | None, digest: str, kind: str = "table") -> RecordedOutput:
    return RecordedOutput(OutputId((asset,), day), Fingerprint(kind, digest, (2, 3)))


def check(passed: bool = True, severity: str = "ERROR") -> RecordedCheck:
    return RecordedCheck(CheckId(("a",), "is_good"), passed, severity)


SEEN = RecordedObservation(OutputId(("far",)), "v1", tags=(("tier", "1"),))


def record(orchestrator: str) -> Record:
    return Record(
        orchestrator,
        steps=(
            RecordedStep(0, StepId("a"), "succeeded", started_s=1.5, ended_s=2.5),
            RecordedStep(
                0,
                StepId("b"),
                "succeeded",
                (StepId("a"),),
                2,
                (1.0,),
                errors=(("ValueError", "not yet"),),
            ),
        ),
        outputs=(output("a", "2016-03-08", "aa"), output("b", None, "bb")),
        checks=(check(),),
        materialized=(("a", 1), ("b", 1)),
        cost=Cost(1.5),
        versions=(("python", "3.11"),),
        observations=(SEEN,),
        dynamic_partitions=(("colours", "added red"),),
        files=("a/1",),
        run_ids=("11",),
    )


DAGSTER, PREFECT = record("dagster"), record("prefect")
FIRST, SECOND = PREFECT.outputs
A, B = PREFECT.steps
