"""The pages about the command line, the Python API and the errors say what the code says."""

import ast
import re
from collections.abc import Callable, Iterator
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
    cells = re.findall(r"^\| (`.+?) \|", page, flags=re.MULTILINE)
    return [message for cell in cells for message in re.findall("`([^`]+)`", cell)]


def parts(message: str) -> list[str]:
    """The words of a message that are always the same."""
    return [words for part in message.split("…") if (words := part.strip(" ':,;"))]


# Dagster's own words, which its packages have.
OF_DAGSTER = ("No Definitions, RepositoryDefinition", "Cannot have more than one Definitions")


def test_each_error_of_the_index_is_in_the_code(root: Path) -> None:
    packages = (root / name for name in ("prefect_compat", "ticket_assets"))
    sources = (path.read_text("utf-8") for each in packages for path in each.rglob("*.py"))
    # Adjacent literals are one text, and what stands in braces differs each time.
    code = " ".join(re.sub(r"\"\s+f?\"", "", source) for source in sources)
    known = re.sub(r"\{[^{}]*\}", "…", code)
    found = messages(root)
    assert len(found) > 65
    for message in found:
        if message.startswith(OF_DAGSTER):
            continue
        for words in parts(message):
            assert words in known, f"{message}: {words}"


REFUSING = (
    "assets", "days", "evaluation/alert_limits", "evaluation/features", "evaluation/models",
    "evaluation/named_models", "evaluation/sample", "evaluation/scores", "evaluation/training",
    "event_log/live", "event_log/simulate", "figures", "mlflow_export", "model_assets",
    "report_assets",
)  # fmt: skip
"""Modules of the evaluation whose refusals a user meets in daily work."""


def refusals(module: Path) -> Iterator[str]:
    """The message of each error that the module raises on purpose, with what differs as …."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error")):
            continue
        for message in node.args[:1]:
            if isinstance(message, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in message.values
                )
            elif isinstance(message, ast.Constant):
                yield str(message.value)


COMPOSED = (
    "model …: …. A model may read …. Train it without the refused columns; nothing was predicted.",
    "model …: …, …. Correct the model.",
    "model …: found an array of shape …, …. Correct the model.",
    "model …: found … for … rows (first: …, log_row …), …. Correct the model.",
)
"""Refusals whose own words stand elsewhere: each feature's fault, and what was expected."""


def test_each_refusal_of_the_evaluation_is_in_the_index(root: Path) -> None:
    # One that ends in … would match much that it does not mean.
    index = (message for message in messages(root) if not message.endswith("…"))
    known = [re.escape(message).replace("…", ".*") for message in index]
    found = [
        refusal for name in REFUSING for refusal in refusals(root / f"ticket_assets/{name}.py")
    ]
    assert set(COMPOSED) <= set(found)
    missing = [
        refusal
        for refusal in found
        if refusal not in COMPOSED and not any(re.search(each, refusal) for each in known)
    ]
    assert missing == []
