"""A Dagster asset graph as a native Prefect flow, and the comparison of the two orchestrators."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_compat.comparison.comparison import compare as compare
    from prefect_compat.comparison.diff.declared import Declared as Declared
    from prefect_compat.comparison.diff.declared import Tolerance as Tolerance
    from prefect_compat.comparison.fingerprint.fingerprint import (
        register_fingerprint as register_fingerprint,
    )
    from prefect_compat.errors import ComparisonError as ComparisonError
    from prefect_compat.errors import ConfigError as ConfigError
    from prefect_compat.errors import DefinitionError as DefinitionError
    from prefect_compat.errors import PartitionError as PartitionError
    from prefect_compat.errors import PrefectCompatError as PrefectCompatError
    from prefect_compat.errors import ServerError as ServerError
    from prefect_compat.errors import StepError as StepError
    from prefect_compat.flow.build import as_flow as as_flow
    from prefect_compat.graph.features import explain as explain
    from prefect_compat.testing import execute_in_process as execute_in_process
    from prefect_compat.testing import materialize as materialize
    from prefect_compat.testing import materialize_to_memory as materialize_to_memory

    __version__: str

_HOME = {
    "ComparisonError": "errors",
    "ConfigError": "errors",
    "Declared": "comparison.diff.declared",
    "DefinitionError": "errors",
    "PartitionError": "errors",
    "PrefectCompatError": "errors",
    "ServerError": "errors",
    "StepError": "errors",
    "Tolerance": "comparison.diff.declared",
    "as_flow": "flow.build",
    "compare": "comparison.comparison",
    "execute_in_process": "testing",
    "explain": "graph.features",
    "materialize": "testing",
    "materialize_to_memory": "testing",
    "register_fingerprint": "comparison.fingerprint.fingerprint",
}

__all__ = ["__version__", *sorted(_HOME)]  # a mypy-checked list would repeat it


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: importing Prefect takes a second."""
    if name == "__version__":
        return version("prefect-compat")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
