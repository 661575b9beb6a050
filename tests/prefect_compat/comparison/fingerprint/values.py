"""Values of every kind that has a fingerprint: each beside one that differs in one place."""

import datetime as dt
import enum
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import scipy.sparse
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from prefect_compat.comparison.fingerprint.fingerprint import fingerprint

NAN = float("nan")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2016, 2, 29, 12)


@dataclass
class Trial:
    score: float
    notes: dict[str, Any] = field(default_factory=dict)


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    rows: int = 1
    tags: set[str] = set()
    _seen: int = pydantic.PrivateAttr(default=0)


@attrs.define
class Span:
    start: int
    stop: int = 2


class Point(NamedTuple):
    x: int
    y: int


Pair = namedtuple("Pair", ["x", "y"])


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Named(dict[str, int]):
    name = ""


def named(name: str) -> Named:
    made = Named(a=1)
    made.name = name
    return made


def settings(seen: int, **fields: Any) -> Settings:
    made = Settings(**fields)
    made._seen = seen
    return made


def fitted(model: Any, last: float = 1.0) -> Any:
    rows = np.arange(60.0).reshape(30, 2) % 7
    return model.fit(rows, np.append(rows[:-1, 0] * 2 + rows[:-1, 1], last))


def column(values: Any, dtype: Any) -> Callable[[], pd.DataFrame]:
    return lambda: pd.DataFrame({"c": pd.Series(values, dtype=dtype)})


def arrow(values: Any, kind: pa.DataType) -> Callable[[], pa.Array]:
    return lambda: pa.array(values, kind)


def schema(**metadata: str) -> pa.Schema:
    return pa.schema([pa.field("a", pa.int64())], metadata=metadata or None)


def union(last: str) -> pa.Array:
    codes = pa.array([0, 1, 1], pa.int8())
    return pa.UnionArray.from_sparse(codes, [pa.array([1, 2, 3]), pa.array(["a", "b", last])])


def ordered(*entries: str) -> pa.Array:
    kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    codes = pa.array([entries.index("a"), entries.index("b")], pa.int8())
    return pa.DictionaryArray.from_arrays(codes, pa.array(entries), ordered=True).cast(kind)


def multi(last: int, name: str = "n") -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", last)], names=["t", name])
    return pd.DataFrame({"c": [1, 2]}, index=index)


