"""Values that differ in what they carry beside a known content: attributes, slots, the class."""

import datetime as dt
import enum
import fractions
import functools
import importlib.resources
import io
import os
import pickle
import re
import threading
import types
import typing
import weakref
from array import array
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
    namedtuple,
)
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import attrs
import dateutil.tz
import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import pytz
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.prefect_compat.comparison.fingerprint.values import fitted

Made = Callable[[], Any]
T = TypeVar("T")
BERLIN, ROME = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Rome")
NOON = dt.datetime(2016, 2, 29, 12)
PYTZ_BERLIN = pytz.timezone("Europe/Berlin")


def having(make: Made, **state: Any) -> Made:
    """Makes the value, with attributes set past all that its class does about it."""

    def made() -> Any:
        value = make()
        for name, entry in state.items():
            object.__setattr__(value, name, entry)
        return value

    return made


def extended(base: type, name: str = "Extended", **namespace: Any) -> type:
    return type(name, (base,), {"__module__": __name__, **namespace})


@dataclass
class Trial:
    score: float = 0.5
    hidden: int = field(default=1, compare=False, repr=False)
    tags: list[str] = field(default_factory=list)
    given: InitVar[int] = 0

    @functools.cached_property
    def twice(self) -> float:
        return 2 * self.score

    def __eq__(self, other: object) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Frozen:
    a: int = 1


@dataclass(slots=True)
class Slotted:
    a: int = 1


class LaterSlots(Slotted):
    __slots__ = ("__private", "b")

    def __init__(self, private: int = 0) -> None:
        super().__init__()
        self.__private = private


class ShadowingSlots(LaterSlots):
    __slots__ = ("b",)


class Left:
    __slots__ = ("left",)


class Right:
    __slots__ = ()


class Diamond(Left, Right):
    __slots__ = ("own",)


@dataclass
class OfDiamond(Diamond):
    a: int = 1


class Later(Trial):
    pass


class Liar(Trial):
    @property
    def score(self) -> float:  # type: ignore[override]
        return 0.0

    @score.setter
    def score(self, value: float) -> None:
        self.__dict__["score"] = value


class Extended(np.ndarray):  # type: ignore[type-arg]
    pass


class HidesItsDict(Trial):
    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return {}


@attrs.define(slots=False)
class Span:
    start: int = 1
    note: str = attrs.field(default="", eq=False)


@attrs.define
class SlottedSpan:
    start: int = 1


class LaterSpan(SlottedSpan):
    pass


@attrs.frozen(cache_hash=True)
class Hashed:
    name: str = "a"


@dataclass
class OfDict(dict):  # type: ignore[type-arg]
    a: int = 1


@dataclass
class OfList(list):  # type: ignore[type-arg]
    a: int = 1


@dataclass(init=False)
class OfSet(set):  # type: ignore[type-arg]
    a: int = 1


@dataclass(init=False, eq=False)
class OfText(str):
    a: int = 1


@dataclass(init=False, eq=False)
class OfInt(int):
    a: int = 1


@dataclass(init=False, eq=False)
class OfTuple(tuple):  # type: ignore[type-arg]
    a: int = 1


@dataclass(init=False, eq=False)
class OfArray(np.ndarray):  # type: ignore[type-arg]
    a: int = 1


@dataclass(init=False, eq=False)
class OfFrame(pd.DataFrame):
    a: int = 1


@dataclass
class OfError(Exception):
    a: int = 1


@dataclass(init=False)
class OfBytesIO(io.BytesIO):
    a: int = 1


class Model(BaseEstimator):
    def __init__(self, depth: int = 1) -> None:
        self.depth = depth


class DictModel(BaseEstimator, dict):  # type: ignore[misc,type-arg]
    def __init__(self, depth: int = 1) -> None:
        self.depth = depth


class LaterKMeans(KMeans):
    pass


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    rows: int = 1
    _seen: int

    @functools.cached_property
    def twice(self) -> int:
        return 2 * self.rows


class Point(NamedTuple):
    x: int = 1


class LaterPoint(Point):
    pass


