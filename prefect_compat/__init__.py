"""A Dagster asset job as a native Prefect flow, and the comparison of the two orchestrators."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_compat.flow import as_flow as as_flow

__all__ = ["as_flow"]


def __getattr__(name: str) -> Any:
    """Importing Prefect takes a second: only what needs it does."""
    if name == "as_flow":
        from prefect_compat.flow import as_flow

        return as_flow
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
