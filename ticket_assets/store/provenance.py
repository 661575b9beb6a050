"""Provenance: what each day of a table was made from.

A table carries it in `attrs["provenance"]`, by partition key, so that a day without rows has it
too. In a day's file it is metadata of the Parquet schema.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ticket_assets.store.canonical_json import canonical_json
from ticket_assets.store.tables import SomeTable, Table, with_attrs

PROVENANCE = "provenance"
Provenances = dict[str, dict[str, Any]]  # facts by partition key


def with_provenance(table: SomeTable, *origins: Mapping[str, Any], **facts: Any) -> SomeTable:
    """The table with new provenance: for each day, `origins` merged and `facts` added."""
    days = [day for origin in origins for day in origin]
    return carry(
        table,
        {
            day: {name: value for origin in origins for name, value in origin.get(day, {}).items()}
            | facts
            for day in dict.fromkeys(days)
        },
    )


def carry(table: SomeTable, provenances: Mapping[str, Mapping[str, Any]]) -> SomeTable:
    """The table with exactly this provenance.

    It is stored as JSON text: pandas copies `attrs` deeply at every operation, and a year of
    nested mappings tripled the run's time.
    """
    return with_attrs(table, {PROVENANCE: json.dumps(provenances)})


def provenance_of(table: Table) -> Provenances:
    """The inputs of each day of the table, by partition key; empty if it carries none."""
    provenances: Provenances = json.loads(table.attrs.get(PROVENANCE, "{}"))
    return provenances


def to_schema_metadata(provenance: Mapping[str, Any]) -> dict[str, bytes]:
    """One day's provenance as metadata of its Parquet schema."""
    return {PROVENANCE: canonical_json(provenance)}


def from_schema_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """The provenance that a Parquet file carries; the inverse of `to_schema_metadata`."""
    provenance: dict[str, Any] = json.loads((metadata or {}).get(PROVENANCE.encode(), b"{}"))
    return provenance


def without_schema_metadata(table: pa.Table) -> pa.Table:
    """The table without metadata: tables of several days can then be joined."""
    return table.replace_schema_metadata(None)