Pair = namedtuple("Pair", ["x", "y"])


class Colour(enum.Enum):
    RED = 1
    BLUE = 2

    def __init__(self, number: int) -> None:
        self.note = ""


class Code(int, enum.Enum):
    """A member whose value does not tell the number that it is."""

    A = 1
    B = 2

    def __new__(cls, number: int) -> "Code":
        made = int.__new__(cls, number)
        made._value_ = 7
        return made


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


class Silent(dict):  # type: ignore[type-arg]
    """Its own methods hide what is in it."""

    def keys(self) -> Any:
        return {}.keys()

    def items(self) -> Any:
        return {}.items()

    def __iter__(self) -> Any:
        return iter(())

    def __getstate__(self) -> Any:
        return None


class SilentText(str):
    def __str__(self) -> str:
        return "silent"


class SilentMoment(dt.datetime):
    def isoformat(self, *args: Any, **named: Any) -> str:
        return "silent"


class Frame(pd.DataFrame):
    _metadata: ClassVar[list[str]] = ["unit"]

    @property
    def _constructor(self) -> Any:
        return Frame


class Zone(dt.tzinfo):
    key = "Europe/Berlin"

    def __init__(self, hours: int) -> None:
        self.hours = hours

    def utcoffset(self, moment: Any) -> dt.timedelta:
        return dt.timedelta(0)


class Box(Generic[T]):
    pass


@dataclass
class Generically(Generic[T]):
    a: int = 1


INT = pa.int64()


class Unit(pa.ExtensionType):
    def __init__(self, unit: str, storage: pa.DataType = INT) -> None:
        self.unit = unit
        super().__init__(storage, "unit")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, serialized: Any) -> Any:
        return cls("", storage)


def reordered() -> OrderedDict[str, int]:
    made = OrderedDict(a=1, b=2)
    made.move_to_end("a")
    return made


def masked(**state: Any) -> Made:
    def made() -> Any:
        value = np.ma.masked_array([1, 2], [False, True])
        for name, entry in state.items():
            setattr(value, name, entry)
        return value

    return made


def hardened() -> Any:
    return masked()().harden_mask()


def private(seen: int) -> Any:
    made = Settings()
    made._seen = seen
    return made


def titled(title: str) -> Any:
    return np.zeros(1, [((title, "a"), "i4")])


def spawned() -> np.random.Generator:
    made = np.random.default_rng(0)
    made.spawn(1)
    return made


def without_duplicates() -> pd.DataFrame:
    return pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)


def without(value: Any, name: str) -> Any:
    delattr(value, name)
    return value


def filled(kind: Any) -> Callable[[Any], Any]:
    """Makes a container of a class whose `__init__` takes its own fields alone."""

    def made(content: Any) -> Any:
        value = kind()
        value.update(content) if isinstance(content, dict) else value.extend(content)
        return value

    return made


def overridden(score: float) -> Any:
    value = Liar()
    value.score = score
    return value


def shadowed(hidden: int) -> Any:
    value = ShadowingSlots()
    vars(LaterSlots)["b"].__set__(value, hidden)
    return value


def member(kind: Any, name: str, **state: Any) -> Any:
    """A member of an enum of the same name, as another version of the code may have it."""
    original = kind[name]
    value = int.__new__(kind, state.pop("number", 0)) if kind is Code else object.__new__(kind)
    vars(value).update({**vars(original), **state})
    return value


def with_attrs(note: int) -> pd.DataFrame:
    made = pd.DataFrame({"c": [1]})
    made.attrs["a"] = note
    return made


def series(note: int) -> Any:
    made = pd.Series([1])
    made.attrs["a"] = note
    return made


def with_info() -> Any:
    made = masked()()
    made._optinfo["info"] = 1
    return made


def hashed(value: Any) -> Any:
    hash(value)
    return value


def used(value: Any) -> Any:
    """After what fills caches."""
    if isinstance(value, pd.Index):
        value.get_indexer([2])
        _ = value.is_unique, value.is_monotonic_increasing
    elif isinstance(value, pd.DataFrame):
        _ = value["a"], value.a, value.T, repr(value), value.flags
    else:
        value.sum_duplicates()
        _ = value.has_sorted_indices, value @ np.ones(2)
    return value


