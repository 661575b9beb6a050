"""The state of each step on its way to Prefect, kept in the written project."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from prefect_compat.eject.written import (
    MANIFEST,
    are_unchanged,
    read_manifest,
    write_files,
    write_manifest,
)
from prefect_compat.errors import EjectError

STEPS = "steps"


class StepState(StrEnum):
    """How far a step is."""

    NOT_BEGUN = "not begun"
    EJECTED = "ejected"
    COMPARED_EQUAL = "compared equal"
    STUB = "stub"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class Outcome:
    """What an ejection made of the steps: carried over, or a stub or deferred with a reason."""

    ejected: Sequence[str] = ()
    stubs: Mapping[str, str] = field(default_factory=dict)
    deferred: Mapping[str, str] = field(default_factory=dict)

    def states(self) -> dict[str, tuple[StepState, str | None]]:
        """The state of each step, and its reason."""
        return {
            **dict.fromkeys(self.ejected, (StepState.EJECTED, None)),
            **{name: (StepState.STUB, reason) for name, reason in self.stubs.items()},
            **{name: (StepState.DEFERRED, reason) for name, reason in self.deferred.items()},
        }


@dataclass(frozen=True)
class StepProgress:
    """The state of a step, since a day, and the reason for a stub or a delay."""

    state: StepState
    since: str
    reason: str | None = None


def read_progress(folder: Path) -> dict[str, StepProgress]:
    """The progress of each step, by name. Raises EjectError for a damaged manifest."""
    steps = read_manifest(folder).get(STEPS, {})
    try:
        assert isinstance(steps, dict)
        return {
            name: StepProgress(StepState(entry["state"]), entry["since"], entry.get("reason"))
            for name, entry in steps.items()
        }
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise EjectError(
            f"{folder / MANIFEST}: the states of the steps cannot be read. Remove the file, and"
            " eject again."
        ) from error


def write_project(
    folder: Path, files: Mapping[str, str], outcome: Outcome, today: dt.date, *, force: bool
) -> None:
    """Writes the files of a project, and the progress of its steps.

    A step that was compared equal stays so if no file has changed. One keeps the day since when
    it has had its state. Raises what `write_files` raises.
    """
    known, is_unchanged = read_progress(folder), are_unchanged(folder, files)
    progress = {
        name: _moved(known.get(name), StepProgress(state, today.isoformat(), reason), is_unchanged)
        for name, (state, reason) in outcome.states().items()
    }
    write_files(folder, files, {STEPS: as_document(progress)}, force=force)


def _moved(known: StepProgress | None, new: StepProgress, is_unchanged: bool) -> StepProgress:
    if known is None:
        return new
    is_still_equal = (
        known.state is StepState.COMPARED_EQUAL and new.state is StepState.EJECTED and is_unchanged
    )
    is_same = (known.state, known.reason) == (new.state, new.reason)
    return known if is_still_equal or is_same else new


def as_document(progress: Mapping[str, StepProgress]) -> dict[str, dict[str, str | None]]:
    """The progress as JSON."""
    return {
        name: {key: value for key, value in asdict(entry).items() if value is not None}
        for name, entry in sorted(progress.items())
    }


def mark_compared_equal(folder: Path, today: dt.date) -> None:
    """Marks each ejected step after a comparison that found no difference.

    Does nothing in a folder that `eject` has not written.
    """
    manifest = read_manifest(folder)
    if STEPS not in manifest:
        return
    progress = {
        name: StepProgress(StepState.COMPARED_EQUAL, today.isoformat())
        if entry.state is StepState.EJECTED
        else entry
        for name, entry in read_progress(folder).items()
    }
    write_manifest(folder, {**manifest, STEPS: as_document(progress)})
