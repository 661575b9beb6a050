"""What stands for columns and tables: of NumPy, of pandas, of Arrow."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prefect_compat.comparison.fingerprint.parts import (
    Buffer,
    NotComparable,
    Part,
    Parts,
    Rule,
    inner,
    package,
    qualified,
)
from prefect_compat.comparison.fingerprint.time_zones import zone_name

VOLATILE = ("creator", "pandas_version")  # in Arrow's b"pandas" metadata: who wrote, not what


# Attributes in which pandas and NumPy themselves keep what the rules below read.
OF_TABLE = frozenset(
    {
        *("_mgr", "_attrs", "_flags", "_name", "_typ", "_cache", "_item_cache", "_cacher"),
        *("_is_copy", "_metadata"),
    }
)
OF_INDEX = frozenset(
    {
        *("_data", "_name", "_names", "_cache", "_id", "_references", "_freq", "_range"),
        *("_levels", "_codes", "sortorder", "_no_setting_name"),
    }
)
OF_COLUMN = frozenset(
    {
        *("_data", "_mask", "_dtype", "_pa_array", "_cache", "_readonly", "_ndarray", "_freq"),
        *("_sparse_index", "_sparse_values", "_left", "_right"),
    }
)
OF_DTYPE = frozenset(
    {
        *("_categories", "_ordered", "_storage", "storage", "_na_value", "_unit", "_tz", "_freq"),
        *("_subtype", "_closed", "_dtype", "_fill_value", "pyarrow_dtype", "_cache_dtypes"),
        *("numpy_dtype", "kind", "itemsize", "type"),
    }
)
OF_MASKED = frozenset(
    {
        *("_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass"),
        *("_optinfo", "_basedict"),
    }
)


def _array(array: npt.NDArray[Any]) -> Any:
    """Byte order, strides and NaN payload are no content; `datetime64`'s unit is."""
    array = np.asarray(array)
    described = _described(array.dtype)
    if not described:
        return _content(array)
    return Parts((Part("dtype", described, ".dtype"), Part("array", _content(array))))


