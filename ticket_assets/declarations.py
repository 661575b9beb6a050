"""Declared assets and checks: Dagster's decorators, applied once the days are known.

A declaration stands beside its function, as with Dagster's own decorators. Only the days come
later, with the settings. So importing a module defines nothing and reads no setting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import dagster as dg

Definition = TypeVar("Definition")


@dataclass(frozen=True)
class Declaration(Generic[Definition]):
    """A function, and the Dagster decorator with its options that will define it.

    `is_daily` says that the definition has one partition a day.
    """

    function: Callable[..., Any]
    decorator: Callable[..., Callable[[Callable[..., Any]], Definition]]
    options: Mapping[str, Any]
    is_daily: bool

    def define(self, days: dg.PartitionsDefinition[str], **more: Any) -> Definition:
        """The definition for these days; `more` are further options of the decorator."""
        partitions = {"partitions_def": days} if self.is_daily else {}
        return self.decorator(**self.options, **partitions, **more)(self.function)

    @property
    def name(self) -> str:
        """The name of the asset or the check."""
        return self.function.__name__


def declare(
    decorator: Callable[..., Callable[[Callable[..., Any]], Definition]],
    *,
    is_daily: bool,
    **options: Any,
) -> Callable[[Callable[..., Any]], Declaration[Definition]]:
    """A decorator that declares a function for later definition."""
    return lambda function: Declaration(function, decorator, options, is_daily)
