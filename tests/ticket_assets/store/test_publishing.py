"""What the store promises of a set of files: each whole; what failed half-way is named."""

import errno
import itertools
import json
import multiprocessing
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_assets.errors import StoreError
from ticket_assets.store import local as places
from ticket_assets.store.local import DayLocks, LocalFolder

NAMES = [f"thing/2016-05-{day:02}.json" for day in range(10, 20)]
KEYS = [Path(name).stem for name in NAMES]


def publish(root: Path, text: str) -> None:
    LocalFolder(root).publish({name: lambda file: file.write(text.encode()) for name in NAMES})


def contents(root: Path) -> dict[str, str]:
    """All that lies in the folder, hidden or not, but for the locks of days."""
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def everywhere(text: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, text)


def failing_at(call: int, fail: Callable[[], object]) -> Callable[[Path, Path], None]:
    replace, calls = os.replace, itertools.count(1)

    def replace_or_fail(source: Path, target: Path) -> None:
        if next(calls) == call:
            fail()
        replace(source, target)

    return replace_or_fail


def raise_eio() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def split(said: str) -> tuple[list[str], list[str]]:
    """The names of the written and of the other files in an error of a store."""
    ((written, others),) = re.findall(r"are written: (.*); \d+ are not: (.*)\. Each file", said)
    return written.split(", "), others.split(", ")


@pytest.mark.parametrize("call", [1, 5, 10])
def test_a_failure_in_the_middle_names_what_was_replaced_and_what_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    publish(tmp_path, "old")
    with monkeypatch.context() as planted:
        planted.setattr(os, "replace", failing_at(call, raise_eio))
        with pytest.raises(StoreError) as raised:
            publish(tmp_path, "new")
    said = str(raised.value)
    assert said.startswith(f"{tmp_path / NAMES[call - 1]} cannot be replaced: Input/output error.")
    assert f"Of 10 files {call - 1} are written: " in said
    written, others = split(said)
    assert written == (NAMES[: call - 1] or ["none"])
    assert others == NAMES[call - 1 :]
    found = contents(tmp_path)
    assert {name for name in found if found[name] == "new"} == set(NAMES[: call - 1])
    assert {name for name in found if found[name] == "old"} == set(others)
    publish(tmp_path, "new")
    assert contents(tmp_path) == everywhere("new")


def test_folders_in_the_place_of_files_are_named_before_anything_is_replaced(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "old")
    for name in (NAMES[4], NAMES[7]):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    before = contents(tmp_path)
    words = f"{NAMES[4]}, .*{NAMES[7]}: found a folder, expected a file.*No file was changed"
    with pytest.raises(StoreError, match=words):
        publish(tmp_path, "new")
    assert contents(tmp_path) == before


