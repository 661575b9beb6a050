"""Options that name what is compared, other than Dagster and the derived flow."""

import json
from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def source_options(command: Command) -> Command:
    """Adds the options."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def json_object(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    """The value of an option that is a JSON object; empty without the option."""
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"is no JSON: {error}. Put it into single quotes.") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"is {type(value).__name__}; expected a JSON object.")
    return value


OPTIONS = (
    click.option(
        "--candidate",
        metavar="FILE:FLOW",
        help="Compare Dagster's run with a Prefect flow that someone wrote, run once for each"
        " partition. Its outputs are what its tasks return, or the files that it writes.",
    ),
    click.option(
        "--candidate-parameter",
        metavar="NAME",
        help="The parameter of the flow that takes the partition.",
    ),
    click.option(
        "--candidate-parameters",
        metavar="JSON",
        callback=json_object,
        help="Other parameters of the flow.",
    ),
    click.option(
        "--candidate-python",
        metavar="PYTHON",
        help="The flow runs by another interpreter, such as one of an environment without Dagster."
        " It needs Prefect.",
    ),
    click.option(
        "--candidate-layout",
        metavar="PATTERN",
        help="The files that the flow writes, such as '{asset}/{partition}.parquet', below the"
        " folder in the variable of --store-env.",
    ),
    click.option(
        "--candidate-store",
        metavar="PLACE",
        help="Where the flow writes its files, if not in the folder of --store-env.",
    ),
    click.option(
        "--match",
        "matches",
        multiple=True,
        metavar="TASK=STEP",
        help="A task of the flow stands for this step or asset; TASK= and =STEP for none. Tasks of"
        " the same name match by themselves. Adds to [tool.prefect-compat.match].",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End a candidate that runs for longer.",
    ),
    click.option(
        "--base",
        metavar="REVISION",
        help="Compare another commit of this repository (the base) with the project as it is here,"
        " both under Dagster.",
    ),
    click.option(
        "--base-python",
        metavar="PYTHON",
        help="The base runs by another interpreter, such as one with other versions.",
    ),
    click.option(
        "--left",
        metavar="PLACE",
        help="Compare a store that exists: a folder or an address such as s3://bucket/prefix. It is"
        " only read. With -m by the project's IO managers, else file by file.",
    ),
    click.option(
        "--right",
        metavar="PLACE",
        help="The store on the right side. With only one of --left and --right, the other side is"
        " Dagster's run.",
    ),
    click.option(
        "--left-layout",
        metavar="PATTERN",
        help="Where the files of the left store are, such as '{asset}/day={partition}/*.parquet'."
        " Default: {asset}/{partition}.{type}.",
    ),
    click.option("--right-layout", metavar="PATTERN", help="The same for the right store."),
)
