"""Options that declare how the rows of an asset are compared."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.graph.project_settings import read_project_settings

Command = Callable[..., Any]


def row_options(command: Command) -> Command:
    """The `rules`: those of [tool.prefect-compat.assets], and over them those of the options."""

    @wraps(command)
    def with_rules(
        keys: tuple[str, ...],
        tolerances: tuple[str, ...],
        ignored_columns: tuple[str, ...],
        any_order: tuple[str, ...],
        renamed: tuple[str, ...],
        **options: Any,
    ) -> None:
        from prefect_compat.comparison.diff.declared import (
            parse_rules,
            rules_of_settings,
            validate_installed,
        )

        with errors_on_stderr():
            given = parse_rules(keys, tolerances, ignored_columns, any_order, renamed)
            rules = rules_of_settings(read_project_settings()).merged(given)
            validate_installed(rules)
        command(rules=rules, **options)

    with_options: Command = with_rules
    for option in reversed(OPTIONS):
        with_options = option(with_options)
    return with_options


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
