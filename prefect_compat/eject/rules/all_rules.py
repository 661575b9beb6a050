"""All rules, in the order in which they are applied."""

from prefect_compat.eject.rules.context import SimpleContext
from prefect_compat.eject.rules.results import (
    CheckResults,
    DynamicElements,
    Failures,
    ReturnedResult,
)
from prefect_compat.eject.rules.rule import Rule
from prefect_compat.eject.rules.types import (
    BaseClasses,
    Contexts,
    GeneratedEvents,
    GenericResults,
    KnownTypes,
)
from prefect_compat.eject.rules.values import (
    EnvironmentVariables,
    Loggers,
    MetadataValues,
    TableDescriptions,
    UncheckedTypes,
)

RULES: tuple[type[Rule], ...] = (
    GeneratedEvents,
    ReturnedResult,
    DynamicElements,
    CheckResults,
    Failures,
    GenericResults,
    MetadataValues,
    TableDescriptions,
    UncheckedTypes,
    EnvironmentVariables,
    Loggers,
    BaseClasses,
    Contexts,
    KnownTypes,
)

# Those of a step's function alone: what calls it is written anew.
STEP_RULES: tuple[type[Rule], ...] = (SimpleContext, *RULES)

# The home in the written project of each name that a rule may put in.
HOMES = {
    "StepContext": "context",
    "AssetKey": "context",
    "log_metadata": "context",
    "Logger": "context",
    "RunLogger": "context",
    "CheckResult": "checks",
    "report_checks": "checks",
    "Config": "config",
    "PermissiveConfig": "config",
    "Failure": "failures",
    "RetryRequested": "failures",
    "Resource": "resource_base",
    "IOManager": "storage",
    "PlainIOManager": "storage",
    "DuckDBDatabase": "duckdb_database",
    "OutputContext": "storage",
    "InputContext": "storage",
    "MultiPartitionKey": "partitions",
    "get_run_logger": "prefect",
    "Iterator": "collections.abc",
    "Any": "typing",
    "os": "",
}
