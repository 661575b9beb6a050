"""The suites of Dagster's integrations, in an environment of their own.

The environment is made once, in `var/environments`. It holds none of the pinned packages but
Dagster and Prefect: the integrations need older versions of pandas and DuckDB.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from dagster_shared.libraries import library_version_from_core_version

from tests.conformance.suite import CALLS, WORK, Suite, sources
from tests.environments import NotFetchedError, environment, library_requirements

PACKAGES = ("dagster-pandas", "dagster-duckdb", "dagster-duckdb-pandas", "dagster-dbt")
# As the test dependencies of the packages say. dbt-core 1.12 needs a package that is built from a
# download.
TEST_REQUIREMENTS = (
    *("dbt-core<1.12", "dbt-duckdb<1.9.2", "duckdb<1.4", "pandas==2.*"),
    *("pytest", "pytest-mock", "pytest-order", "pytest-rerunfailures", "pytest-xdist"),
    *("responses<=0.23.1", "tomlkit"),
)
# Their own CI chooses by these marks, too: the others need an account at a warehouse, or a binary.
MARKS = "not snowflake and not bigquery and not fusion"


def integrations(packages: Sequence[str]) -> list[Suite]:
    """The suites of the packages, of the versions that belong to the installed Dagster.

    One process runs each: the dbt projects lie in the sources, and dbt writes into them.
    """
    dagster = version("dagster")
    library = library_version_from_core_version(dagster)
    python = _python(dagster, library)
    # The tests of dagster-dbt import helpers from those of Dagster, beside Dagster's package.
    path = (sources("dagster", dagster, WORK),)
    return [
        Suite(
            package=package,
            version=library,
            calls=tuple(CALLS),
            baseline=Path(__file__).parent / f"{package}.json",
            goal=0.98,
            python=python,
            path=path,
            workers="0",
            marks=MARKS,
        )
        for package in packages
    ]


def _python(dagster: str, library: str) -> Path:
    try:
        return environment(
            (
                *library_requirements("pandas", "arrow"),
                *(f"{package}=={library}" for package in PACKAGES),
                *(f"{package}=={dagster}" for package in ("dagster", "dagster-dg-cli")),
                f"prefect=={version('prefect')}",
                *TEST_REQUIREMENTS,
            )
        )
    except NotFetchedError as error:
        sys.exit(f"The packages of the integrations cannot be fetched: {error}")
