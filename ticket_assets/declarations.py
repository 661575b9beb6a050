"""Definitions that are made when the code location is built, for the days that its settings name.

A declaration stands where its function is, as with Dagster's own decorators; only the days come
later. So importing a module makes no definition and reads no setting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import dagster as dg

Definition = TypeVar("Definition")


@dataclass(frozen=True)
class Recipe(Generic[Definition]):
    """A function, and the Dagster decorator that makes a definition of it.

    Called with the days, it gives the definition; `is_daily` says whether they are its partitions.
    """

    function: Callable[..., Any]
    decorator: Callable[..., Callable[[Callable[..., Any]], Definition]]
    options: Mapping[str, Any]
    is_daily: bool

    def __call__(self, days: dg.PartitionsDefinition[str]) -> Definition:
        partitions = {"partitions_def": days} if self.is_daily else {}
        return self.decorator(**self.options, **partitions)(self.function)

    @property
    def name(self) -> str:
        """The name of the asset or the check."""
        return self.function.__name__


def declared(
    decorator: Callable[..., Callable[[Callable[..., Any]], Definition]],
    *,
    is_daily: bool,
    **options: Any,
) -> Callable[[Callable[..., Any]], Recipe[Definition]]:
    """The decorator with its options, to be applied once the days are known."""
    return lambda function: Recipe(function, decorator, options, is_daily)
