"""Dagster projects in a folder of their own, which is the working folder."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Enter = Callable[[str, str], Path]


@pytest.fixture
def enter_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """A function that writes a module, by its name and its code, and goes to its folder."""
    modules = []

    def enter(module: str, code: str) -> Path:
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        (tmp_path / "pyproject.toml").write_text(f'[tool.dagster]\nmodule_name = "{module}"\n')
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path])
        return tmp_path

    yield enter
    for module in modules:
        sys.modules.pop(module, None)
