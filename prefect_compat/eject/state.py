"""The state of each step on its way to Prefect, kept in the written project."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
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
    folder: Path,
    files: Mapping[str, str],
    ejected: Iterable[str],
    stubs: Mapping[str, str],
    deferred: Mapping[str, str],
    today: dt.date,
    *,
    force: bool,
) -> None:
    """Writes the files of a project, and the progress of its steps.

    Raises what `write_files` raises.
    """
    is_unchanged = are_unchanged(folder, files)
    progress = progress_after(
        read_progress(folder), ejected, stubs, deferred, today, is_unchanged=is_unchanged
    )
    write_files(folder, files, {STEPS: as_document(progress)}, force=force)


def progress_after(
    known: Mapping[str, StepProgress],
    ejected: Iterable[str],
    stubs: Mapping[str, str],
    deferred: Mapping[str, str],
    today: dt.date,
    *,
    is_unchanged: bool,
) -> dict[str, StepProgress]:
    """The progress after an ejection.

    A step that was compared equal stays so if no file has changed. One keeps the day since when
    it has had its state.
    """
    wanted = {
        **dict.fromkeys(ejected, (StepState.EJECTED, None)),
        **{name: (StepState.STUB, reason) for name, reason in stubs.items()},
        **{name: (StepState.DEFERRED, reason) for name, reason in deferred.items()},
    }
    return {
        name: _moved(known.get(name), state, reason, today, is_unchanged=is_unchanged)
        for name, (state, reason) in wanted.items()
    }


def _moved(
    known: StepProgress | None,
    state: StepState,
    reason: str | None,
    today: dt.date,
    *,
    is_unchanged: bool,
) -> StepProgress:
    was_equal = known is not None and known.state is StepState.COMPARED_EQUAL
    if known is not None and state is StepState.EJECTED and was_equal and is_unchanged:
        return known
    if known is not None and known.state is state and known.reason == reason:
        return known
    return StepProgress(state, today.isoformat(), reason)


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