def _described(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Facts of a dtype that the form of its cells does not tell."""
    found: dict[str, Any] = {}
    if dtype.metadata:
        found["metadata"] = dict(dtype.metadata)
    if dtype.kind == "T":
        if hasattr(dtype, "na_object"):
            found["missing"] = dtype.na_object
        if not getattr(dtype, "coerce", True):
            found["coerce"] = False
    elif dtype.type is np.record or package(dtype.type) != "numpy":
        found["cells"] = qualified(dtype.type)
    if dtype.fields and len(dtype.fields) != len(dtype.names or ()):
        found["titles"] = [dtype.fields[name][2:] for name in dtype.names or ()]
    return found


def _content(array: npt.NDArray[Any]) -> Any:
    dtype = array.dtype
    if dtype.names is not None:
        fields = (Part(name, array[name], f"[{name!r}]") for name in dtype.names)
        return Parts((Part("shape", array.shape), *fields))
    if dtype.kind in "OT":
        return Parts((Part("dtype", dtype.kind), Part("shape", array.shape), _cells(array)))
    if dtype.char in "gG":  # 8, 12 or 16 bytes by machine, some of them garbage
        return inner(dtype=dtype.char, shape=array.shape, cells=list(map(str, array.ravel())))
    little = np.ascontiguousarray(array, dtype.newbyteorder("<"))
    if dtype.kind in "fc":
        real = little.view(f"<f{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
        little = np.where(np.isnan(real), np.nan, real)
    if dtype.kind == "b":  # any byte but 0 is true
        little = np.packbits(little)
    name = dtype.newbyteorder("<").str
    return Buffer(f"{name} {'x'.join(map(str, array.shape))}", (little.tobytes(),))


def _cells(array: npt.NDArray[Any]) -> Part:
    """Python values: all text at once, else one by one."""
    cells = array.ravel().tolist()
    if all(type(cell) is str for cell in cells):
        try:
            return Part("texts", pa.array(cells, pa.large_string()))
        except UnicodeEncodeError:  # a lone surrogate
            pass
    return Part("cells", cells)


def _masked(array: np.ma.MaskedArray[Any, Any]) -> Parts:
    mask = np.ma.getmaskarray(array)
    cells = np.ma.getdata(array, subok=False)
    more = (
        Part("hard", array.hardmask or None, ".hardmask"),
        Part("info", vars(array)["_optinfo"] or None, "._optinfo"),
        Part("of", None if array.baseclass is np.ndarray else array.baseclass, ".baseclass"),
    )
    # A record's fields are masked one by one.
    present = cells[~mask] if mask.dtype.names is None else _fields(cells, mask)
    usual = inner(missing=mask, present=present, fill=array.fill_value)
    return Parts((*usual.entries, *(part for part in more if part.value is not None)))


def _fields(cells: npt.NDArray[Any], mask: npt.NDArray[Any]) -> Any:
    if mask.dtype.names is None:
        return cells[~mask]
    return {name: _fields(cells[name], mask[name]) for name in mask.dtype.names}


def _column(array: Any) -> Any:
    """What lies behind a missing value is no content; nor is a text's storage."""
    dtype = array.dtype
    if package(type(dtype)) not in ("pandas", "numpy"):
        raise NotComparable(f"no content is known of a column of {qualified(type(dtype))}")
    match dtype:
        case pd.CategoricalDtype():
            codes = array.codes.astype("<i8")
            return inner(categories=dtype.categories, ordered=bool(dtype.ordered), codes=codes)
        case pd.DatetimeTZDtype():
            return inner(zone=zone_name(dtype.tz), moments=array.to_numpy(f"M8[{dtype.unit}]"))
        case pd.PeriodDtype():
            return inner(dtype=dtype.name, ordinals=pd.PeriodIndex(array).asi8)
        case pd.IntervalDtype():
            return inner(closed=dtype.closed, left=array.left, right=array.right)
        case pd.SparseDtype():
            return inner(dtype="sparse", fill=dtype.fill_value, cells=np.asarray(array))
        case pd.StringDtype():
            return inner(dtype=dtype.name, cells=_text_column(array))
        case pd.ArrowDtype():
            return inner(dtype="arrow", cells=pa.array(array))
    if isinstance(array, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        missing = array.isna()
        present = array[~missing].to_numpy(dtype.numpy_dtype)
        return inner(dtype=dtype.name, missing=missing, present=present)
    if isinstance(dtype, np.dtype) or isinstance(array, pd.arrays.NumpyExtensionArray):
        return np.asarray(array)
    raise NotComparable(f"no content is known of a column of {dtype}")


def _text_column(array: Any) -> Any:
    try:
        return pa.array(array, pa.large_string())
    except UnicodeEncodeError:  # a lone surrogate: Python's storage alone can hold it
        return array.to_numpy(object)


def _index(index: pd.Index) -> Parts:
    """A range is the index of its numbers; a frequency is no content, being seen from it."""
    if isinstance(index, pd.MultiIndex):
        levels = (index.get_level_values(level).array for level in range(index.nlevels))
        parts = (Part(f"level {n}", level, f".levels[{n}]") for n, level in enumerate(levels))
        return Parts((Part("names", list(index.names), ".names"), *parts))
    return Parts((Part("name", index.name, ".name"), Part("values", index.array)))


def _series(series: Any) -> Parts:
    plain = series if type(series) is pd.Series else pd.Series(series)
    return Parts(
        (
            Part("name", plain.name, ".name"),
            Part("attrs", vars(series).get("_attrs", {}), ".attrs"),
            Part("index", plain.index, ".index"),
            Part("values", plain.array, "", _dtype_text(plain.dtype)),
            *_extras(series, set(pd.Series._metadata)),
        )
    )


def _table(table: pd.DataFrame) -> Parts:
    plain = table if type(table) is pd.DataFrame else pd.DataFrame(table)
    columns = (
        Part(str(name), plain.iloc[:, position].array, f"[{name!r}]", _dtype_text(dtype))
        for position, (name, dtype) in enumerate(zip(plain.columns, plain.dtypes, strict=True))
    )
    return Parts(
        (
            Part("attrs", vars(table).get("_attrs", {}), ".attrs"),
            Part("columns", plain.columns, ".columns"),
            Part("index", plain.index, ".index"),
            *_extras(table, set()),
            *columns,
        )
    )


def _dtype_text(dtype: Any) -> str:
    """The dtype as it is shown, with a zone's name instead of the file it was read from."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}, {zone_name(dtype.tz)}]"
    return str(dtype)


def _extras(value: Any, usual: set[str]) -> list[Part]:
    """Attributes that pandas' `_metadata` names, and flags that differ from the default."""
    names = [name for name in value._metadata if name not in usual]
    named = [Part(name, getattr(value, name, None), f".{name}") for name in names]
    if value.flags.allows_duplicate_labels:
        return named
    return [*named, Part("allows_duplicate_labels", False, ".flags.allows_duplicate_labels")]


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
    whole = _decoded(array)
    order = None
    if pa.types.is_dictionary(array.type) and array.type.ordered:
        chunks = array.unify_dictionaries().chunks if _is_chunked(array) else [array]
        order = chunks[0].dictionary if chunks else None
    missing = whole.is_null().to_numpy(zero_copy_only=False)
    present = _present(whole.drop_null() if whole.null_count else whole)
    return inner(type=array.type, order=order, missing=missing, present=present)


def _is_chunked(array: Any) -> bool:
    return isinstance(array, pa.ChunkedArray)


def _decoded(array: Any) -> Any:
    """One array without encoding; all text and bytes, and decimals as text, are large binary."""
    if _is_chunked(array):
        chunks = array.chunks or [pa.array([], array.type)]
        return pa.concat_arrays([_decoded(chunk) for chunk in chunks])
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _decoded(array.storage)
    if pa.types.is_dictionary(kind):
        return _decoded(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _decoded(pc.run_end_decode(array))
    if pa.types.is_decimal(kind) or _is_text(kind):
        return pc.cast(pc.cast(array, pa.large_string()), pa.large_binary())
    if _is_bytes(kind):
        return pc.cast(array, pa.large_binary())
    return array


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _present(array: Any) -> Any:
    """The values of a decoded array without nulls."""
    kind, types = array.type, pa.types
    if types.is_null(kind):
        return None
    if types.is_large_binary(kind):
        return _bytes(array)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return array.to_numpy(zero_copy_only=False)
    if types.is_interval(kind):
        return [tuple(span) for span in array.to_pylist()]
    if types.is_temporal(kind):
        number = pa.int32() if kind.bit_width == 32 else pa.int64()
        return array.view(number).to_numpy(zero_copy_only=False)
    if types.is_struct(kind):
        return array.flatten()
    if types.is_map(kind):
        compact = array.take(pa.array(np.arange(len(array))))
        lengths = np.diff(compact.offsets.to_numpy()).astype("<i8")
        return inner(lengths=lengths, keys=compact.keys, entries=compact.items)
    if types.is_union(kind):
        return inner(codes=array.type_codes, values=array.to_pylist())
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype("<i8")
    return inner(lengths=lengths, entries=array.flatten())


def _bytes(array: Any) -> Buffer:
    """Lengths, then all the bytes."""
    _, starts, data = array.buffers()
    if not len(array) or data is None:
        return Buffer("bytes", (bytes(8 * len(array)), b""))
    offsets = np.frombuffer(starts, "=i8")[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(offsets).astype("<i8").tobytes()
    return Buffer("bytes", (lengths, data[int(offsets[0]) : int(offsets[-1])].to_pybytes()))


def _dtype(dtype: np.dtype[Any]) -> Any:
    text, described = str(dtype.newbyteorder("<")), _described(dtype)
    return inner(dtype=described, text=text) if described else text


RULES: dict[type, Rule] = {
    np.ndarray: Rule(_array, "array", covers=frozenset()),
    np.memmap: Rule(_array, "array", covers=frozenset({"_mmap", "filename", "offset", "mode"})),
    np.matrix: Rule(_array, covers=frozenset({"_getitem"})),
    type(np.ma.masked): Rule(lambda _: "masked", "masked", is_whole=True),
    np.ma.MaskedArray: Rule(_masked, "masked array", covers=OF_MASKED),
    **dict.fromkeys(
        (np.generic, np.str_, np.bytes_), Rule(np.asarray, "scalar", ("numpy",), is_whole=True)
    ),
    np.dtype: Rule(_dtype, "dtype", ("numpy",), is_whole=True),
    pd.api.extensions.ExtensionDtype: Rule(
        lambda dtype: pd.array([], dtype=dtype),
        "column dtype",
        ("pandas",),
        is_whole=True,
        covers=OF_DTYPE,
    ),
    pd.api.extensions.ExtensionArray: Rule(_column, "column", ("pandas",), covers=OF_COLUMN),
    pd.Index: Rule(_index, "index", ("pandas",), covers=OF_INDEX),
    pd.Series: Rule(_series, "series", covers=OF_TABLE),
    pd.DataFrame: Rule(_table, "table", covers=OF_TABLE),
    pa.Table: Rule(_arrow_table, "arrow table"),
    pa.RecordBatch: Rule(_arrow_table, "arrow table"),
    pa.Array: Rule(_arrow_array, "arrow array", ("pyarrow",)),
    pa.ChunkedArray: Rule(_arrow_array, "arrow array", ("pyarrow",)),
    pa.Scalar: Rule(lambda scalar: pa.repeat(scalar, 1), "arrow scalar", ("pyarrow",), True),
    pa.Schema: Rule(_schema, "arrow schema", is_whole=True),
    pa.Field: Rule(_field, "arrow field", is_whole=True),
    pa.DataType: Rule(_type, "arrow type", ("pyarrow",), is_whole=True),
}
