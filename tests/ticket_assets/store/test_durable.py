import errno
import os
from pathlib import Path

import pytest

from ticket_assets.store.durable import flush_folder, make_folder, write_file


def test_a_file_has_the_content_that_was_written(tmp_path: Path) -> None:
    write_file(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_is_made_with_its_parents_and_may_exist(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_only_a_file_system_that_cannot_flush_folders_is_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    if code == errno.EINVAL:
        flush_folder(tmp_path)
    else:
        with pytest.raises(OSError, match="Input/output"):
            flush_folder(tmp_path)
