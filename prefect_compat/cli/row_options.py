"""Options that declare how the rows of an asset are compared."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def row_options(command: Command) -> Command:
    """Adds the options; each can be repeated, and adds to [tool.prefect-compat.assets]."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


OPTIONS = (
    click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="ASSET=COLUMN[,COLUMN]",
        help="Match the rows of an asset by these columns. Without a key, and without"
        " `prefect_compat/key` in the asset's metadata, by position. `*` stands for all assets.",
    ),
    click.option(
        "--tolerance",
        "tolerances",
        multiple=True,
        metavar="ASSET:COLUMN=VALUE",
        help="Take numbers and times of a column for equal within 1e-9, 0.1% or 2s. As the column,"
        " `*` stands for all numbers. Without it, equal means equal to the last bit.",
    ),
    click.option(
        "--ignore-column",
        "ignored_columns",
        multiple=True,
        metavar="ASSET:COLUMN",
        help="Do not compare this column.",
    ),
    click.option(
        "--any-order",
        multiple=True,
        metavar="ASSET",
        help="Take the same rows in another order for equal.",
    ),
    click.option(
        "--rename",
        "renamed",
        multiple=True,
        metavar="ASSET:LEFT=RIGHT",
        help="Compare a column of the left side with one of another name on the right.",
    ),
)
