"""The record of what one side made as plain data, kept as JSON."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from prefect_compat.comparison.fingerprint.fingerprint import Fingerprint
from prefect_compat.errors import ComparisonError
from prefect_compat.graph.ids import CheckId, OutputId, StepId, ValueId

NOT_STARTED = "not started"
# Of an output that was recorded and never handed to an IO manager.
NO_CONTENT = Fingerprint("no content", "")
Pairs = tuple[tuple[str, str], ...]


class Aspect(StrEnum):
    """Facts of a run beside its outputs; not every source knows all of them."""

    RUN = "how the run ended"
    STEPS = "steps and their states"
    DEPENDENCIES = "dependencies"
    ATTEMPTS = "attempts and waits"
    EXCEPTIONS = "exceptions"
    DATA_VERSIONS = "data versions"
    DESCRIPTIONS = "metadata, tags and descriptions"
    CHECKS = "check results"
    CHECK_METADATA = "metadata of check results"
    OBSERVATIONS = "observations"
    DYNAMIC_PARTITIONS = "changes of dynamic partitions"
    CATALOGUE = "the catalogue's counts"
    FILES = "names of files"
    OTHER_FILES = "names of files that are not named after an asset"
    TIMES = "how often an output was made"
    NONE = "None apart from no value"
    TYPES = "types of the values in memory"
    COSTS = "costs"


@dataclass(frozen=True)
class RecordedStep:
    """A step in one of the runs (a run for each chunk of partitions): its last state, how often
    it was tried and how long the orchestrator was to wait before each further attempt, the steps
    that it took its inputs from or waited for, the Unix times of its start and end, and the
    seconds in between that its function and its IO managers took.

    `errors` holds the exception of each failed attempt, as its type and its message.
    """

    run: int
    step: StepId
    state: str
    upstream: tuple[StepId, ...] = ()
    attempts: int = 1
    waits_s: tuple[float, ...] = ()
    started_s: float | None = None
    ended_s: float | None = None
    function_s: float = 0.0
    storage_s: float = 0.0
    errors: Pairs = ()

    @property
    def name(self) -> str:
        """The step, for people."""
        return str(self.step)


@dataclass(frozen=True)
class RecordedOutput:
    """An output that the orchestrator recorded, with the content read back from the store.

    The fingerprint is NO_CONTENT if the output has no stored value. `metadata` is text with its
    type; `data_version` is None where it says nothing of the data. `is_kept_apart` is False if
    the content does not lie in this side's own store.
    """

    output: ValueId
    fingerprint: Fingerprint
    data_version: str | None = None
    metadata: Pairs = ()
    tags: Pairs = ()
    description: str | None = None
    is_kept_apart: bool = True

    @property
    def has_content(self) -> bool:
        return self.fingerprint != NO_CONTENT


@dataclass(frozen=True)
class RecordedObservation:
    """An asset observation."""

    output: OutputId
    data_version: str | None = None
    metadata: Pairs = ()
    tags: Pairs = ()
    description: str | None = None


@dataclass(frozen=True)
class RecordedCheck:
    """A check's result as the orchestrator recorded it."""

    check: CheckId
    passed: bool
    severity: str
    partition_key: str | None = None
    metadata: Pairs = ()
    description: str | None = None


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes that a side's process used, together with those that it started.

    `import_s`: from its start until the project was imported; `start_up_s`: from then until the
    run could start (the flow built, Prefect's server up); `wall_s` and `cpu_s`: the run;
    `warm_wall_s`: the same run again in the same process, None where it was not asked for.
    """

    wall_s: float
    import_s: float = 0.0
    start_up_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_b: int = 0
    warm_wall_s: float | None = None


@dataclass(frozen=True)
class Record:
    """The record of one side; `side` is its name. `materialized` counts, for each asset that a step
    made, the partitions, as the orchestrator's own catalogue has them. `error` is None for a run
    that succeeded; where the side could not be run at all (`has_run`), it says why.

    `run_ids` are those of the runs, in their order. `dynamic_partitions` lists what the steps did
    to dynamic partitions, as (definition, change). `files` are the names in the side's store.
    `unknown` has each aspect of which this source knows nothing, with the reason.
    """

    side: str
    steps: tuple[RecordedStep, ...]
    outputs: tuple[RecordedOutput, ...]
    checks: tuple[RecordedCheck, ...]
    materialized: tuple[tuple[str, int], ...]
    cost: Cost
    versions: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    has_run: bool = True
    observations: tuple[RecordedObservation, ...] = ()
    dynamic_partitions: Pairs = ()
    files: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    unknown: Pairs = ()

    @classmethod
    def of_failure(cls, side: str, error: str) -> "Record":
        """The record of a side that could not be run."""
        return cls(side, (), (), (), (), Cost(0.0), (), error, has_run=False)

    @property
    def known(self) -> frozenset[Aspect]:
        """The aspects that this source can know."""
        return frozenset(aspect for aspect in Aspect if self.knows(aspect))

    def knows(self, aspect: Aspect) -> bool:
        """True if this source can know the aspect."""
        return str(aspect) not in dict(self.unknown)

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    def write(self, path: Path) -> None:
        path.write_text(self.as_json(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Reads a record. Raises ComparisonError if the file is missing or damaged."""
        try:
            return _parser().validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ComparisonError(f"{path} is not a record of a run: {error}") from error


@cache
def _parser() -> TypeAdapter[Record]:
    return TypeAdapter(Record)
