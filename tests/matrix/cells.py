"""The versions that the library is tested on."""

from dataclasses import dataclass

from tests.environments import library_requirements

# What the tests of the library need beside it.
TOOLS = (
    *("pytest>=8.4,<9.2", "pytest-xdist>=3.8", "hypothesis>=6.140", "attrs", "pytz", "polars"),
    *("python-dateutil", "scikit-learn"),
)


@dataclass(frozen=True)
class Cell:
    """Versions of Dagster, Prefect and pandas, each as pip takes it after `==`."""

    dagster: str
    prefect: str
    pandas: str

    @property
    def name(self) -> str:
        """`1.12.0/3.6.*`, as the command takes it."""
        return f"{self.dagster}/{self.prefect}"

    @property
    def requirements(self) -> tuple[str, ...]:
        # With a newer FastAPI, the server that the tests start answers each request with an error.
        companions = ("fastapi<0.137",) if self.prefect.startswith("3.6.") else ()
        return (
            *library_requirements("pandas", "arrow", "tables", "eject"),
            f"dagster=={self.dagster}",
            f"prefect=={self.prefect}",
            f"pandas=={self.pandas}",
            *companions,
            *TOOLS,
        )


# Dagster 1.12 stands with pandas 2, as the projects of its time do.
DAGSTERS = (("1.12.0", "2.*"), ("1.12.*", "2.*"), ("1.13.0", "3.*"), ("1.13.*", "3.*"))
PREFECTS = ("3.6.*", "3.8.*", "3.9.*")
CELLS = tuple(
    Cell(dagster, prefect, pandas) for prefect in PREFECTS for dagster, pandas in DAGSTERS
)
OLDEST = CELLS[0]

ALL = ("tests/prefect_compat",)
# Plans, a flow of one day, the drop-ins and a comparison: under a minute.
SMOKE = (
    "tests/prefect_compat/graph/test_partitions.py",
    "tests/prefect_compat/graph/test_plan.py",
    "tests/prefect_compat/scenarios/test_partitions.py",
    "tests/prefect_compat/test_testing.py",
    "tests/prefect_compat/comparison/test_comparison.py::test_the_same_on_both_sides",
    "tests/prefect_compat/comparison/diff/test_rows.py",
)
