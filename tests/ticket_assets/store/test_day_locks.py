"""Two runs of one day, and runs whose store is deleted while they write."""

import errno
import multiprocessing
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.ticket_assets.store.published import (
    KEYS as TEN_KEYS,
)
from tests.ticket_assets.store.published import (
    NAMES,
    contents,
    in_a_process,
    publish,
    publish_second,
    second_run,
)
from tests.ticket_assets.store.things import (
    KEYS,
    input_context,
    names_of_files,
    open_store,
    output_context,
    table,
)
from ticket_assets.errors import StoreError
from ticket_assets.store import local
from ticket_assets.store.day_locks import DayLocks
from ticket_assets.store.local import LocalFolder


class TestTwoRunsOfOneDay:
    def test_the_second_gives_up_after_its_waiting_time(self, tmp_path: Path) -> None:
        first, second = open_store(tmp_path), open_store(tmp_path)
        first.handle_output(output_context(KEYS[0], KEYS[1]), table((2, 0, 0)))
        with pytest.raises(StoreError, match=f"{KEYS[1]} is being written by another run"):
            second.handle_output(output_context(KEYS[1], KEYS[2]), table((0, 2, 1)))

    def test_other_days_are_written_meanwhile(self, tmp_path: Path) -> None:
        first, second = open_store(tmp_path), open_store(tmp_path)
        first.handle_output(output_context(KEYS[0], KEYS[0]), table((2, 0, 0)))
        second.handle_output(output_context(KEYS[2], KEYS[2]), table((0, 0, 1)))

    def test_the_second_goes_on_when_the_first_has_ended(self, tmp_path: Path) -> None:
        first, second = open_store(tmp_path), open_store(tmp_path, lock_wait_s=10)
        first.handle_output(output_context(KEYS[0], KEYS[0]), table((2, 0, 0)))
        end = threading.Timer(0.3, lambda: first.teardown_after_execution(None))  # type: ignore[arg-type]
        end.start()
        second.handle_output(output_context(KEYS[0], KEYS[0]), table((1, 0, 0)))
        assert len(second.load_input(input_context(KEYS[0], KEYS[0]))) == 1

    @pytest.mark.parametrize("content", [table((2, 0, 0)), {KEYS[0]: {"id": 1}}])
    def test_the_first_writes_nothing_after_its_store_was_deleted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
    ) -> None:
        store, other = open_store(tmp_path), open_store(tmp_path)

        def deleted_meanwhile(targets: object, folders: object) -> None:
            shutil.rmtree(tmp_path / ".locks")
            monkeypatch.undo()
            other.handle_output(output_context(KEYS[0], KEYS[0]), table((1, 0, 0)))

        monkeypatch.setattr(local, "_check_replaceable", deleted_meanwhile)
        with pytest.raises(StoreError, match="deleted or replaced while this run wrote it"):
            store.handle_output(output_context(KEYS[0], KEYS[0]), content)
        assert names_of_files(tmp_path) == [f"thing/{KEYS[0]}.parquet"]
        assert len(other.load_input(input_context(KEYS[0], KEYS[0]))) == 1

    def test_a_killed_run_holds_nothing(self, tmp_path: Path) -> None:
        process = multiprocessing.get_context("spawn").Process(
            target=_hold_and_die, args=(tmp_path,)
        )
        process.start()
        process.join()
        DayLocks(tmp_path, wait_s=0).acquire(KEYS)


def _hold_and_die(folder: Path) -> None:
    DayLocks(folder, wait_s=0).acquire(KEYS)
    os._exit(1)


class TestAStoreThatIsDeletedWhileARunWrites:
    @pytest.fixture
    def locks(self, tmp_path: Path) -> DayLocks:
        locks = DayLocks(tmp_path / "store" / ".locks", wait_s=0)
        locks.acquire(TEN_KEYS)
        return locks

    @pytest.mark.parametrize(
        "deleted", ["store", "store/.locks", f"store/.locks/{TEN_KEYS[6]}.lock"]
    )
    def test_belongs_to_the_second_run(self, tmp_path: Path, locks: DayLocks, deleted: str) -> None:
        root, path = tmp_path / "store", tmp_path / deleted
        publish(root, "old")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if path.suffix != ".lock":  # otherwise the first run still holds nine days
            assert in_a_process(publish_second, root) == 0
        before = contents(root)
        message = "deleted or replaced while this run wrote it .*wrote nothing more of these days"
        with pytest.raises(StoreError, match=message):
            locks.acquire(TEN_KEYS)
        with pytest.raises(StoreError, match=message):
            LocalFolder(root).publish(
                {name: lambda file: file.write(b"new") for name in NAMES}, locks.verify_held
            )
        assert contents(root) == before

    def test_belongs_to_the_second_run_even_between_writing_and_renaming(
        self, tmp_path: Path, locks: DayLocks
    ) -> None:
        root = tmp_path / "store"

        def last_check() -> None:
            shutil.rmtree(root / ".locks")
            assert in_a_process(publish_second, root) == 0
            locks.verify_held()

        with pytest.raises(StoreError, match="deleted or replaced"):
            LocalFolder(root).publish(
                {name: lambda file: file.write(b"new") for name in NAMES}, last_check
            )
        assert contents(root) == second_run()

    def test_is_named_as_the_cause_when_a_file_cannot_be_written(
        self, tmp_path: Path, locks: DayLocks
    ) -> None:
        root = tmp_path / "store"

        def write(file: object) -> None:
            shutil.rmtree(root, ignore_errors=True)
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

        with pytest.raises(StoreError, match="deleted or replaced"):
            LocalFolder(root).publish(dict.fromkeys(NAMES, write), locks.verify_held)
        assert not root.exists()


def test_a_lock_is_released_though_a_process_was_forked_meanwhile(tmp_path: Path) -> None:
    """The fork has the file open too; closing it in this process alone would not unlock it."""
    locks = DayLocks(tmp_path, wait_s=0)
    locks.acquire(TEN_KEYS)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    try:
        locks.release()
        DayLocks(tmp_path, wait_s=0).acquire(TEN_KEYS)
    finally:
        os.close(write)
        os.close(read)
        os.waitpid(child, 0)
