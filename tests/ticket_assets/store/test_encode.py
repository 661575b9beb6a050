import io
import json

import pyarrow.parquet as pq
import pytest

from tests.ticket_assets.store.things import KEYS, table
from ticket_assets.store.encode import EncodedFile, encode
from ticket_assets.store.provenance import with_provenance
from ticket_assets.store.split import split


def content_of(file: EncodedFile) -> bytes:
    buffer = io.BytesIO()
    file.write(buffer)
    return buffer.getvalue()


def test_a_table_is_a_parquet_file() -> None:
    file = encode(split(table(), KEYS)[KEYS[0]])
    assert file.suffix == ".parquet"
    assert pq.read_table(io.BytesIO(content_of(file)))["text"].to_pylist() == ["a", None]


def test_a_day_alone_gives_the_same_bytes_as_within_a_range() -> None:
    alone = with_provenance(table().iloc[:2], {KEYS[0]: {"seed": 0}})
    within_range = content_of(encode(split(table(), KEYS)[KEYS[0]]))
    assert content_of(encode(split(alone, KEYS[:1])[KEYS[0]])) == within_range


def test_a_document_is_a_json_file_with_sorted_keys() -> None:
    file = encode({"b": None, "a": 1.5, "c": "é"})
    assert file.suffix == ".json"
    assert content_of(file).decode() == '{\n  "a": 1.5,\n  "b": null,\n  "c": "é"\n}\n'
    assert json.loads(content_of(file)) == {"a": 1.5, "b": None, "c": "é"}


def test_a_document_with_nan_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"mae": float("nan")})