def inverted(flag: Any) -> Any:
    _ = ~flag
    return flag


def zoned(zone: dt.tzinfo) -> Any:
    return pd.Series([pd.Timestamp(NOON)]).dt.tz_localize(zone)


def ring() -> Any:
    made: Any = Trial()
    made.me = made
    return made


def oddly() -> Any:
    made: Any = Trial()
    vars(made)[1] = 2
    return made


def robbed() -> Any:
    kind: Any = type("Robbed", (Slotted,), {"__slots__": ("b",), "__module__": __name__})
    value = kind()
    value.b = 1
    del kind.b
    return value


def closure(number: int) -> Callable[[], int]:
    return lambda: number


def streamed() -> Any:
    data = (importlib.resources.files("tzdata") / "zoneinfo/Europe/Berlin").read_bytes()
    return dateutil.tz.tzfile(io.BytesIO(data))


def inside(pair: tuple[Made, Made]) -> tuple[Made, Made]:
    """Both values as a cell of a table in a document."""

    def wrapped(make: Made) -> Made:
        return lambda: {"t": [pd.DataFrame({"c": pd.Series([make()], dtype=object)})]}

    return wrapped(pair[0]), wrapped(pair[1])


def one_more(make: Made, place: str = ".extra", **state: Any) -> tuple[Made, Made, str]:
    return make, having(make, **(state or {"extra": 1})), place


def two(make: Callable[[Any], Any], left: Any, right: Any, place: str) -> tuple[Made, Made, str]:
    return (lambda: make(left)), (lambda: make(right)), place


SUBCLASSED: dict[str, Made] = {
    "int": lambda: extended(int)(1),
    "float": lambda: extended(float)(1.5),
    "complex": lambda: extended(complex)(1),
    "str": lambda: extended(str)("a"),
    "bytes": lambda: extended(bytes)(b"a"),
    "bytearray": lambda: extended(bytearray)(b"a"),
    "list": lambda: extended(list)([1]),
    "tuple": lambda: extended(tuple)([1]),
    "dict": lambda: extended(dict)(a=1),
    "set": lambda: extended(set)([1]),
    "frozenset": lambda: extended(frozenset)([1]),
    "deque": lambda: extended(deque)([1]),
    "OrderedDict": lambda: extended(OrderedDict)(a=1),
    "defaultdict": lambda: extended(defaultdict)(int, a=1),
    "date": lambda: extended(dt.date)(2016, 2, 29),
    "datetime": lambda: extended(dt.datetime)(2016, 2, 29),
    "time": lambda: extended(dt.time)(12),
    "timedelta": lambda: extended(dt.timedelta)(1),
    "ZoneInfo": lambda: extended(ZoneInfo).no_cache("Europe/Berlin"),  # type: ignore[attr-defined]
    "Decimal": lambda: extended(Decimal)("1.0"),
    "Fraction": lambda: extended(fractions.Fraction)(1, 2),
    "UUID": lambda: extended(UUID)(int=1),
    "partial": lambda: extended(functools.partial)(int),
    "array.array": lambda: extended(array)("d", [1]),
    "ndarray": lambda: np.arange(3).view(extended(np.ndarray)),
    "matrix": lambda: np.matrix([[1]]),
    "recarray": lambda: np.rec.array([(1,)], dtype=[("a", "i4")]),
    "masked array": lambda: np.ma.masked_array([1, 2], [False, True]),
    "float64": lambda: extended(np.float64)(1.5),
    "DataFrame's": lambda: extended(pd.DataFrame)({"a": [1]}),
    "Series's": lambda: extended(pd.Series)([1]),
    "Index's": lambda: pd.Index([1])._view(),
    "Timestamp": lambda: pd.Timestamp(1),
    "Timedelta": lambda: pd.Timedelta(1),
    "Period": lambda: pd.Period("2016"),
    "categorical": lambda: pd.Categorical(["a"]),
    "nullable": lambda: pd.array([1, None]),
    "sparse": lambda: scipy.sparse.csr_array([[0, 1]]),
    "estimator": lambda: Model(),
    "pipeline": lambda: make_pipeline(StandardScaler()),
    "SimpleNamespace": lambda: types.SimpleNamespace(a=1),
    "UserDict": lambda: UserDict(a=1),
    "UserList": lambda: UserList([1]),
    "UserString": lambda: UserString("a"),
    "ChainMap": lambda: ChainMap({"a": 1}),
    "Counter": lambda: Counter("a"),
    "dataclass": Trial,
    "frozen dataclass": Frozen,
    "subclass of a dataclass": Later,
    "dataclass of a dict": lambda: OfDict(),
    "subclass of a dataclass with slots": lambda: extended(Slotted)(),
    "attrs": Span,
    "subclass of attrs": LaterSpan,
    "pydantic": lambda: Settings(),
    "subclass of a namedtuple": lambda: LaterPoint(1),
    "subclass of a collections.namedtuple": lambda: extended(Pair)(1, 2),
    "zone": lambda: Zone(1),
}

