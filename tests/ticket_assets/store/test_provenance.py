from tests.ticket_assets.store.things import KEYS, table
from ticket_assets.store.provenance import (
    from_schema_metadata,
    provenance_of,
    to_schema_metadata,
    with_provenance,
)


def test_origins_are_merged_and_facts_added_for_each_day() -> None:
    first = {KEYS[0]: {"log": "a"}, KEYS[1]: {"log": "b"}}
    merged = with_provenance(table(), first, {KEYS[0]: {"seed": 1}}, size=3)
    assert provenance_of(merged) == {
        KEYS[0]: {"log": "a", "seed": 1, "size": 3},
        KEYS[1]: {"log": "b", "size": 3},
    }


def test_the_table_that_was_passed_keeps_its_own() -> None:
    original = table()
    with_provenance(original, {KEYS[0]: {"seed": 7}})
    assert provenance_of(original) == provenance_of(table())


def test_a_table_without_any_has_none() -> None:
    bare = table()
    bare.attrs = {}
    assert provenance_of(bare) == {}


def test_it_survives_the_round_trip_through_a_parquet_schema() -> None:
    provenance = {"seed": 1, "hours": {"high": 24.0}, "source": "é"}
    metadata = {name.encode(): value for name, value in to_schema_metadata(provenance).items()}
    assert from_schema_metadata(metadata) == provenance
    assert from_schema_metadata(None) == {}
