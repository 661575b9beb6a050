"""An environment for written projects, with Prefect and their libraries and without Dagster."""

from importlib.metadata import version

import pytest

from tests.environments import NotFetchedError, environment, installed

# Prefect, what it does not bound well enough itself, and what the projects of the tests import.
# In the versions of this environment: floats may differ in their last bit between others.
PACKAGES = (
    *("prefect", "fastapi", "sqlalchemy", "pydantic", "pandas", "numpy", "pyarrow", "scipy"),
    *("scikit-learn", "matplotlib", "jinja2", "threadpoolctl", "requests", "fsspec", "pyyaml"),
    *("duckdb", "dask", "distributed"),
)
ABSENT = {"dagster", "dagster-shared", "prefect-compat", "ticket-assets"}


def python_without_dagster() -> str:
    """Its interpreter; the test is skipped if the packages cannot be fetched."""
    try:
        python = environment([f"{name}=={version(name)}" for name in PACKAGES])
    except NotFetchedError as error:
        pytest.skip(f"the packages of the written projects cannot be fetched: {error}")
    assert not ABSENT & {*installed(python)}
    return str(python)