LIST = pa.list_(pa.int64())
MAP = pa.map_(pa.string(), pa.int64())
STRUCT = pa.struct({"a": pa.int64(), "b": pa.string()})
RECORD = np.dtype([("n", "i4"), ("x", "f8", 2)])
NULLABLE = ("Int8", "Int64", "UInt16", "Float32", "Float64")
TEXT = ("str", "string", pd.StringDtype("python"), object, pd.ArrowDtype(pa.string()))
NUMBERS = ("bool", "i1", "u8", "f2", "f4", "f8", "c8", "c16", "g", "G")
WIDE = {str(kind): kind for kind in (pa.int8(), pa.uint64(), pa.float16(), pa.float32())} | {
    str(kind): kind
    for kind in (
        *(pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns"), pa.duration("ms")),
        *(pa.timestamp("ns"), pa.timestamp("s", "UTC")),
    )
}

# The claim's name, a value, the value with one change.
CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    **{
        f"NumPy {dtype}": (
            lambda dtype=dtype: np.array([0, 1, 1], dtype),
            lambda dtype=dtype: np.array([0, 1, 0], dtype),
        )
        for dtype in NUMBERS
    },
    **{
        f"column {dtype}": (column([1, None, 2], dtype), column([1, None, 3], dtype))
        for dtype in NULLABLE
    },
    **{
        f"text {dtype!r}": (column(["a", None, "bc"], dtype), column(["a", None, "bd"], dtype))
        for dtype in TEXT
    },
    **{
        f"Arrow {name}": (
            lambda kind=kind: (
                pa.array([1, None, 2]).cast(pa.int32()).cast(kind)
                if kind.bit_width == 32 and not pa.types.is_floating(kind)
                else pa.array([1, None, 2]).cast(kind)
            ),
            lambda kind=kind: (
                pa.array([1, None, 3]).cast(pa.int32()).cast(kind)
                if kind.bit_width == 32 and not pa.types.is_floating(kind)
                else pa.array([1, None, 3]).cast(kind)
            ),
        )
        for name, kind in WIDE.items()
    },
    "boolean": (column([True, None], "boolean"), column([False, None], "boolean")),
    "missing boolean": (column([True, None], "boolean"), column([True, True], "boolean")),
    "zoned": (
        column([NOON, None], "datetime64[ms, Europe/Berlin]"),
        column([NOON, NOON], "datetime64[ms, Europe/Berlin]"),
    ),
    "zone": (
        column([None], "datetime64[ms, Europe/Berlin]"),
        column([None], "datetime64[ms, Europe/Rome]"),
    ),
    "unit of zoned": (
        column([None], "datetime64[ms, Europe/Berlin]"),
        column([None], "datetime64[us, Europe/Berlin]"),
    ),
    "timedelta": (column([1, None], "m8[s]"), column([2, None], "m8[s]")),
    "period": (column(["2016-01", None], "period[M]"), column(["2016-02", None], "period[M]")),
    "frequency": (column([None], "period[M]"), column([None], "period[D]")),
    "interval": (
        lambda: pd.DataFrame({"c": pd.arrays.IntervalArray.from_tuples([(0, 1), None])}),
        lambda: pd.DataFrame({"c": pd.arrays.IntervalArray.from_tuples([(0, 2), None])}),
    ),
    "closed": (
        lambda: pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1])),
        lambda: pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1], closed="left")),
    ),
    "sparse": (column([0, 0, 1.5], "Sparse[float]"), column([0, 1.5, 0], "Sparse[float]")),
    "fill": (
        column([0, 1], pd.SparseDtype("i8", 0)),
        column([0, 1], pd.SparseDtype("i8", 1)),
    ),
    "money": (
        column([Decimal("1.10"), None], pd.ArrowDtype(pa.decimal128(9, 2))),
        column([Decimal("1.11"), None], pd.ArrowDtype(pa.decimal128(9, 2))),
    ),
    "lists in a column": (
        column([[1, 2], None], pd.ArrowDtype(LIST)),
        column([[1, 3], None], pd.ArrowDtype(LIST)),
    ),
    "records in a column": (
        column([{"a": 1, "b": "x"}], pd.ArrowDtype(STRUCT)),
        column([{"a": 1, "b": "y"}], pd.ArrowDtype(STRUCT)),
    ),
    "objects": (column([1, "a", b"b", None], object), column([1, "a", b"c", None], object)),
    "None and NaN": (column(["a", None], object), column(["a", NAN], object)),
    "NaN and NA": (column(["a", NAN], object), column(["a", pd.NA], object)),
    "NA and NaT": (column(["a", pd.NA], object), column(["a", pd.NaT], object)),
    "surrogates": (column(["\ud800"], object), column(["\ud801"], object)),
    "surrogates as str": (
        column(["\ud800"], pd.StringDtype("python")),
        column(["\ud801"], pd.StringDtype("python")),
    ),
    "number and its text": (column([1, "a"], object), column(["1", "a"], object)),
    "object and str": (column(["a"], object), column(["a"], "str")),
    "str and string": (column(["a"], "str"), column(["a"], "string")),
    "string of Arrow": (column(["a"], "string"), column(["a"], pd.ArrowDtype(pa.string()))),
    "series": (lambda: pd.Series([1], name="a"), lambda: pd.Series([1], name="b")),
    "index of a series": (lambda: pd.Series([1], [0]), lambda: pd.Series([1], [1])),
    "index": (lambda: pd.Index(["a", "b"]), lambda: pd.Index(["a", "c"])),
    "dtype of an index": (lambda: pd.Index([1], dtype="i8"), lambda: pd.Index([1], dtype="i4")),
    "multi-index": (lambda: multi(1), lambda: multi(2)),
    "name of a level": (lambda: multi(1), lambda: multi(1, "m")),
    "name of the columns": (
        lambda: pd.DataFrame({"a": [1]}),
        lambda: pd.DataFrame({"a": [1]}).rename_axis("names", axis=1),
    ),
    "column number 1 and '1'": (
        lambda: pd.DataFrame({1: [1]}),
        lambda: pd.DataFrame({"1": [1]}),
    ),
    "moments in NumPy": (
        lambda: np.array(["2016-02-29", "NaT"], "M8[s]"),
        lambda: np.array(["2016-02-29", "2016-03-01"], "M8[s]"),
    ),
    "unit in NumPy": (lambda: np.array([1], "m8[s]"), lambda: np.array([1], "m8[ms]")),
    "records in NumPy": (
        lambda: np.array([(1, (2, 3))], RECORD),
        lambda: np.array([(1, (2, 4))], RECORD),
    ),
    "text in NumPy": (lambda: np.array(["a", "bc"]), lambda: np.array(["a", "bd"])),
    "bytes in NumPy": (lambda: np.array([b"a"]), lambda: np.array([b"b"])),
    "texts of any length": (
        lambda: np.array(["a"], np.dtypes.StringDType()),
        lambda: np.array(["b"], np.dtypes.StringDType()),
    ),
    "objects in NumPy": (
        lambda: np.array([1, "a"], object),
        lambda: np.array([1, "b"], object),
    ),
    "dimensions of objects": (
        lambda: np.array([[1, 2]], object),
        lambda: np.array([[1], [2]], object),
    ),
    "masked": (
        lambda: np.ma.masked_array([1, 2], [False, True]),
        lambda: np.ma.masked_array([1, 2], [False, False]),
    ),
    "NumPy scalar": (lambda: np.float32(0.5), lambda: np.float64(0.5)),
    "NumPy and Python": (lambda: np.float64(0.5), lambda: 0.5),
    "NumPy text": (lambda: np.str_("a"), lambda: "a"),
    "NumPy dtype": (lambda: np.dtype("i4"), lambda: np.dtype("i8")),
    "column dtype": (
        lambda: pd.CategoricalDtype(["a", "b"]),
        lambda: pd.CategoricalDtype(["b", "a"]),
    ),
    "Arrow boolean": (arrow([True, None], pa.bool_()), arrow([False, None], pa.bool_())),
    "Arrow null": (arrow([None], pa.null()), arrow([None, None], pa.null())),
    "Arrow text": (arrow(["a", None], pa.string()), arrow(["b", None], pa.string())),
    "Arrow text's type": (arrow(["a"], pa.string()), arrow(["a"], pa.large_string())),
    "Arrow view": (arrow(["a", None], pa.string_view()), arrow(["b", None], pa.string_view())),
    "Arrow bytes": (arrow([b"ab", None], pa.binary(2)), arrow([b"ac", None], pa.binary(2))),
    "Arrow decimal": (
        arrow([Decimal(1), None], pa.decimal256(9, 2)),
        arrow([Decimal(2), None], pa.decimal256(9, 2)),
    ),
    "Arrow list": (arrow([[1], [], None], LIST), arrow([[1], None, []], LIST)),
    "Arrow list's bounds": (arrow([[1], [2, 3]], LIST), arrow([[1, 2], [3]], LIST)),
    "Arrow fixed list": (
        arrow([[1, 2], None], pa.list_(pa.int64(), 2)),
        arrow([[1, 3], None], pa.list_(pa.int64(), 2)),
    ),
    "Arrow list view": (
        arrow([[1], None], pa.list_view(pa.int64())),
        arrow([[2], None], pa.list_view(pa.int64())),
    ),
    "Arrow map": (arrow([[("a", 1)], None], MAP), arrow([[("a", 2)], None], MAP)),
    "Arrow struct": (arrow([{"a": 1}, None], STRUCT), arrow([{"a": 1}, {"a": None}], STRUCT)),
    "Arrow union": (lambda: union("c"), lambda: union("d")),
    "Arrow interval": (
        arrow([(1, 2, 3), None], pa.month_day_nano_interval()),
        arrow([(1, 2, 4), None], pa.month_day_nano_interval()),
    ),
    "Arrow dictionary": (
        lambda: pa.array(["a", "b"]).dictionary_encode(),
        lambda: pa.array(["a", "c"]).dictionary_encode(),
    ),
    "Arrow dictionary's order": (lambda: ordered("a", "b"), lambda: ordered("b", "a")),
    "Arrow runs": (
        lambda: pa.compute.run_end_encode(pa.array([1, 1, 2])),
        lambda: pa.compute.run_end_encode(pa.array([1, 2, 2])),
    ),
    "Arrow extension": (
        lambda: pa.array([b"1" * 16, None], pa.uuid()),
        lambda: pa.array([b"2" * 16, None], pa.uuid()),
    ),
    "Arrow scalar": (lambda: pa.scalar(1, pa.int8()), lambda: pa.scalar(1, pa.int16())),
    "Arrow field": (
        lambda: pa.table([[1]], pa.schema([pa.field("a", pa.int64())])),
        lambda: pa.table([[1]], pa.schema([pa.field("a", pa.int64(), nullable=False)])),
    ),
    "Arrow metadata": (lambda: schema(by="me"), lambda: schema(by="you")),
    "metadata of an inner field": (
        lambda: pa.list_(pa.field("item", pa.int8())),
        lambda: pa.list_(pa.field("item", pa.int8(), metadata={"a": "b"})),
    ),
    "order of columns in Arrow": (
        lambda: pa.table({"a": [1], "b": [1]}),
        lambda: pa.table({"b": [1], "a": [1]}),
    ),
    "int": (lambda: 10**5000, lambda: 10**5000 + 1),
    "sign of zero": (lambda: 0.0, lambda: -0.0),
    "infinity": (lambda: float("inf"), lambda: -float("inf")),
    "NaN": (lambda: NAN, lambda: None),
    "complex": (lambda: complex(0, 0.0), lambda: complex(0, -0.0)),
    "lone surrogate": (lambda: "\ud800", lambda: "\ud801"),
    "bytes and bytearray": (lambda: b"a", lambda: bytearray(b"a")),
    "decimal": (lambda: Decimal("1.0"), lambda: Decimal("1.00")),
    "fraction": (lambda: Fraction(1, 3), lambda: Fraction(1, 2)),
    "uuid": (lambda: UUID(int=1), lambda: UUID(int=2)),
    "date": (lambda: NOON.date(), lambda: dt.date(2016, 3, 1)),
    "date and datetime": (lambda: dt.date(2016, 1, 1), lambda: dt.datetime(2016, 1, 1)),
    "time": (lambda: NOON.time(), lambda: dt.time(12, 0, 0, 1)),
    "span": (lambda: dt.timedelta(1), lambda: dt.timedelta(1, 0, 1)),
    "fold": (lambda: NOON, lambda: NOON.replace(fold=1)),
    "zone of a moment": (
        lambda: NOON.replace(tzinfo=BERLIN),
        lambda: NOON.replace(tzinfo=ZoneInfo("Europe/Rome")),
    ),
    "fixed zone": (
        lambda: NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        lambda: NOON.replace(tzinfo=BERLIN),
    ),
    "timestamp": (lambda: pd.Timestamp(1), lambda: pd.Timestamp(2)),
    "timestamp's unit": (lambda: pd.Timestamp(NOON), lambda: pd.Timestamp(NOON).as_unit("ns")),
    "duration": (lambda: pd.Timedelta(1), lambda: pd.Timedelta(2)),
    "a period": (lambda: pd.Period("2016-01"), lambda: pd.Period("2016-01-01")),
    "an interval": (lambda: pd.Interval(0, 1), lambda: pd.Interval(0, 1.0)),
    "enum": (lambda: Colour.RED, lambda: Colour.BLUE),
    "enum of ints": (lambda: Level.LOW, lambda: 1),
    "class": (lambda: np.float32, lambda: np.float64),
    "range": (lambda: range(2), lambda: range(3)),
    "list and tuple": (lambda: [1], lambda: (1,)),
    "where a list ends": (lambda: [[1], 2], lambda: [[1, 2]]),
    "deque": (lambda: deque([1]), lambda: deque([2])),
    "keys of any type": (lambda: {1: "a"}, lambda: {"1": "a"}),
    "key and value": (lambda: {"a": "b"}, lambda: {"b": "a"}),
    "tuples as keys": (lambda: {(1, 2): 0}, lambda: {(2, 1): 0}),
    "set": (lambda: {"a", "b"}, lambda: {"a", "c"}),
    "set and frozenset": (lambda: {1}, lambda: frozenset({1})),
    "ordered dict": (lambda: OrderedDict(a=1), lambda: {"a": 1}),
    "counter": (lambda: Counter("aab"), lambda: Counter("abb")),
    "default dict": (lambda: defaultdict(int, a=1), lambda: defaultdict(int, a=2)),
    "attributes of a dict": (lambda: named("a"), lambda: named("b")),
    "namedtuple": (lambda: Point(1, 2), lambda: Point(1, 3)),
    "class of a namedtuple": (lambda: Point(1, 2), lambda: Pair(1, 2)),
    "dataclass": (lambda: Trial(0.5), lambda: Trial(0.5, {"a": 1})),
    "pydantic": (lambda: settings(0, tags={"a", "b"}), lambda: settings(0, tags={"a"})),
    "extra field": (lambda: settings(0, more=1), lambda: settings(0, more=2)),
    "private attribute": (lambda: settings(0), lambda: settings(1)),
    "attrs": (lambda: Span(1), lambda: Span(1, 3)),
    "parameter of a model": (
        lambda: LinearRegression(),
        lambda: LinearRegression(positive=True),
    ),
    "sparse matrix": (
        lambda: scipy.sparse.csr_array([[0, 1]]),
        lambda: scipy.sparse.csr_array([[1, 0]]),
    ),
    **{
        f"fitted {name}": (lambda make=make: fitted(make()), lambda make=make: fitted(make(), 9.0))
        for name, make in {
            "line": LinearRegression,
            "pipeline": lambda: make_pipeline(StandardScaler(), LinearRegression()),
            "forest": lambda: RandomForestRegressor(3, random_state=0, bootstrap=False),
            "boosting": lambda: GradientBoostingRegressor(n_estimators=2, random_state=0),
            "histogram boosting": lambda: HistGradientBoostingRegressor(
                max_iter=2, min_samples_leaf=1
            ),
            "neighbours": lambda: KNeighborsRegressor(2),
            "network": lambda: MLPRegressor(hidden_layer_sizes=(2,), tol=1.0, random_state=0),
        }.items()
    },
}

