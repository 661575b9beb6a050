"""docs/cli.md, the reference of the command line, from the commands themselves.

`python -m tools.cli_reference` writes it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from prefect_compat.cli.main import main

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# Command line

`python -m tools.cli_reference` writes this page from the commands' own help.
[Your own Dagster project](own-project.md) shows how to use them.

Each command exits with 2 if it is refused, and prints one error on stderr.
"""


def reference() -> str:
    """The page."""
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    sections = (_section(name, command) for name, command in commands.items() if command)
    return HEAD + "".join(sections)


def _section(name: str, command: click.Command) -> str:
    text = "\n".join(line.strip() for line in (command.help or "").splitlines())
    text = text.replace("\b\n", "").replace("Exit code", "\nExit code").strip()
    options = [entry for entry in command.params if isinstance(entry, click.Option)]
    rows = "\n".join(_rows(options))
    table = f"\n| option | meaning |\n|---|---|\n{rows}\n" if options else ""
    return f"\n## `prefect-compat {name}`\n\n{_wrapped(text)}\n{table}"


def _wrapped(text: str) -> str:
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return "\n\n".join(paragraphs)


def _rows(options: list[click.Option]) -> Iterator[str]:
    for option in options:
        context = click.Context(click.Command("x"))
        record = option.get_help_record(context)
        if record is None:
            continue
        names, meaning = record
        yield f"| `{names}` | {_escaped(meaning)} |"


def _escaped(text: str) -> str:
    return re.sub(r"([|<>*])", r"\\\1", " ".join(text.split()))


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
