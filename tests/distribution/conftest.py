"""The library's wheel, and an environment that holds it and little else."""

from pathlib import Path

import pytest

from tests.environments import (
    NotFetchedError,
    build_wheel,
    environment,
    install,
)
from tests.matrix.cells import OLDEST


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(root / "prefect_compat", tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def oldest(wheel: Path) -> Path:
    """The Python of an environment with the wheel and the oldest versions."""
    try:
        python = environment(OLDEST.requirements)  # the same as of the matrix's smoke cell
    except NotFetchedError as error:
        pytest.skip(f"the packages of the oldest versions cannot be fetched: {error}")
    install(python, wheel)
    return python
