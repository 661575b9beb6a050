"""Exit codes, and errors as one line on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from prefect_compat.errors import PrefectCompatError

DIFFERENT = 1  # `compare` found a difference
REFUSED = 1  # `explain` found a feature that is refused
COULD_NOT_RUN = 2


@contextmanager
def errors_on_stderr() -> Iterator[None]:
    """Prints this package's errors as one line on stderr and exits with code 2."""
    try:
        yield
    except PrefectCompatError as error:
        log_to_stderr(f"Error: {error}")
        sys.exit(COULD_NOT_RUN)


def log_to_stderr(line: str) -> None:
    """Prints a line on stderr."""
    click.echo(line, err=True)