# Two values, and where the difference is shown.
DIFFERENT: dict[str, tuple[Made, Made, str]] = {
    **{f"an attribute of {name}": one_more(make) for name, make in SUBCLASSED.items()},
    "a private attribute": one_more(Trial, "._x", _x=1),
    "a cached property": one_more(Trial, ".twice", twice=1.0),
    "a cached property of pydantic": one_more(lambda: Settings(), ".twice", twice=2),
    "an attribute in a field's place": (
        lambda: overridden(1.0),
        lambda: overridden(2.0),
        ".__dict__['score']",
    ),
    "a field that is not compared": two(lambda n: Trial(0.5, n), 1, 2, ".hidden"),
    "a field that attrs does not compare": two(lambda n: Span(1, n), "a", "b", ".note"),
    "a field never set": (Trial, lambda: without(Trial(), "tags"), ".tags"),
    "a slot of a subclass": one_more(LaterSlots, ".b", b=1),
    "a private slot": two(LaterSlots, 1, 2, "._LaterSlots__private"),
    "a slot hidden by another": (
        lambda: shadowed(1),
        lambda: shadowed(2),
        ".LaterSlots.b",
    ),
    "a slot of a diamond": one_more(OfDiamond, ".left", left=1),
    "a dataclass's dict": two(filled(OfDict), {"a": 1}, {"a": 2}, "['a']"),
    "a dataclass's list": two(filled(OfList), [1], [2], "[0]"),
    "a dataclass's set": two(OfSet, {1}, {2}, "{"),
    "a dataclass's text": two(OfText, "a", "b", ""),
    "a dataclass's number": two(OfInt, 1, 2, ""),
    "a dataclass's tuple": two(OfTuple, (1,), (2,), "[0]"),
    "a dataclass's array": two(lambda n: np.array([n]).view(OfArray), 1, 2, "[0]"),
    "a dataclass's frame": two(lambda n: OfFrame({"c": [n]}), 1, 2, "c"),
    "an estimator's dict": two(filled(DictModel), {"a": 1}, {"a": 2}, "['a']"),
    "a dict that hides its entries": two(lambda n: Silent(a=n), 1, 2, "['a']"),
    "a text that hides": two(SilentText, "a", "b", ""),
    "a datetime that hides": two(lambda n: SilentMoment(2016, 1, n), 1, 2, ""),
    "the order of an OrderedDict": (
        lambda: OrderedDict(a=1, b=2),
        lambda: OrderedDict(b=2, a=1),
        ".keys()",
    ),
    "the order of a moved key": (lambda: OrderedDict(a=1, b=2), reordered, ".keys()"),
    "a default factory": two(lambda f: defaultdict(f, a=1), int, list, ".default_factory"),
    "a deque's bound": (lambda: deque([1], 3), lambda: deque([1]), None),
    "other bounds": (lambda: deque([1], 3), lambda: deque([1], 4), None),
    "maps of a chain": (
        lambda: ChainMap({"a": 1}, {}),
        lambda: ChainMap({}, {"a": 1}),
        ".maps",
    ),
    "behind a proxy": two(lambda n: types.MappingProxyType({"a": n}), 1, 2, "['a']"),
    "the order behind a proxy": (
        lambda: types.MappingProxyType(OrderedDict(a=1, b=2)),
        lambda: types.MappingProxyType(OrderedDict(b=2, a=1)),
        ".keys()",
    ),
    "an array's type": two(lambda code: array(code, [1]), "i", "l", ".typecode"),
    "a partial's function": two(functools.partial, int, str, ".func"),
    "a partial's arguments": two(lambda n: functools.partial(int, n), 1, 2, ".args[0]"),
    "a slice": two(slice, 1, 2, ""),
    "a hint of another make": two(lambda hint: [hint], list[int], typing.List[int], "[0]"),  # noqa: UP006
    "a kernel": two(
        lambda scale: GaussianProcessRegressor(RBF(scale)), 1.0, 2.0, ".kernel.length_scale"
    ),
    "folds": two(lambda n: GridSearchCV(Model(), {}, cv=KFold(n)), 2, 3, ".cv.n_splits"),
    "a function": two(lambda f: [f], re.sub, re.split, "[0]"),
    "a ufunc": two(lambda f: FunctionTransformer(f), np.log, np.log1p, ".func"),
    "a class of a hint": (
        lambda: Generically[int](1),
        lambda: Generically[str](1),
        ".__orig_class__",
    ),
    "an enum's attribute": (
        lambda: Colour.RED,
        lambda: member(Colour, "RED", note="other"),
        ".note",
    ),
    "the number of an enum's member": (
        lambda: member(Code, "A", number=1),
        lambda: member(Code, "A", number=2),
        "as builtins.int",
    ),
    "flags": two(Access, 1, 3, ""),
    "a pattern's flags": two(lambda f: re.compile("a", f), 0, re.I, ""),
    "a signalling NaN": two(Decimal, "NaN", "sNaN", ""),
    "a uuid's maker": two(
        lambda safe: UUID(int=1, is_safe=safe), SafeUUID.safe, SafeUUID.unsafe, None
    ),
    "the fields that were set": (lambda: Settings(), lambda: Settings(rows=1), ".model_fields_set"),
    "an extra and a private of one name": (
        lambda: Settings.model_construct(_seen=1),
        lambda: private(1),
        "._seen (2)",
    ),
    "an attribute that scikit-learn has elsewhere": one_more(Model, "._tree", _tree=1),
    "the hardness of a mask": (masked(), hardened, ".hardmask"),
    "info of a masked array": (masked(), lambda: with_info(), "._optinfo['info']"),
    "what is masked": (
        masked(),
        lambda: np.ma.masked_array(np.array([1, 2]).view(OfArray), [False, True]),
        ".baseclass",
    ),
    "a dtype's metadata": (
        lambda: np.zeros(1, "i4"),
        lambda: np.zeros(1, np.dtype("i4", metadata={"a": 1})),
        ".dtype['metadata']['a']",
    ),
    "a field's title": two(titled, "x", "y", ".dtype['titles'][0][0]"),
    "records": (
        lambda: np.zeros(1, [("a", "i4")]),
        lambda: np.zeros(1, (np.record, [("a", "i4")])),
        None,
    ),
    "what text is missing": (
        lambda: np.array(["a"], np.dtypes.StringDType()),
        lambda: np.array(["a"], np.dtypes.StringDType(na_object=None)),
        ".dtype['missing']",
    ),
    "a masked field": (
        lambda: np.ma.masked_array([(1, 2)], [(True, False)], [("a", "i4"), ("b", "i4")]),
        lambda: np.ma.masked_array([(1, 2)], [(False, True)], [("a", "i4"), ("b", "i4")]),
        "[0]",
    ),
    "an attribute of a plain frame": one_more(lambda: pd.DataFrame({"a": [1]})),
    "flags of a frame": (
        lambda: pd.DataFrame({"a": [1]}),
        without_duplicates,
        ".flags.allows_duplicate_labels",
    ),
    "metadata of a frame": one_more(lambda: Frame({"a": [1]}), ".unit", unit="s"),
    "more than the metadata of a frame": one_more(lambda: Frame({"a": [1]})),
    "the class of a frame": (lambda: Frame({"a": [1]}), lambda: pd.DataFrame({"a": [1]}), "type"),
    "attrs of a frame": two(with_attrs, 1, 2, ".attrs['a']"),
    "attrs of a series": two(series, 1, 2, ".attrs['a']"),
    "an index's name": two(lambda n: pd.Index([1], name=n), "a", "b", ".name"),
    "a column index's name": two(
        lambda n: pd.DataFrame({"a": [1]}).rename_axis(n, axis=1), "x", "y", ".columns.names[0]"
    ),
    "a type of Arrow": two(Unit, "s", "ms", ".unit"),
    "storage of an extension": two(
        lambda kind: pa.ExtensionArray.from_storage(Unit("s", kind), pa.array([], kind)),
        pa.string(),
        pa.large_string(),
        None,
    ),
    "seeds that were spent": (
        lambda: np.random.default_rng(0),
        spawned,
        ".seeds['n_children_spawned']",
    ),
    "an explicit zero": (
        lambda: scipy.sparse.csr_array(([0.0, 1.0], ([0, 0], [0, 1]))),
        lambda: scipy.sparse.csr_array(([1.0], ([0], [1])), shape=(1, 2)),
        None,
    ),
    "a name of a fixed zone": two(
        lambda name: dt.timezone(dt.timedelta(hours=1), name), "CET", "BST", ""
    ),
    "an offset to which pytz has bound a zone": (
        lambda: PYTZ_BERLIN,
        lambda: PYTZ_BERLIN.localize(NOON).tzinfo,
        "",
    ),
    "an offset to which pytz has bound a time": (
        lambda: dt.time(12, tzinfo=PYTZ_BERLIN),
        lambda: dt.time(12, tzinfo=PYTZ_BERLIN.localize(NOON).tzinfo),
        "",
    ),
    "a zone of one's own": two(Zone, 1, 2, ".hours"),
    "a moment in a zone of one's own": two(lambda n: NOON.replace(tzinfo=Zone(n)), 1, 2, None),
    "zones of dateutil": two(dateutil.tz.gettz, "Europe/Berlin", "Europe/Rome", ""),
    "rules of dateutil": two(dateutil.tz.tzstr, "EST5EDT", "CET-1CEST", ""),
    "zones of pytz": two(pytz.timezone, "Europe/Berlin", "Europe/Rome", ""),
}

