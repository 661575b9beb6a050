"""The pages about the command line and its errors say what the code says."""

import re
from pathlib import Path

from tools.cli_reference import reference


def test_the_reference_is_that_of_the_commands(root: Path) -> None:
    """`python -m tools.cli_reference` writes it anew."""
    assert (root / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def messages(root: Path) -> list[str]:
    """The first column of the index of error messages, without what differs each time."""
    page = (root / "docs" / "errors.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)


# Dagster's own words, which its packages have.
OF_DAGSTER = ("No Definitions, RepositoryDefinition", "Cannot have more than one Definitions")


def test_each_error_of_the_index_is_in_the_code(root: Path) -> None:
    sources = (path.read_text("utf-8") for path in (root / "prefect_compat").rglob("*.py"))
    # Adjacent literals are one text, and what stands in braces differs each time.
    code = " ".join(re.sub(r"\"\s+f?\"", "", source) for source in sources)
    known = re.sub(r"\{[^{}]*\}", "…", code)
    found = messages(root)
    assert len(found) > 25
    for message in found:
        if message.startswith(OF_DAGSTER):
            continue
        for part in message.split("…"):
            words = part.strip(" '")
            assert words in known, f"{message}: {words}"
