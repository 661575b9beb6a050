"""Declared assets and checks: Dagster's decorators, applied once the days are known.

A declaration stands beside its function, as with Dagster's own decorators. Only the days come
later, with the settings. So importing a module defines nothing and reads no setting.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import dagster as dg
import pandas as pd

from ticket_assets.errors import TicketAssetsError
from ticket_assets.store.tables import LargeTable, Table

OWNERS = ["team:service-desk-analytics"]
if TYPE_CHECKING:
    LogTable = Table
else:  # Dagster checks values against an annotation at run time, but not against a union.
    LogTable = dg.PythonObjectDagsterType((pd.DataFrame, LargeTable), name="LogTable")

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


def daily_asset(
    **options: Any,
) -> Callable[[Callable[..., Any]], Declaration[dg.AssetsDefinition]]:
    """Declares a daily product: a run of many days is one call of its function."""
    return declare(
        dg.asset,
        is_daily=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ticket_evaluation",
        owners=OWNERS,
        **options,
    )


@contextmanager
def refusals_are_final() -> Iterator[None]:
    """Fails the step without a retry on our own errors: they name what to correct first."""
    try:
        yield
    except TicketAssetsError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
