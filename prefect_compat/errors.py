"""The errors of this package, by whose fault they are."""

from typing import Any


class PrefectCompatError(Exception):
    """Base of every error that this package raises on purpose."""


class DefinitionError(PrefectCompatError):
    """The Dagster definitions use something that cannot be carried over as it is."""


class PartitionError(PrefectCompatError):
    """A partition was asked for that the definitions do not have."""


class ConfigError(PrefectCompatError):
    """Run configuration that Dagster would refuse, or that Prefect cannot honour."""


class StepError(PrefectCompatError):
    """The user's own code failed; the cause is chained. `result` has what the flow run did."""

    result: Any = None  # a FlowResult: errors know nothing of flows


class ServerError(PrefectCompatError):
    """Prefect's API cannot be reached, refuses, or does not start."""


class ComparisonError(PrefectCompatError):
    """Raised when one side of a comparison could not be run or read."""


class EjectError(PrefectCompatError):
    """A job, or a part of it, cannot be written as a Prefect project of its own."""


class SkeletonError(PrefectCompatError):
    """A Prefect flow, or a part of it, cannot be written as Dagster assets."""
