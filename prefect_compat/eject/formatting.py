"""Formats the written code as ruff does."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prefect_compat.errors import EjectError

RUFF_SETTINGS = '[tool.ruff]\nline-length = 100\ntarget-version = "py311"\n'


def formatted(files: Mapping[str, str]) -> dict[str, str]:
    """The files as ruff formats them, with sorted imports and without unused ones."""
    with tempfile.TemporaryDirectory(prefix="prefect-compat-eject-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(RUFF_SETTINGS, encoding="utf-8")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        python = [path for path in files if path.endswith(".py")]
        _ruff(folder, "check", "--quiet", "--fix", "--exit-zero", "--select", "I,F401", *python)
        _ruff(folder, "format", *python)
        return {path: (folder / path).read_text(encoding="utf-8") for path in files}


def _ruff(folder: Path, *arguments: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise EjectError(f"The written code cannot be formatted: {ran.stderr.strip()[:500]}")
