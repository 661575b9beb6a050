"""The database of a temporary server is set up once for each version of Prefect, then copied."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_HOME, temporary_settings

from prefect_compat.server import database as server_database
from prefect_compat.server.api import database_file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "prefect-compat"


def made(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table flow (name text)")
        database.execute("insert into flow values (?)", (text,))
        database.commit()
    return path


def content(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("select name from flow").fetchall()


def test_what_is_kept_is_provided(tmp_path: Path, cache: Path) -> None:
    server_database.keep(made(tmp_path / "first" / "prefect.db", "first"))
    assert server_database.provide(tmp_path / "second" / "prefect.db")
    assert content(tmp_path / "second" / "prefect.db") == [("first",)]
    assert len(list(cache.iterdir())) == 1
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["prefect.db"]


def test_a_database_in_use_is_kept_as_it_was_committed(tmp_path: Path) -> None:
    path = made(tmp_path / "prefect.db", "committed")
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("insert into flow values ('not committed')")
        server_database.keep(path)
    server_database.provide(tmp_path / "second.db")
    assert content(tmp_path / "second.db") == [("committed",)]


def test_a_database_that_is_there_stays(tmp_path: Path) -> None:
    server_database.keep(made(tmp_path / "first.db", "first"))
    own = made(tmp_path / "own.db", "own")
    assert not server_database.provide(own)
    assert content(own) == [("own",)]


def test_without_a_kept_one_the_server_sets_up_its_own(tmp_path: Path) -> None:
    assert not server_database.provide(tmp_path / "prefect.db")
    assert not (tmp_path / "prefect.db").exists()


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    server_database.keep(made(tmp_path / "first.db", "first"))
    assert not server_database.provide(tmp_path / "second.db")


def test_only_a_file_of_sqlite_is_copied(tmp_path: Path) -> None:
    unset = {PREFECT_API_DATABASE_CONNECTION_URL}
    with temporary_settings({PREFECT_HOME: tmp_path}, restore_defaults=unset):
        assert database_file() == tmp_path / "prefect.db"
    for url in ("sqlite+aiosqlite:///:memory:", "postgresql+asyncpg://host/prefect"):
        with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}):
            assert database_file() is None
