"""A Dagster asset graph as a native Prefect flow, and the comparison of the two orchestrators."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_compat.flow import as_flow as as_flow
    from prefect_compat.in_process import execute_in_process as execute_in_process
    from prefect_compat.in_process import materialize as materialize
    from prefect_compat.in_process import materialize_to_memory as materialize_to_memory

__all__ = ["as_flow", "execute_in_process", "materialize", "materialize_to_memory"]


def __getattr__(name: str) -> Any:
    """Importing Prefect takes a second: only what needs it does."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{'flow' if name == 'as_flow' else 'in_process'}")
    return getattr(module, name)