# The digests that any machine must find.
SNAPSHOT: dict[str, Callable[[], Any]] = {
    "table": lambda: pd.DataFrame(
        {
            "whole": pd.array([1, 2, None], dtype="Int64"),
            "real": [0.1, -0.0, NAN],
            "text": pd.array(["a", "bü", None], dtype="str"),
            "when": pd.Series([NOON, None, NOON], dtype="datetime64[us, Europe/Berlin]"),
            "kind": pd.Categorical(["x", None, "y"]),
            "mixed": pd.Series([1, "a", None], dtype=object),
            "money": pd.Series([Decimal("1.10")] * 3, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
        }
    ),
    "arrow table": lambda: pa.table({"a": [1, None], "b": [["x"], None]}),
    "array": lambda: np.array([[1.5, NAN], [-0.0, 2]], "f4"),
    "document": lambda: {"a": [1, (2.5, None)], 1: {"x", "y"}, "when": NOON.date()},
    "record": lambda: Trial(0.5, {"b": b"bytes", "a": Colour.RED}),
}


def digests() -> dict[str, Any]:
    """Returns the digest of each value of CHANGES and of its parts."""
    pairs = {name: fingerprint(value()) for name, (value, _) in CHANGES.items()}
    return {name: [found.digest, *map(list, found.parts)] for name, found in pairs.items()}
