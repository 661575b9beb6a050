"""The page of the Python API has the names and signatures that the package has."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import prefect_compat
from prefect_compat.errors import PrefectCompatError
from tests.conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
SHOWN = {
    block.partition("(")[0].removeprefix("def "): ast.parse(block).body[0]
    for block in BLOCKS
    if block.startswith("def ")
}
FUNCTIONS = [name for name in prefect_compat.__all__ if name[0].islower()]
ERRORS = [name for name in prefect_compat.__all__ if name.endswith("Error")]


def test_the_page_shows_every_function_and_no_other() -> None:
    assert set(SHOWN) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_signature_is_shown_as_it_is(name: str) -> None:
    shown = SHOWN[name]
    assert isinstance(shown, ast.FunctionDef)
    # `...` on the page stands for a default that cannot be written down.
    defaults = {
        argument.arg: ast.literal_eval(default)
        for argument, default in zip(
            [*shown.args.args, *shown.args.kwonlyargs],
            [
                *[None] * (len(shown.args.args) - len(shown.args.defaults)),
                *shown.args.defaults,
                *shown.args.kw_defaults,
            ],
            strict=True,
        )
        if default is not None
    }
    real = inspect.signature(getattr(prefect_compat, name)).parameters
    assert [argument.arg for argument in [*shown.args.args, *shown.args.kwonlyargs]] == list(real)
    assert {argument.arg for argument in shown.args.kwonlyargs} == {
        parameter.name
        for parameter in real.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert set(defaults) == {
        parameter.name
        for parameter in real.values()
        if parameter.default is not inspect.Parameter.empty
    }
    for argument, default in defaults.items():
        assert default is ... or default == real[argument].default, argument


def test_every_error_is_listed() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert set(re.findall(r"^\| `(\w+Error)` \|", page, re.MULTILINE)) == set(ERRORS)
    assert all(issubclass(getattr(prefect_compat, name), PrefectCompatError) for name in ERRORS)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_examples_compile_and_import_public_names(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "prefect_compat":
                assert {alias.name for alias in node.names} <= set(prefect_compat.__all__)
