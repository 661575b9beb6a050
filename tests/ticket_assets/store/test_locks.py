import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from ticket_assets.store.locks import is_at, lock_file, unlock


class TestALockWhosePathWasDeleted:
    def test_no_longer_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "a.lock"
        first = lock_file(path)
        assert is_at(first, path)
        path.unlink()
        assert not is_at(first, path)
        second = lock_file(path)
        assert is_at(second, path)
        assert not is_at(first, path)

    def test_is_taken_again_by_a_process_that_waited_for_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.lock"
        waiting, got = threading.Semaphore(0), threading.Event()

        def wait() -> None:
            file = lock_file(path, waiting.release)
            got.set()
            unlock(file)

        first = lock_file(path)
        thread = threading.Thread(target=wait)
        with ExitStack() as ending:
            thread.start()
            ending.callback(thread.join)
            waiting.acquire()
            path.unlink()
            second = lock_file(path)
            unlock(first)
            waiting.acquire()  # called again, for the new file
            assert not got.is_set()
            unlock(second)
        assert got.is_set()

    def test_is_an_error_if_it_never_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ticket_assets.store.locks.is_at", lambda file, path: False)
        with pytest.raises(OSError, match=r"a\.lock was replaced 100 times"):
            lock_file(tmp_path / "a.lock")
