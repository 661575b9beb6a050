"""A local folder's promises about a set of files: each whole; a failure half-way is named."""

import errno
import itertools
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ticket_assets.store.published import (
    KEYS,
    NAMES,
    contents,
    everywhere,
    in_a_process,
    publish,
    publish_second,
    second_run,
)
from ticket_assets.errors import StoreError
from ticket_assets.store import local
from ticket_assets.store.day_locks import DayLocks


def failing_at(call: int, fail: Callable[[], object]) -> Callable[[Path, Path], None]:
    """`os.replace` that fails at one of its calls."""
    replace, calls = os.replace, itertools.count(1)

    def replace_or_fail(source: Path, target: Path) -> None:
        if next(calls) == call:
            fail()
        replace(source, target)

    return replace_or_fail


def raise_eio(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def written_and_unchanged(message: str) -> tuple[list[str], list[str]]:
    """The names of the written and of the unchanged files in a store's error."""
    ((written, unchanged),) = re.findall(
        r"are written: (.*); \d+ are not: (.*)\. Each file", message
    )
    return written.split(", "), unchanged.split(", ")


@pytest.mark.parametrize("call", [1, 5, 10])
def test_a_failure_half_way_names_the_replaced_files_and_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    publish(tmp_path, "old")
    with monkeypatch.context() as planted:
        planted.setattr(os, "replace", failing_at(call, raise_eio))
        with pytest.raises(StoreError) as raised:
            publish(tmp_path, "new")
    message = str(raised.value)
    assert message.startswith(
        f"{tmp_path / NAMES[call - 1]} cannot be replaced: Input/output error."
    )
    assert f"Of 10 files, {call - 1} are written: " in message
    written, unchanged = written_and_unchanged(message)
    assert written == (NAMES[: call - 1] or ["none"])
    assert unchanged == NAMES[call - 1 :]
    now = contents(tmp_path)
    assert {name for name in now if now[name] == "new"} == set(NAMES[: call - 1])
    assert {name for name in now if now[name] == "old"} == set(unchanged)
    publish(tmp_path, "new")
    assert contents(tmp_path) == everywhere("new")


def test_folders_in_place_of_files_are_named_before_any_file_is_replaced(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    for name in (NAMES[4], NAMES[7]):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    before = contents(tmp_path)
    message = f"{NAMES[4]}, .*{NAMES[7]}: found a folder, expected a file.*No file was changed"
    with pytest.raises(StoreError, match=message):
        publish(tmp_path, "new")
    assert contents(tmp_path) == before


def test_a_read_only_folder_is_named_before_any_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, who may write everywhere."""
    publish(tmp_path, "old")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "thing")
    with pytest.raises(StoreError, match=r"cannot be written: Permission denied\. No file was"):
        publish(tmp_path, "new")
    assert contents(tmp_path) == everywhere("old")


def test_published_files_survive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_files_that_may_not_survive_a_power_cut_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "old")
    monkeypatch.setattr(local, "flush_folder", raise_eio)
    message = r"Of 10 files, 0 are written: none; 0 are not: none; 10 may be, without confirmation"
    with pytest.raises(StoreError, match=message):
        publish(tmp_path, "new")


def _killed_half_way(root: Path) -> None:
    os.replace = failing_at(5, lambda: os.kill(os.getpid(), signal.SIGKILL))
    DayLocks(root / ".locks", wait_s=0).acquire(KEYS)
    publish(root, "new")


def test_a_kill_half_way_leaves_whole_files_and_the_next_run_replaces_them(tmp_path: Path) -> None:
    publish(tmp_path, "old")
    assert in_a_process(_killed_half_way, tmp_path) == -signal.SIGKILL
    now = contents(tmp_path)
    assert [now[name] for name in NAMES] == ["new"] * 4 + ["old"] * 6
    assert len(now) > len(NAMES)  # the stage of the killed process
    publish_second(tmp_path)
    assert contents(tmp_path) == second_run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "thing"]
