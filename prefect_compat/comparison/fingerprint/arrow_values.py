"""Arrow's tables, arrays, schemas and types as plain parts."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefect_compat.comparison.fingerprint.arrow_buffers import joined_bytes, missing_of
from prefect_compat.comparison.fingerprint.parts import Part, Parts, Rule, inner

VOLATILE = ("creator", "pandas_version")  # in Arrow's b"pandas" metadata: who wrote, not what


def _arrow_table(table: Any) -> Parts:
    columns = (
        Part(field.name, table.column(position), f"[{field.name!r}]", str(field.type))
        for position, field in enumerate(table.schema)
    )
    return Parts((Part("schema", table.schema, ".schema"), *columns))


def _schema(schema: pa.Schema) -> Parts:
    metadata = dict(schema.metadata or {})
    if b"pandas" in metadata:
        metadata[b"pandas"] = _lasting(metadata[b"pandas"])
    return inner(fields=list(schema), metadata=metadata)


def _lasting(written: bytes) -> Any:
    try:
        return {key: entry for key, entry in json.loads(written).items() if key not in VOLATILE}
    # Another writer may have put anything there.
    except (ValueError, AttributeError):
        return written


def _field(field: pa.Field) -> Parts:
    return inner(
        name=field.name,
        type=field.type,
        nullable=field.nullable,
        metadata=dict(field.metadata or {}),
    )


def _type(kind: pa.DataType) -> Parts:
    """The type's text says all but the metadata of the fields inside."""
    serialized = getattr(kind, "__arrow_ext_serialize__", bytes)()
    fields = [kind.field(position) for position in range(kind.num_fields)]
    more = {"storage": kind.storage_type} if isinstance(kind, pa.BaseExtensionType) else {}
    return inner(text=str(kind), fields=fields, serialized=serialized, **more)


def _arrow_array(array: Any) -> Parts:
    """Chunks, offsets, and a dictionary's entries (unless ordered) are no content."""
    # Decoded first: Arrow's `null_count` overlooks a null that stands in the dictionary itself.
    chunks = _chunks(array)
    if not _has_bytes(array.type):
        chunks = [_decoded(chunk) for chunk in chunks]
    order = None
    if pa.types.is_dictionary(array.type) and array.type.ordered:
        # Each chunk may have a dictionary of its own; unified, the first one is that of all.
        unified = array.unify_dictionaries().chunks if _is_chunked(array) else [array]
        order = unified[0].dictionary if unified else None
    if _has_bytes(chunks[0].type):
        missing, present = joined_bytes(chunks)
    else:
        whole = pa.concat_arrays(chunks) if len(chunks) > 1 else chunks[0]
        missing = missing_of([whole])
        present = _present(whole.drop_null() if whole.null_count else whole)
    return inner(type=array.type, order=order, missing=missing, present=present)


def _is_chunked(array: Any) -> bool:
    return isinstance(array, pa.ChunkedArray)


def _chunks(array: Any) -> list[Any]:
    if not _is_chunked(array):
        return [array]
    return array.chunks or [pa.array([], array.type)]


def _decoded(array: Any) -> Any:
    """A chunk without encoding; decimals become text."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _decoded(array.storage)
    if pa.types.is_dictionary(kind):
        return _decoded(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _decoded(pc.run_end_decode(array))
    if pa.types.is_decimal(kind) or pa.types.is_string_view(kind):
        return pc.cast(array, pa.large_string())
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pc.cast(array, pa.large_binary())
    return array


def _has_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _present(array: Any) -> Any:
    """The values of a decoded array without nulls."""
    kind, types = array.type, pa.types
    if types.is_null(kind):
        return None
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return array.to_numpy(zero_copy_only=False)
    if types.is_interval(kind):
        return [tuple(span) for span in array.to_pylist()]
    if types.is_temporal(kind):
        # Viewed as numbers: `to_numpy` refuses a time of day with odd nanoseconds, for one.
        number = pa.int32() if kind.bit_width == 32 else pa.int64()
        return array.view(number).to_numpy(zero_copy_only=False)
    if types.is_struct(kind):
        return array.flatten()
    if types.is_map(kind):
        # A copy: `keys` and `items` of a slice are still those of the whole array.
        compact = array.take(pa.array(np.arange(len(array))))
        lengths = np.diff(compact.offsets.to_numpy()).astype("<i8")
        return inner(lengths=lengths, keys=compact.keys, entries=compact.items)
    if types.is_union(kind):
        return inner(codes=array.type_codes, values=array.to_pylist())
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype("<i8")
    return inner(lengths=lengths, entries=array.flatten())


RULES: dict[type, Rule] = {
    pa.Table: Rule(_arrow_table, "arrow table"),
    pa.RecordBatch: Rule(_arrow_table, "arrow table"),
    pa.Array: Rule(_arrow_array, "arrow array", ("pyarrow",)),
    pa.ChunkedArray: Rule(_arrow_array, "arrow array", ("pyarrow",)),
    pa.Scalar: Rule(lambda scalar: pa.repeat(scalar, 1), "arrow scalar", ("pyarrow",), True),
    pa.Schema: Rule(_schema, "arrow schema", is_whole=True),
    pa.Field: Rule(_field, "arrow field", is_whole=True),
    pa.DataType: Rule(_type, "arrow type", ("pyarrow",), is_whole=True),
}
