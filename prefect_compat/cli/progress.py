"""Progress on stderr: a line that moves at a terminal, whole lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import click

from prefect_compat.cli.exit_codes import log_to_stderr
from prefect_compat.progress import PlainProgress, Progress, Update


class TerminalProgress(Progress):
    """One line at the bottom of a terminal, with a spinner and the time of the stage."""

    @contextmanager
    def stage(self, text: str) -> Iterator[Update]:
        from rich.console import Console

        state = ""
        started = time.monotonic()
        console = Console(stderr=True)

        class Line:
            """Drawn again several times a second, so that the time moves."""

            def __rich__(self) -> str:
                beside = f": {state}" if state else ""
                return f"{text}{beside}  {time.monotonic() - started:.0f} s"

        def update(new_state: str) -> None:
            nonlocal state
            state = new_state

        with console.status(Line()):
            yield update


def progress_options(command: Callable[..., None]) -> Callable[..., None]:
    """`-q` and `-v`: the `progress` that the command shows on stderr."""

    @wraps(command)
    def with_progress(quiet: bool, verbose: bool, **options: Any) -> None:
        if quiet and verbose:
            raise click.UsageError("Pass -q or -v, not both.")
        # Read by Prefect, which is imported later, and by the processes of a comparison.
        level = "ERROR" if quiet else "DEBUG" if verbose else None
        progress = Progress()
        if not quiet:
            at_terminal = sys.stderr.isatty() and not os.environ.get("CI")
            kind = TerminalProgress if at_terminal else PlainProgress
            progress = kind(log_to_stderr)
        with patch.dict(os.environ, {"PREFECT_LOGGING_LEVEL": level} if level else {}):
            command(progress=progress, **options)

    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Show Prefect's debug log too."),
        click.option("-q", "--quiet", is_flag=True, help="Show errors and the result only."),
    ):
        with_progress = option(with_progress)
    return with_progress
