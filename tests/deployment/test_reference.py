"""The pages about the command line, the Python API and the errors say what the code says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import api_reference, cli_reference, json_schema


@pytest.mark.parametrize(
    ("page", "reference"),
    [
        ("cli.md", cli_reference.reference),
        ("reference.md", api_reference.reference),
        ("comparison.schema.json", json_schema.reference),
    ],
)
def test_a_reference_is_that_of_the_code(
    root: Path, page: str, reference: Callable[[], str]
) -> None:
    """`python -m tools.cli_reference` and the like write them anew."""
    assert (root / "docs" / page).read_text(encoding="utf-8") == reference()


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
