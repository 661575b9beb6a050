"""What is written replaces what was written before, and nothing else."""

import datetime as dt
import json
from pathlib import Path

import pytest

from prefect_compat.eject.state import (
    Outcome,
    StepState,
    mark_compared_equal,
    read_progress,
    write_project,
)
from prefect_compat.eject.written import MANIFEST, write_files
from prefect_compat.errors import EjectError

MONDAY, TUESDAY = dt.date(2024, 1, 1), dt.date(2024, 1, 2)
FILES = {"flows/daily.py": "a = 1\n", "tasks/shop.py": "b = 2\n"}


def test_a_file_of_somebody_else_is_not_replaced_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "shop.py").write_text("mine\n")
    with pytest.raises(EjectError, match=r"tasks/shop\.py was changed since, or not written by"):
        write_files(tmp_path, FILES, {}, force=False)
    assert not (tmp_path / "flows").exists()
    assert not (tmp_path / MANIFEST).exists()


def test_a_file_that_was_changed_is_replaced_only_by_force(tmp_path: Path) -> None:
    write_files(tmp_path, FILES, {}, force=False)
    write_files(tmp_path, FILES, {}, force=False)
    (tmp_path / "flows/daily.py").write_text("a = 2\n")
    with pytest.raises(EjectError, match=r"flows/daily\.py was changed"):
        write_files(tmp_path, {**FILES, "tasks/shop.py": "b = 3\n"}, {}, force=False)
    assert (tmp_path / "tasks/shop.py").read_text() == "b = 2\n"
    write_files(tmp_path, FILES, {}, force=True)
    assert (tmp_path / "flows/daily.py").read_text() == "a = 1\n"


def test_a_file_that_is_no_longer_written_goes_unless_it_was_changed(tmp_path: Path) -> None:
    write_files(tmp_path, FILES, {}, force=False)
    only = {"flows/daily.py": "a = 1\n"}
    write_files(tmp_path, only, {}, force=False)
    assert not (tmp_path / "tasks/shop.py").exists()
    write_files(tmp_path, FILES, {}, force=False)
    (tmp_path / "tasks/shop.py").write_text("mine\n")
    with pytest.raises(EjectError, match=r"tasks/shop\.py was changed"):
        write_files(tmp_path, only, {}, force=False)


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(EjectError, match=r"ejection\.json cannot be read"):
        write_files(tmp_path, FILES, {}, force=False)
    (tmp_path / MANIFEST).write_text(json.dumps({"steps": {"a": {"state": "lost"}}}))
    with pytest.raises(EjectError, match="the states of the steps cannot be read"):
        read_progress(tmp_path)


def test_states_survive_calls_and_comparisons(tmp_path: Path) -> None:
    def write(files: dict[str, str], day: dt.date, deferred: dict[str, str]) -> None:
        ejected = [name for name in ("orders", "report") if name not in deferred]
        stubs = {name: f"deferred: {reason}" for name, reason in deferred.items()}
        write_project(tmp_path, files, Outcome(ejected, stubs, deferred), day, force=False)

    write(FILES, MONDAY, {"report": "until May"})
    mark_compared_equal(tmp_path, TUESDAY)
    progress = read_progress(tmp_path)
    assert progress["orders"].state is StepState.COMPARED_EQUAL
    assert progress["orders"].since == "2024-01-02"
    assert progress["report"].state is StepState.DEFERRED
    assert progress["report"].reason == "until May"

    write(FILES, TUESDAY, {"report": "until May"})
    assert read_progress(tmp_path) == progress

    write({**FILES, "tasks/shop.py": "b = 3\n"}, TUESDAY, {})
    progress = read_progress(tmp_path)
    assert progress["orders"].state is StepState.EJECTED  # the code is another
    assert progress["report"].state is StepState.EJECTED


def test_a_folder_that_was_not_ejected_is_left_alone(tmp_path: Path) -> None:
    mark_compared_equal(tmp_path, MONDAY)
    assert not list(tmp_path.iterdir())
