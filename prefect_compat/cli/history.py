"""`prefect-compat history`: what earlier comparisons found, as text or as a page."""

from pathlib import Path

import click

from prefect_compat.cli.exit_codes import errors_on_stderr
from prefect_compat.cli.output_files import validate_outputs, write_output


@click.command(short_help="Show the comparisons in a history.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    help="Write verdicts and costs over time to a file, as one HTML page.",
)
def history(file: Path, page: Path | None) -> None:
    """Show the comparisons in FILE, which `compare --history` and `shadow` append to."""
    from prefect_compat.comparison.history import read_history
    from prefect_compat.comparison.report.history_page import describe_history, history_page

    with errors_on_stderr():
        if page:
            validate_outputs(page)
        entries = read_history(file)
        click.echo(describe_history(entries))
        if page:
            write_output(page, history_page(entries, file))
