"""pandas, NumPy and pyarrow are optional: without one, what remains has the same fingerprint."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint

TEXTS: dict[str, Callable[[], Any]] = {
    "objects": lambda: np.array([["a", "bü"], ["", "\N{SNOWMAN}"]], dtype=object),
    "no objects": lambda: np.array([], dtype=object),
    "a lone surrogate": lambda: np.array(["a", "\ud800"], dtype=object),
    "frame": lambda: pd.DataFrame(
        {
            "text": pd.array(["a", None, "bü", ""], dtype="string"),
            "plain": ["a", "b", "c", "d"],
            "kind": pd.Categorical(["x", "y", None, "x"]),
            "real": [0.1, -0.0, float("nan"), 1.0],
        }
    ),
    "empty column": lambda: pd.Series([], dtype="string"),
    "missing alone": lambda: pd.Series([None, None], dtype="string"),
    "surrogate in a column": lambda: pd.Series(["a", "\ud800"], dtype=pd.StringDtype("python")),
    "index": lambda: pd.Index(["a", "b"], name="n"),
}
# An entry None in `sys.modules` would do, but pandas 2 takes it for the module.
BLOCK = """
import importlib.abc, json, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in libraries:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
sys.meta_path.insert(0, Blocked())
"""
PLAIN: dict[str, Any] = {"text": "bü", "number": 1.5, "list": [1, (2, None)], "bytes": b"1"}


def found() -> dict[str, list[Any]]:
    marks = {name: fingerprint(make()) for name, make in TEXTS.items()}
    assert all(mark.is_comparable for mark in marks.values()), marks
    return {name: [mark.kind, mark.digest, *map(list, mark.parts)] for name, mark in marks.items()}


def without(root: Path, *libraries: str, code: str) -> Any:
    """The JSON that the code prints in a process that cannot import these libraries."""
    blocked = f"libraries = {libraries!r}\n{BLOCK}"
    command = [sys.executable, "-W", "ignore", "-c", blocked + code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_text_has_the_same_fingerprint_without_pyarrow(root: Path) -> None:
    code = f"from {__name__} import found; print(json.dumps(found()))"
    assert without(root, "pyarrow", code=code) == json.loads(json.dumps(found()))


def test_a_changed_text_is_seen_without_pyarrow(root: Path) -> None:
    code = """
import numpy as np, pandas as pd
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
values = [
    *(np.array(cells, dtype=object) for cells in (["ab", "c"], ["a", "bc"], ["a", "bd"], ["abc"])),
    *(pd.Series(cells, dtype="string") for cells in (["a", ""], ["a", None], ["", "a"])),
]
print(json.dumps([fingerprint(value).digest for value in values]))
"""
    assert len(set(without(root, "pyarrow", code=code))) == 7


def test_python_values_need_none_of_the_libraries(root: Path) -> None:
    code = f"""
from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
value = {PLAIN!r}
print(json.dumps([fingerprint(value).digest, list(text_rows(value).columns[1])]))
"""
    digest, texts = without(root, "numpy", "pandas", "pyarrow", code=code)
    assert digest == fingerprint(PLAIN).digest
    assert texts == ["b'1'", "1", "2", "None", "1.5", "'bü'"]


def test_no_library_is_imported_without_a_value_of_it(root: Path) -> None:
    # Dagster 1.12 and Prefect 3.6 import pandas themselves if they find it.
    code = """
import prefect_compat.cli.main, prefect_compat.comparison.comparison
import prefect_compat.flow.build, prefect_compat.testing
print(json.dumps([name for name in sys.modules if name.endswith("_values")
    and name.startswith("prefect_compat.comparison.fingerprint")]))
"""
    assert without(root, code=code) == []