def test_a_folder_that_may_not_be_written_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, who may write everywhere."""
    publish(tmp_path, "old")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "thing")
    with pytest.raises(StoreError, match=r"cannot be written: Permission denied\. No file was"):
        publish(tmp_path, "new")
    assert contents(tmp_path) == everywhere("old")


class TestAPowerCut:
    def test_comes_too_late_once_it_is_published(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each file is flushed before the first rename; the folders after the last."""
        done: list[str] = []
        fsync, replace = os.fsync, os.replace

        def traced_fsync(handle: int) -> None:
            done.append(os.readlink(f"/proc/self/fd/{handle}"))
            fsync(handle)

        def traced_replace(source: Path, target: Path) -> None:
            done.append("renamed")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", traced_fsync)
        monkeypatch.setattr(os, "replace", traced_replace)
        root = tmp_path / "new" / "store"
        publish(root, "new")
        first, last = done.index("renamed"), len(done) - done[::-1].index("renamed")
        above = [str(path) for path in (root, root.parent, tmp_path)]
        assert sorted(done[:3]) == sorted(above)
        assert sum(".staging" in path for path in done[3:first]) == len(NAMES)
        assert done[first:last] == ["renamed"] * len(NAMES)
        assert done[last:] == [str(root / "thing")]

    def test_is_feared_in_words_where_the_folder_cannot_be_flushed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(tmp_path, "old")
        monkeypatch.setattr(places, "_sync", lambda folder: raise_eio())
        words = r"Of 10 files 0 are written: none; 0 are not: none; 10 may be, which was not conf"
        with pytest.raises(StoreError, match=words):
            publish(tmp_path, "new")

    @pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
    def test_is_left_to_a_server_that_flushes_no_folders(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def refuse(handle: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", refuse)
        if code == errno.EINVAL:
            places._sync(tmp_path)
        else:
            with pytest.raises(OSError, match="Input/output"):
                places._sync(tmp_path)


def _killed_in_the_middle(root: Path) -> None:
    os.replace = failing_at(5, lambda: os.kill(os.getpid(), signal.SIGKILL))
    locks = DayLocks(root / ".locks", wait_s=0)
    locks.acquire(KEYS)
    publish(root, "new")


def _publish_whole(root: Path) -> None:
    locks = DayLocks(root / ".locks", wait_s=0)
    locks.acquire(KEYS)
    publish(root, "of the second run")


def in_a_process(function: Callable[[Path], None], root: Path) -> int | None:
    process = multiprocessing.get_context("spawn").Process(target=function, args=(root,))
    process.start()
    process.join()
    return process.exitcode


def test_a_kill_in_the_middle_leaves_whole_files_and_the_next_run_the_right_ones(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "old")
    assert in_a_process(_killed_in_the_middle, tmp_path) == -signal.SIGKILL
    found = contents(tmp_path)
    assert [found[name] for name in NAMES] == ["new"] * 4 + ["old"] * 6
    assert len(found) > len(NAMES)
    _publish_whole(tmp_path)
    assert contents(tmp_path) == everywhere("of the second run")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "thing"]


class TestAStoreThatIsDeletedWhileARunWrites:
    @pytest.fixture
    def locks(self, tmp_path: Path) -> DayLocks:
        locks = DayLocks(tmp_path / "store" / ".locks", wait_s=0)
        locks.acquire(KEYS)
        return locks

    @pytest.mark.parametrize("deleted", ["store", "store/.locks", f"store/.locks/{KEYS[6]}.lock"])
    def test_is_left_to_the_second_run(self, tmp_path: Path, locks: DayLocks, deleted: str) -> None:
        root, path = tmp_path / "store", tmp_path / deleted
        publish(root, "old")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if path.suffix != ".lock":  # otherwise nine days are still held
            assert in_a_process(_publish_whole, root) == 0
        before = contents(root)
        words = "deleted or replaced while this run wrote it .*Nothing of these days was written"
        with pytest.raises(StoreError, match=words):
            locks.acquire(KEYS)
        with pytest.raises(StoreError, match=words):
            LocalFolder(root).publish(
                {name: lambda file: file.write(b"new") for name in NAMES}, locks.demand_held
            )
        assert contents(root) == before

    def test_is_left_to_the_second_run_even_between_writing_and_renaming(
        self, tmp_path: Path, locks: DayLocks
    ) -> None:
        root = tmp_path / "store"

        def ready() -> None:
            shutil.rmtree(root / ".locks")
            assert in_a_process(_publish_whole, root) == 0
            locks.demand_held()

        with pytest.raises(StoreError, match="deleted or replaced"):
            LocalFolder(root).publish(
                {name: lambda file: file.write(b"new") for name in NAMES}, ready
            )
        assert contents(root) == everywhere("of the second run")

    def test_says_so_rather_than_that_a_file_cannot_be_written(
        self, tmp_path: Path, locks: DayLocks
    ) -> None:
        root = tmp_path / "store"

        def write(file: object) -> None:
            shutil.rmtree(root, ignore_errors=True)
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

        with pytest.raises(StoreError, match="deleted or replaced"):
            LocalFolder(root).publish(dict.fromkeys(NAMES, write), locks.demand_held)
        assert not root.exists()


def test_a_lock_lets_go_though_a_process_was_forked_meanwhile(tmp_path: Path) -> None:
    """The fork has the open file too; closing it here alone would not unlock it."""
    locks = DayLocks(tmp_path, wait_s=0)
    locks.acquire(KEYS)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    try:
        locks.release()
        DayLocks(tmp_path, wait_s=0).acquire(KEYS)
    finally:
        os.close(write)
        os.close(read)
        os.waitpid(child, 0)


def test_the_error_of_a_partly_written_set_can_be_read_by_a_program() -> None:
    """Names stand as they are, so that a script can run exactly the others again."""
    from ticket_assets.errors import partly_written

    said = str(partly_written("No.", NAMES, NAMES[:2], NAMES[2:3]))
    assert json.dumps(NAMES[3:])[1:-1].replace('"', "") in said
    assert f"Of 10 files 2 are written: {NAMES[0]}, {NAMES[1]}; 7 are not: {NAMES[3]}, " in said
    assert f"; 1 may be, which was not confirmed: {NAMES[2]}. Each file is whole" in said
