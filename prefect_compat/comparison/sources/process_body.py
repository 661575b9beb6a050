"""The body of a process of a comparison: it writes its result, or says why it cannot."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from prefect_compat.comparison.record.record import Record
from prefect_compat.errors import PrefectCompatError
from prefect_compat.signals import end_with_parent, ending_on_signals, grace_s

# The environment variable with the process of the comparison: a side ends with it.
COMPARING_PID = "PREFECT_COMPAT_COMPARING_PID"
# Before the error in the log of a side that refused its task.
REFUSED = "Refused: "


def write_record(run: Callable[[], Record], path: Path) -> None:
    """The body of a process that makes a record."""
    write_text_of(lambda: run().as_json(), path)


def write_text_of(run: Callable[[], str], path: Path) -> None:
    """The body of a process of a comparison: ends with it and on signals, and writes its result."""
    if COMPARING_PID in os.environ:
        end_with_parent(int(os.environ[COMPARING_PID]))
    try:
        with ending_on_signals(grace_s()):
            text = run()
    except PrefectCompatError as error:
        # Goes to the log, whose last lines `record_of` puts into its own error.
        sys.exit(f"{REFUSED}{error}")
    path.write_text(text, encoding="utf-8")