# Two values that say the same.
SAME: dict[str, tuple[Made, Made]] = {
    "the order of attributes": (having(Trial, x=1, y=2), having(Trial, y=2, x=1)),
    "a field that its class gives": (Trial, lambda: without(Trial(), "hidden")),
    "the hash that attrs keeps": (Hashed, lambda: hashed(Hashed())),
    "a cell that is masked": (lambda: np.ma.masked, lambda: np.ma.masked),
    "a loss that follows from a parameter": (
        lambda: fitted(SGDRegressor(random_state=0)),
        lambda: fitted(SGDRegressor(random_state=0)),
    ),
    "what an index has looked up": (lambda: pd.Index([1, 2]), lambda: used(pd.Index([1, 2]))),
    "what a frame has looked up": (
        lambda: pd.DataFrame({"a": [1]}),
        lambda: used(pd.DataFrame({"a": [1]})),
    ),
    "a frame that was pickled": (
        lambda: Frame({"a": [1]}),
        lambda: pickle.loads(pickle.dumps(Frame({"a": [1]}))),
    ),
    "the inverse that a flag keeps": (lambda: Access.READ, lambda: inverted(Access.READ)),
    "a sorted sparse matrix": (
        lambda: scipy.sparse.csr_array([[1, 2]]),
        lambda: used(scipy.sparse.csr_array([[1, 2]])),
    ),
    "threads of a subclass of a model": (LaterKMeans, having(LaterKMeans, _n_threads=3)),
    "UTC of dateutil": (lambda: dt.UTC, dateutil.tz.tzutc),
    "UTC of pytz": (lambda: dt.UTC, lambda: pytz.utc),
    "UTC by name": (lambda: dt.UTC, lambda: ZoneInfo("UTC")),
    "a zone of pytz": (lambda: BERLIN, lambda: PYTZ_BERLIN),
    "a zone of dateutil": (lambda: BERLIN, lambda: dateutil.tz.gettz("Europe/Berlin")),
    "a fixed zone of pytz": (
        lambda: dt.timezone(dt.timedelta(hours=1)),
        lambda: pytz.FixedOffset(60),
    ),
    "a fixed zone of dateutil": (
        lambda: dt.timezone(dt.timedelta(hours=1), "CET"),
        lambda: dateutil.tz.tzoffset("CET", 3600),
    ),
    "a moment of dateutil": (
        lambda: NOON.replace(tzinfo=BERLIN),
        lambda: NOON.replace(tzinfo=dateutil.tz.gettz("Europe/Berlin")),
    ),
    "a moment of pytz": (lambda: NOON.replace(tzinfo=BERLIN), lambda: PYTZ_BERLIN.localize(NOON)),
    "a column's zone of pytz": (lambda: zoned(BERLIN), lambda: zoned(PYTZ_BERLIN)),
    "a column's zone of dateutil": (
        lambda: zoned(BERLIN),
        lambda: zoned(dateutil.tz.gettz("Europe/Berlin")),
    ),
    "a dtype's zone of dateutil": (
        lambda: pd.DatetimeTZDtype("ns", BERLIN),
        lambda: pd.DatetimeTZDtype("ns", dateutil.tz.gettz("Europe/Berlin")),
    ),
    "rules of dateutil": (
        lambda: dateutil.tz.tzstr("EST5EDT"),
        lambda: dateutil.tz.tzstr.instance("EST5EDT"),
    ),
    "layouts of an array": (
        lambda: np.arange(3).view(Extended),
        lambda: np.arange(6)[::2].view(Extended) // 2,
    ),
}

