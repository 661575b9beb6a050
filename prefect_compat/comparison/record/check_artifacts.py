"""Reads check results that a flow has reported as table artifacts of Prefect."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import Artifact, State
from pydantic import BaseModel, Field, StrictBool, TypeAdapter, ValidationError

from prefect_compat.comparison.record.record import RecordedCheck
from prefect_compat.comparison.record.task_runs import subflows
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import CheckId

# The beginning of the keys of artifacts that report checks.
KEY = "check-"
COLUMNS = "asset, check, passed, and perhaps severity, partition, description"
SHOWN_FAULTS = 3


class CheckRow(BaseModel):
    """One check result in the rows of an artifact; other columns are not read."""

    asset: Annotated[str, Field(min_length=1)]
    check: Annotated[str, Field(min_length=1)]
    passed: StrictBool
    severity: Literal["ERROR", "WARN"] = "ERROR"
    partition: str | None = None
    description: str | None = None

    def recorded(self) -> RecordedCheck:
        return RecordedCheck(
            CheckId(tuple(self.asset.split("/")), self.check),
            self.passed,
            self.severity,
            self.partition,
            description=self.description,
        )


_ROWS = TypeAdapter(list[CheckRow])


def read_checks(state: State[Any]) -> tuple[RecordedCheck, ...] | None:
    """The check results that the flow run which ended in this state has reported, in their order.

    Those of its subflows and of all their task runs too; None if it made no artifact for checks.
    Raises ComparisonError for an artifact with other rows.
    """
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None  # a state of a flow run always has its id
    with get_client(sync_client=True) as client:
        ids = [flow_run_id, *(run.id for run in subflows(client, flow_run_id))]
        artifacts = list(_artifacts(client, ids))
    if not artifacts:
        return None
    # By their times: the API's order is that of random ids.
    artifacts.sort(key=lambda artifact: (str(artifact.created), str(artifact.key)))
    return tuple(check for artifact in artifacts for check in checks_of(artifact))


def _artifacts(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> Iterator[Artifact]:
    where = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=list(flow_run_ids)),
        key=ArtifactFilterKey(like_=f"{KEY}%"),
        type=ArtifactFilterType(any_=["table"]),
    )
    offset = 0
    while page := client.read_artifacts(artifact_filter=where, offset=offset):
        yield from page
        offset += len(page)


def checks_of(artifact: Artifact) -> tuple[RecordedCheck, ...]:
    """The check results in the rows of an artifact. Raises ComparisonError for other rows."""
    data = artifact.data
    try:
        rows = _ROWS.validate_python(json.loads(data) if isinstance(data, str) else data)
    except (ValidationError, json.JSONDecodeError) as error:
        raise ComparisonError(
            f"The artifact '{artifact.key}' does not hold check results: {_faults(error)}. Each row"
            f" is an object with {COLUMNS}. Correct the rows; an artifact of anything else needs a"
            f" key that does not begin with '{KEY}'."
        ) from error
    return tuple(row.recorded() for row in rows)


def _faults(error: ValidationError | json.JSONDecodeError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON ({error})"
    faults = [
        f"row {int(entry['loc'][0]) + 1}, {'.'.join(map(str, entry['loc'][1:])) or 'the row'}:"
        f" found {entry['input']!r}, {entry['msg'][:1].lower()}{entry['msg'][1:]}"
        if entry["loc"]
        else f"found {type(entry['input']).__name__}, expected a list of rows"
        for entry in error.errors(include_url=False)
    ]
    more = len(faults) - SHOWN_FAULTS
    return "; ".join(faults[:SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")


def merge_checks(
    flow_runs: Iterable[tuple[RecordedCheck, ...]], *, is_range: bool
) -> tuple[RecordedCheck, ...]:
    """The results that several flow runs reported, as those of one run of Dagster's.

    Dagster evaluates a check once in a run, and names no partition if the run covers several
    (`is_range`). Of several results of one check, a failed one counts before one that passed, and
    an error before a warning; a description counts if all have the same. A check that one flow run
    reports several times stays several results, which are merged in turn.
    """
    merged: dict[tuple[CheckId, str | None, int], list[RecordedCheck]] = defaultdict(list)
    for checks in flow_runs:
        counts: Counter[tuple[CheckId, str | None]] = Counter()
        for check in checks:
            entry = replace(check, partition_key=None if is_range else check.partition_key)
            place = (entry.check, entry.partition_key)
            merged[*place, counts[place]].append(entry)
            counts[place] += 1
    return tuple(map(_worst, merged.values()))


def _worst(checks: Sequence[RecordedCheck]) -> RecordedCheck:
    worst = max(checks, key=lambda check: (not check.passed, check.severity == "ERROR"))
    descriptions = {check.description for check in checks}
    return worst if len(descriptions) == 1 else replace(worst, description=None)
