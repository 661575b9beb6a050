"""Interpreters with other people's libraries, which benchmarks run beside ours."""

import subprocess
import sys

from benchmarks.measuring import ROOT


def rival_python(name: str, *packages: str) -> str:
    """The interpreter of the environment `name` with these packages, made if needed."""
    folder = ROOT / "var" / name
    python = folder / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)