# A value, and the reason that it is not comparable.
UNKNOWN: dict[str, tuple[Made, str]] = {
    "a dataclass of an error": (OfError, "it keeps state that Python cannot read"),
    "a dataclass of a buffer": (lambda: OfBytesIO(b"a"), "it keeps state that Python cannot read"),
    "an attribute that is a lock": (
        having(Trial, lock=threading.Lock()),
        ".lock: of unknown type _thread.lock",
    ),
    "a dataclass that holds itself": (lambda: ring(), ".me: contains itself"),
    "an attribute whose name is no text": (lambda: oddly(), "found an attribute 1"),
    "a dict that a property hides": (
        having(HidesItsDict, lock=threading.Lock()),
        ".lock: of unknown type",
    ),
    "a slot taken from its class": (lambda: robbed(), "it keeps state that Python cannot read"),
    "a closure": (lambda: closure(1), "cannot be imported by its name"),
    "a factory that is a lambda": (lambda: defaultdict(lambda: 1), ".default_factory: of unknown"),
    "a method": (lambda: [1].append, "cannot be imported by its name"),
    "a module": (lambda: io, "of unknown type builtins.module"),
    "a generator": (lambda: (n for n in ()), "of unknown type builtins.generator"),
    "an open file": (lambda: open(os.devnull), "of unknown type _io.TextIOWrapper"),  # noqa: SIM115
    "a view of memory": (lambda: memoryview(b"a"), "of unknown type builtins.memoryview"),
    "a weak reference": (lambda: weakref.ref(Trial), "of unknown type weakref"),
    "an error": (lambda: ValueError("a"), "of unknown type builtins.ValueError"),
    "a class that another has taken the name of": (
        lambda: extended(dict, "Trial"),
        "cannot be imported by its name",
    ),
    "the machine's zone": (dateutil.tz.tzlocal, "has neither a name nor a fixed offset"),
    "a zone from a stream": (lambda: streamed(), "has neither a name nor a fixed offset"),
}
