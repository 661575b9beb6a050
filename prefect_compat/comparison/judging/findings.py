"""One difference between two records, and the kinds of difference there are."""

from dataclasses import dataclass, field
from enum import StrEnum

ABSENT = "nothing"


class Difference(StrEnum):
    """The kinds of difference, in the words that reports use."""

    RUN = "run failed"
    NOTHING = "nothing was run"
    STEP = "step on one side only"
    EDGE = "dependency on one side only"
    STEP_STATE = "different step state"
    ATTEMPTS = "different number of attempts"
    RETRY_WAIT = "different wait before a retry"
    EXCEPTION = "different exception"
    CONTENT = "different content"
    MISSING = "missing on one side"
    NOT_COMPARABLE = "not comparable"
    NOT_KEPT_APART = "not kept apart"
    TWICE = "made more than once"
    DATA_VERSION = "different data version"
    METADATA = "different metadata"
    TAGS = "different tags"
    DESCRIPTION = "different description"
    CHECK = "different check result"
    OBSERVATION = "different observation"
    DYNAMIC_PARTITIONS = "different dynamic partitions"
    CATALOGUE = "different count in the catalogue"
    FILES = "different files in the store"
    RERUN = "changed by a second run"
    WAIVER = "a waiver that does not hold"


@dataclass(frozen=True)
class Finding:
    """One difference: its kind, its place, and what each of the `sides` has there."""

    kind: Difference
    place: str
    left: str
    right: str
    sides: tuple[str, str] = field(default=("left", "right"), kw_only=True)

    def __str__(self) -> str:
        left, right = self.sides
        return f"{self.kind}: {self.place}: {left} has {self.left}, {right} has {self.right}"


def one_line(text: str | None) -> str:
    """The text without line breaks and repeated spaces; empty for None."""
    return " ".join((text or "").split())
