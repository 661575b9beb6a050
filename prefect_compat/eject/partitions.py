"""Code for partitions, and for the partitions of an input that a step depends on."""

from dataclasses import dataclass, field

import dagster as dg

from prefect_compat.eject.literals import literal
from prefect_compat.engine.dagster_port.step_facts import static_mapping
from prefect_compat.errors import EjectError

UNITS = {"HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month"}
# Where windows start without an offset.
FIRST_DAYS = {"week": 0, "month": 1}


def partitions_code(partitions: dg.PartitionsDefinition) -> str:
    """The code that makes the partitions. Raises EjectError for a kind that has no counterpart."""
    match partitions:
        case dg.MultiPartitionsDefinition():
            dimensions = "".join(
                f"({literal(entry.name)}, {partitions_code(entry.partitions_def)}), "
                for entry in partitions.partitions_defs
            )
            return f"MultiPartitions(({dimensions}))"
        case dg.StaticPartitionsDefinition():
            return f"StaticPartitions({literal(tuple(partitions.get_partition_keys()))})"
        case dg.DynamicPartitionsDefinition():
            return f"DynamicPartitions({literal(partitions.name or 'dynamic')})"
        case dg.TimeWindowPartitionsDefinition():
            return _time_code(partitions)
    raise EjectError(f"Partitions of the kind {type(partitions).__name__} have no counterpart.")


def _time_code(partitions: dg.TimeWindowPartitionsDefinition) -> str:
    unit = UNITS.get(partitions.schedule_type.name) if partitions.schedule_type else None
    if unit is None:
        raise EjectError(
            f"Partitions by the cron schedule '{partitions.cron_schedule}' have no counterpart; use"
            " hourly, daily, weekly or monthly ones."
        )
    if getattr(partitions, "exclusions", None):
        raise EjectError("Partitions with exclusions have no counterpart.")
    fmt = partitions.fmt
    first_day = FIRST_DAYS.get(unit, 0)
    day = partitions.day_offset if unit in FIRST_DAYS else 0
    options = {
        "end": partitions.end.strftime(fmt) if partitions.end else None,
        "fmt": fmt if fmt != "%Y-%m-%d" else None,
        "timezone": partitions.timezone if partitions.timezone != "UTC" else None,
        "minute": partitions.minute_offset or None,
        "hour": None if unit == "hour" else partitions.hour_offset or None,
        "day": day if unit == "month" or day != first_day else None,
        "end_offset": partitions.end_offset or None,
    }
    given = "".join(f", {name}={literal(value)}" for name, value in options.items() if value)
    return f'TimePartitions("{unit}", {literal(partitions.start.strftime(fmt))}{given})'


@dataclass
class PartitionNames:
    """The partitions that the project needs, each with the name of its variable."""

    by_code: dict[str, str] = field(default_factory=dict)
    has_windows: bool = False

    def name_of(self, partitions: dg.PartitionsDefinition, wanted: str) -> str:
        """The variable of the partitions; a new one gets the wanted name."""
        code = partitions_code(partitions)
        if code not in self.by_code:
            taken = set(self.by_code.values())
            name = wanted.upper()
            self.by_code[code] = name if name not in taken else f"{name}_{len(taken) + 1}"
        return self.by_code[code]


def keys_code(
    own: dg.PartitionsDefinition | None,
    upstream: dg.PartitionsDefinition | None,
    mapping: dg.PartitionMapping | None,
    keys: str,
    names: PartitionNames,
    asset: str,
) -> str | None:
    """The code for the upstream keys that a step reads, from the code of its own `keys`.

    None if the upstream asset has no partitions. Raises EjectError for an unknown mapping.
    """
    if upstream is None:
        return None
    other = f"partitions.{names.name_of(upstream, f'{asset}_partitions')}"
    match mapping:
        case dg.AllPartitionMapping():
            return f"{other}.keys()"
        case dg.LastPartitionMapping():
            return f"{other}.keys()[-1:]"
        case dg.SpecificPartitionsPartitionMapping():
            return literal(list(mapping.partition_keys))
    if own is None:
        return f"{other}.keys()"
    match mapping:
        case None | dg.IdentityPartitionMapping():
            return keys
        case dg.TimeWindowPartitionMapping():
            return _windows_code(own, upstream, mapping, keys, names, other)
        case dg.StaticPartitionMapping():
            return _static_code(upstream, mapping, keys)
        case dg.MultiToSingleDimensionPartitionMapping():
            if isinstance(own, dg.MultiPartitionsDefinition):
                name = mapping.partition_dimension_name or _common(own, upstream)
                return f"[key.keys_by_dimension[{literal(name)}] for key in {keys}]"
    raise EjectError(
        f"{asset}: the partition mapping {type(mapping).__name__} has no counterpart. Write the"
        " step by hand."
    )


def _windows_code(
    own: dg.PartitionsDefinition,
    upstream: dg.PartitionsDefinition,
    mapping: dg.TimeWindowPartitionMapping,
    keys: str,
    names: PartitionNames,
    other: str,
) -> str:
    offsets = {"start_offset": mapping.start_offset, "end_offset": mapping.end_offset}
    given = {name: value for name, value in offsets.items() if value}
    if own == upstream and not given:
        return keys
    names.has_windows = True
    own_name = f"partitions.{names.name_of(own, 'partitions')}"
    options = "".join(f", {name}={value}" for name, value in given.items())
    if mapping.allow_nonexistent_upstream_partitions:
        options += ", may_be_missing=True"
    return f"partitions.windows_before({other}, {own_name}, {keys}{options})"


def _static_code(
    upstream: dg.PartitionsDefinition, mapping: dg.StaticPartitionMapping, keys: str
) -> str:
    downstream_of = static_mapping(mapping)
    by_key: dict[str, list[str]] = {}
    for name in upstream.get_partition_keys():
        for key in sorted(downstream_of.get(name, ())):
            by_key.setdefault(key, []).append(name)
    return f"[name for key in {keys} for name in {literal(by_key)}[key]]"


def _common(own: dg.MultiPartitionsDefinition, upstream: dg.PartitionsDefinition) -> str:
    same = [entry.name for entry in own.partitions_defs if entry.partitions_def == upstream]
    if len(same) != 1:
        raise EjectError("It is not clear which dimension the upstream partitions are.")
    return same[0]
