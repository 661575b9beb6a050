"""Ten files published to a local folder, by this process or by another one."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

from ticket_assets.store.day_locks import DayLocks
from ticket_assets.store.local import LocalFolder

NAMES = [f"thing/2016-05-{day:02}.json" for day in range(10, 20)]
KEYS = [Path(name).stem for name in NAMES]
SECOND = "of the second run"


def publish(root: Path, text: str) -> None:
    LocalFolder(root).publish({name: lambda file: file.write(text.encode()) for name in NAMES})


def publish_second(root: Path) -> None:
    """Publishes as a second run does: it locks the days first."""
    DayLocks(root / ".locks", wait_s=0).acquire(KEYS)
    publish(root, SECOND)


def contents(root: Path) -> dict[str, str]:
    """Every file in the folder, hidden or not, but for the locks of days."""
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def everywhere(text: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, text)


def second_run() -> dict[str, str]:
    return everywhere(SECOND)


def in_a_process(function: Callable[[Path], None], root: Path) -> int | None:
    """The exit code of a process that calls the function."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=(root,))
    process.start()
    process.join()
    return process.exitcode
