"""Stages and locks, with real processes where one is killed."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ticket_assets.store.staging import STAGING, stage, sweep


def _write_and_wait(folder: Path, name: str | None, ready: Connection) -> None:
    with stage(folder, name) as own:
        (own / "half").write_text("a half")
        ready.send(None)
        ready.recv()


class Writer:
    """A process with a stage that it is writing to."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(
            target=_write_and_wait, args=(folder, name, other), daemon=True
        )
        self._process.start()
        self._connection.recv()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def end(self) -> None:
        self._connection.send(None)
        self._process.join()


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_stage_of_a_living_writer_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    killed, living = Writer(tmp_path), Writer(tmp_path)
    assert len(list((tmp_path / STAGING).glob("*/half"))) == 2
    killed.kill()
    with stage(tmp_path) as own:
        others = [path for path in (tmp_path / STAGING).iterdir() if path.is_dir() and path != own]
        assert [(path / "half").read_text() for path in others] == ["a half"]
    living.end()
    assert left(tmp_path) == []


def test_a_sweep_removes_what_was_killed_and_needs_no_stage_of_its_own(tmp_path: Path) -> None:
    Writer(tmp_path).kill()
    assert left(tmp_path) != []
    sweep(tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["stage", "stage.lock"], ids=["a stage whose lock was deleted", "a lock alone"]
)
def test_a_part_of_a_stage_that_was_killed_goes_too(tmp_path: Path, name: str) -> None:
    path = tmp_path / STAGING / name
    if name.endswith(".lock"):
        path.parent.mkdir()
        path.touch()
    else:
        path.mkdir(parents=True)
        (path / "half").touch()
    sweep(tmp_path)
    assert left(tmp_path) == []


def test_a_stage_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with stage(tmp_path) as own:
            (own / "half").touch()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert left(tmp_path) == []


def test_one_waits_for_another_of_its_name_that_is_killed_and_gets_an_empty_stage(
    tmp_path: Path,
) -> None:
    other = Writer(tmp_path, "name")
    waited: list[bool] = []

    def kill_it() -> None:
        waited.append(True)
        other.kill()

    with stage(tmp_path, "name", kill_it) as own:
        assert list(own.iterdir()) == []
    assert waited == [True]
    assert left(tmp_path) == []


def test_no_stage_is_swept_while_many_are_made(tmp_path: Path) -> None:
    """A lock belongs to an open file, so that threads stand for processes."""
    faults: list[BaseException] = []

    def make_many() -> None:
        try:
            for _ in range(60):
                with stage(tmp_path) as own:
                    (own / "file").write_text("whole")
                    sweep(tmp_path)
                    assert (own / "file").read_text() == "whole"
        except BaseException as fault:
            faults.append(fault)

    run_all(make_many, 4)
    assert faults == []
    assert left(tmp_path) == []


def test_a_name_is_one_thread_s_at_a_time(tmp_path: Path) -> None:
    count: list[int] = []

    def add_many() -> None:
        for _ in range(30):
            with stage(tmp_path, "name"):
                known = len(count)
                (tmp_path / "work").touch()
                count.append(known)

    run_all(add_many, 4)
    assert count == list(range(120))


def run_all(function: Callable[[], None], threads: int) -> None:
    running = [threading.Thread(target=function) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
