"""Tables, columns, indexes and scalars of pandas as plain parts."""

from typing import Any

import numpy as np
import pandas as pd

from prefect_compat.comparison.fingerprint import texts
from prefect_compat.comparison.fingerprint.parts import (
    NotComparable,
    Part,
    Parts,
    Rule,
    inner,
    package,
    qualified,
)
from prefect_compat.comparison.fingerprint.time_zones import zone_name

# Attributes in which pandas itself keeps what the rules below read.
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


def _column(array: Any) -> Any:
    """The present values and the mask, without data behind missing values or a text's storage."""
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
            return inner(dtype="arrow", cells=texts.arrow().array(array))
    if isinstance(array, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        missing = array.isna()
        present = array[~missing].to_numpy(dtype.numpy_dtype)
        return inner(dtype=dtype.name, missing=missing, present=present)
    if isinstance(dtype, np.dtype) or isinstance(array, pd.arrays.NumpyExtensionArray):
        return np.asarray(array)
    raise NotComparable(f"no content is known of a column of {dtype}")


def _text_column(array: Any) -> Any:
    try:
        if (pa := texts.arrow()) is not None:
            return pa.array(array, pa.large_string())
        missing = array.isna()
        return texts.checked(texts.Texts(missing, array[~missing].to_numpy(object).tolist()))
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
    # As pandas' own class: a subclass may override what is read below.
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
    # By position: if names repeat, `plain[name]` is a table and not a column.
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


def _timestamp(value: pd.Timestamp) -> Parts:
    moment = value.to_datetime64().view("i8").item()
    return inner(moment=moment, unit=value.unit, fold=value.fold, zone=zone_name(value.tzinfo))


RULES: dict[type, Rule] = {
    **texts.RULES,
    pd.api.extensions.ExtensionDtype: Rule(
        # An empty column shows all that a dtype says.
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
    type(pd.NA): Rule(lambda _: "NA", "NA", is_whole=True),
    type(pd.NaT): Rule(lambda _: "NaT", "NaT", is_whole=True),
    pd.Timestamp: Rule(_timestamp, "timestamp", is_whole=True, covers=frozenset()),
    pd.Timedelta: Rule(
        lambda value: (value.to_timedelta64().view("i8").item(), value.unit),
        "duration",
        is_whole=True,
        covers=frozenset(),
    ),
    pd.Period: Rule(
        lambda value: (value.ordinal, value.freqstr),
        "period",
        is_whole=True,
        covers=frozenset(),
    ),
    pd.Interval: Rule(
        lambda value: (value.left, value.right, value.closed), "interval", is_whole=True
    ),
}
