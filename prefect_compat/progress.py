"""Progress of a long command: stages with their times, and lines to keep."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[str], None]


class Progress:
    """Shows nothing; `log`, if given, receives the lines and the stages."""

    def __init__(self, log: Callable[[str], None] = lambda line: None) -> None:
        self._log = log

    def line(self, text: str) -> None:
        """Shows a line that stays."""
        self._log(text)

    @contextmanager
    def stage(self, text: str) -> Iterator[Update]:
        """Shows that something is going on until it is closed.

        Yields a function that shows how far it is.
        """
        self.line(text)
        yield lambda state: None


class PlainProgress(Progress):
    """Whole lines, for a log: the beginning and the end of each stage, and its state at times."""

    INTERVAL_S = 10.0

    @contextmanager
    def stage(self, text: str) -> Iterator[Update]:
        started = shown = time.monotonic()

        def update(state: str) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= self.INTERVAL_S:
                shown = now
                self.line(f"{text}: {state}, {now - started:.0f} s")

        self.line(f"{text}…")
        yield update
        taken_s = time.monotonic() - started
        if taken_s >= 1:
            self.line(f"{text}: done in {taken_s:.0f} s")
