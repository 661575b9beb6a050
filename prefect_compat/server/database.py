"""An empty database for a temporary server, set up once for each version of Prefect.

Setting one up takes half of a server's start: 4 of 8 s (Prefect 3.8.8, 2 cores). Each comparison
and each run with a new home starts a server with a new database, so the first is kept and copied.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path


def provide(database: Path) -> bool:
    """Copies the kept database there, unless one is there; False where none is kept."""
    if database.exists() or not _kept().is_file():
        return False
    # Copied under a name of its own, so that no server opens half a database.
    own = _own_name(database)
    with suppress(OSError):  # a server can set up its database itself
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_kept(), own)
        os.link(own, database)  # unlike a rename, never over one that another has made meanwhile
    own.unlink(missing_ok=True)
    return database.exists()


def keep(database: Path) -> None:
    """Keeps a database that has just been set up, for `provide`."""
    kept = _kept()
    own = _own_name(kept)
    with suppress(OSError, sqlite3.Error):  # without it, the next start is slow, and no more
        kept.parent.mkdir(parents=True, exist_ok=True)
        # By SQLite's backup: the server runs, and its last changes may be in the WAL alone.
        source = f"file:{database}?mode=ro"
        with (
            closing(sqlite3.connect(source, uri=True)) as live,
            closing(sqlite3.connect(own)) as to,
        ):
            live.backup(to)
        own.replace(kept)
    with suppress(OSError):
        own.unlink(missing_ok=True)


def _kept() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "prefect-compat" / f"prefect-{metadata.version('prefect')}.db"


def _own_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
