"""The versions that a record names."""

import os
import platform
from importlib import metadata
from importlib.util import find_spec


def versions() -> tuple[tuple[str, str], ...]:
    """The versions of Python, packages and machine."""
    packages = [
        (name, metadata.version(name))
        for name in ("dagster", "prefect", "pandas")
        if find_spec(name) is not None  # pandas is optional
    ]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    return (("python", platform.python_version()), *packages, ("machine", machine))
