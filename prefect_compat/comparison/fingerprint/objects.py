"""Python's own values, records, files and fitted models as plain parts."""

import datetime as dt
import gc
import hashlib
import re
import sys
from array import array
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from enum import EnumType
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import (
    BuiltinFunctionType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    SimpleNamespace,
    UnionType,
)
from typing import Any, get_args, get_origin
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from prefect_compat.comparison.fingerprint.parts import (
    NotComparable,
    Part,
    Parts,
    Rule,
    attributes,
    inner,
    qualified,
)
from prefect_compat.comparison.fingerprint.state import NOTHING
from prefect_compat.comparison.fingerprint.time_zones import (
    LIBRARIES,
    exact_zone_content,
    zone_name,
)

# Of a fitted model: follows from its parameters or the machine, or is where a random draw began;
# and the packages of scikit-learn whose classes write it.
DERIVED = {
    "_loss": ("sklearn.ensemble",),
    "_loss_function_": ("sklearn.linear_model",),
    "_tree": ("sklearn.neighbors",),
    "_n_threads": ("sklearn.cluster",),
    "n_threads": ("sklearn.ensemble._hist_gradient_boosting",),
    "_random_seed": ("sklearn.ensemble._hist_gradient_boosting",),
    "_feature_subsample_rng": ("sklearn.ensemble._hist_gradient_boosting",),
    "_rng": ("sklearn.ensemble", "sklearn.gaussian_process"),
    "_random_state": ("sklearn.cluster", "sklearn.decomposition", "sklearn.neural_network"),
}
OF_ENUM = frozenset({"_name_", "_value_", "__objclass__", "_sort_order_", "_inverted_"})
OF_SPARSE = frozenset(
    {
        *("_shape", "maxprint", "data", "indices", "indptr", "coords", "row", "col", "offsets"),
        *("rows", "dtype", "_dict", "has_canonical_format", "_has_canonical_format"),
        "_has_sorted_indices",
    }
)
MADE_AT_RUN_TIME = 1 << 9  # of `__flags__`: by a `class` statement, say, so a name may be taken


def _moment(value: Any) -> tuple[Any, ...]:
    """The moment, read by `datetime`'s own methods: a subclass may have overridden them."""
    zone = dt.datetime.tzinfo.__get__(value)
    return dt.datetime.isoformat(value), dt.datetime.fold.__get__(value), zone_name(zone)


def _time(value: Any) -> tuple[Any, ...]:
    zone = dt.time.tzinfo.__get__(value)
    bound = exact_zone_content(zone) if zone is not None else None
    zone = bound if isinstance(bound, tuple) else zone_name(zone)
    return dt.time.isoformat(value), dt.time.fold.__get__(value), zone


def _span(value: Any) -> tuple[int, int, int]:
    span = dt.timedelta.__pos__(value)
    return span.days, span.seconds, span.microseconds


def _class(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise NotComparable("a class inside a function has no name of its own")
    # Built-in classes are exempt: `builtins.NoneType`, for one, cannot be imported.
    if kind.__flags__ & MADE_AT_RUN_TIME and not _is_importable(kind, kind.__module__):
        raise NotComparable(f"the class {qualified(kind)} cannot be imported by its name")
    return qualified(kind)


def _function(function: Any) -> str:
    """The name by which a function is imported; a lambda or a closure has none."""
    module = function.__module__ if isinstance(function.__module__, str) else ""
    if not _is_importable(function, module):
        raise NotComparable(
            f"of unknown type {qualified(type(function))}: {function!r} cannot be imported by its "
            "name"
        )
    return f"{module}.{function.__qualname__}"


def _is_importable(thing: Any, module: str) -> bool:
    named: Any = sys.modules.get(module)
    for name in str(thing.__qualname__).split("."):
        named = getattr(named, name, None)
    return named is thing


def _file_or_tree(path: Path) -> Any:
    """The bytes of the file, or of all files below by relative name; not its location."""
    if path.is_file():
        return _sha256(path)
    if not path.is_dir():
        raise NotComparable(f"no file or directory at {path}")
    entries = sorted((entry.relative_to(path).as_posix(), entry) for entry in path.rglob("*"))
    return Parts(tuple(Part(name, _entry(entry), f"/{name}") for name, entry in entries))


def _entry(path: Path) -> str | None:
    if path.is_file():
        return _sha256(path)
    if path.is_dir() and not path.is_symlink():
        return None
    # Also a link to a directory: `rglob` does not enter it, so its files would go unseen.
    raise NotComparable(f"{path} is neither a file nor a directory")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model(model: Any) -> Parts:
    """A pydantic model: fields, those that were set, extra fields, private attributes."""
    extra = {
        # An extra field may have the name of a private attribute, such as `_x`.
        f"extra {name}" if name.startswith("_") else name: Part(name, value, f".{name}")
        for name, value in sorted((model.__pydantic_extra__ or {}).items())
    }
    private = sorted((model.__pydantic_private__ or {}).items())
    return Parts(
        (
            *attributes(_present(model, type(model).model_fields)).entries,
            *(replace(part, name=name) for name, part in extra.items()),
            *attributes(private).entries,
            Part("set", model.__pydantic_fields_set__, ".model_fields_set"),
        )
    )


def _present(value: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Attributes by name, without those that were never set."""
    for name in names:
        attribute = getattr(value, name, NOTHING)
        if attribute is not NOTHING:
            yield name, attribute


def _estimator(estimator: Any) -> Parts:
    """Parameters and what was learned.

    scikit-learn's public name for what was learned ends in `_`, but nearest neighbours and
    histogram boosting learn in private names alone (1.9): these are content too, save DERIVED.
    """
    state = {**estimator.get_params(deep=False), **vars(estimator)}
    ignored = _derived(type(estimator))
    return attributes(entry for entry in sorted(state.items()) if entry[0] not in ignored)


def _derived(kind: type) -> frozenset[str]:
    """The names in DERIVED that scikit-learn's own classes among the bases write."""
    modules = [f"{base.__module__}." for base in kind.__mro__]
    return frozenset(
        name
        for name, owners in DERIVED.items()
        if any(module.startswith(f"{owner}.") for owner in owners for module in modules)
    )


def _bins(mapper: Any) -> Parts:
    """The bins of histogram boosting; its seed is one that the model drew."""
    learned = _estimator(mapper).entries
    return Parts(tuple(part for part in learned if part.name != "random_state"))


def _sparse(matrix: Any) -> Parts:
    """Stored entries in order; duplicates are summed, as the matrix itself would."""
    # A copy: a COO matrix would return itself, and `sum_duplicates` changes it in place.
    entries = matrix.tocoo(copy=True)
    entries.sum_duplicates()
    coordinates = [axis.astype("<i8") for axis in entries.coords]
    return inner(shape=matrix.shape, coordinates=coordinates, values=entries.data)


def _state(value: Any) -> Parts:
    return attributes(sorted(value.__getstate__().items()))


def _tree(tree: Any) -> Parts:
    # A Cython class without a `__dict__`; what it is pickled from is complete.
    _, (features, classes, outputs), learned = tree.__reduce__()
    made = {"n_features": features, "n_classes": classes, "n_outputs": outputs}
    return attributes([*sorted(learned.items()), *made.items()])


def _ordered(value: Any) -> Parts:
    """Two OrderedDicts of another order are unequal, unlike two dicts."""
    entries = dict(OrderedDict.items(value))
    order = Part("order", list(OrderedDict.keys(value)), ".keys()")
    return Parts((Part("value", entries, is_itself=True), order))


def _with_factory(value: Any) -> Parts:
    factory = Part("default_factory", value.default_factory, ".default_factory")
    return Parts((Part("value", dict(dict.items(value)), is_itself=True), factory))


def _proxied(value: Any) -> Parts:
    """The mapping behind the proxy. Only the garbage collector knows its type."""
    (mapping,) = gc.get_referents(value)
    return Parts((Part("value", mapping, is_itself=True),))


def _partial(value: Any) -> Parts:
    return attributes([("func", value.func), ("args", value.args), ("keywords", value.keywords)])


def _typed(cells: "array[Any]") -> Parts:
    content = Part("value", array.tolist(cells), is_itself=True)
    return Parts((Part("typecode", cells.typecode, ".typecode"), content))


def _alias(alias: Any) -> tuple[Any, ...]:
    return get_origin(alias), get_args(alias)


def _uuid(value: UUID) -> Any:
    """The UUID and, if it is known, how it was generated."""
    content = UUID.bytes.fget(value)  # type: ignore[attr-defined]  # a property's own getter
    return content if value.is_safe is SafeUUID.unknown else (content, value.is_safe.name)


def _text_of_decimal(value: Decimal) -> str:
    if Decimal.is_snan(value):
        return "sNaN"
    return "NaN" if Decimal.is_nan(value) else Decimal.__str__(value)


# All that an instance is are its class and its attributes.
STATE = Rule(lambda _: Parts(()), covers=frozenset())

RULES: dict[type, Rule] = {
    Decimal: Rule(_text_of_decimal, "decimal", is_whole=True),
    Fraction: Rule(lambda value: (value._numerator, value._denominator), "fraction", is_whole=True),
    UUID: Rule(_uuid, "uuid", is_whole=True),
    range: Rule(lambda value: (value.start, value.stop, value.step), "range", is_whole=True),
    dt.datetime: Rule(_moment, "datetime", is_whole=True),
    dt.date: Rule(dt.date.isoformat, "date", is_whole=True),
    dt.time: Rule(_time, "time", is_whole=True),
    dt.timedelta: Rule(_span, "timedelta", is_whole=True),
    dt.tzinfo: Rule(exact_zone_content, "time zone", LIBRARIES, is_whole=True),
    ZoneInfo: Rule(exact_zone_content, "time zone", LIBRARIES, is_whole=True),
    slice: Rule(lambda value: (value.start, value.stop, value.step), "slice", is_whole=True),
    type: Rule(_class, "class", ("*",), is_whole=True, is_final=True),
    FunctionType: Rule(_function, "function", is_whole=True),
    BuiltinFunctionType: Rule(_function, "function", is_whole=True),
    partial: Rule(_partial, covers=frozenset()),
    GenericAlias: Rule(_alias, "type hint", is_whole=True),
    UnionType: Rule(_alias, "type hint", is_whole=True),
    re.Pattern: Rule(lambda value: (value.pattern, value.flags), "pattern", is_whole=True),
    array: Rule(_typed, "typed array"),
    OrderedDict: Rule(_ordered, covers=frozenset()),
    defaultdict: Rule(_with_factory),
    MappingProxyType: Rule(_proxied),
    **dict.fromkeys((SimpleNamespace, ChainMap, UserDict, UserList, UserString), STATE),
    Path: Rule(_file_or_tree, "file", ("pathlib",)),
}

# Optional libraries, by the name of the class, so that none is imported to find out.
RULES_BY_NAME: dict[str, Rule] = {
    "pydantic.main.BaseModel": Rule(_model, covers=frozenset()),
    "sklearn.base.BaseEstimator": Rule(_estimator, covers=_derived),
    "sklearn.tree._tree.Tree": Rule(_tree),
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper": Rule(_bins),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": Rule(_state),
    "sklearn.neural_network._stochastic_optimizers.BaseOptimizer": Rule(_state),
    "sklearn.model_selection._split.BaseCrossValidator": STATE,
    "sklearn.gaussian_process.kernels.Kernel": STATE,
    "scipy.sparse._base._spbase": Rule(_sparse, covers=OF_SPARSE),
    **dict.fromkeys(("dateutil.relativedelta.relativedelta", "dateutil._common.weekday"), STATE),
    "typing._GenericAlias": Rule(_alias, "typing hint", ("typing",), is_whole=True),
    "typing._SpecialForm": Rule(repr, "typing hint", ("typing",), is_whole=True),
    # Read into memory: a digest of a pandas frame needs it whole.
    "dask.dataframe.dask_expr._collection.FrameBase": Rule(
        lambda frame: frame.compute(), covers=frozenset({"_expr"})
    ),
    "polars.dataframe.frame.DataFrame": Rule(
        lambda frame: frame.to_arrow(), covers=frozenset({"_df", "_accessors"})
    ),
    "polars.series.series.Series": Rule(
        lambda series: (series.name, series.to_arrow()), covers=frozenset({"_s", "_accessors"})
    ),
}


def rule_of_form(kind: type) -> Rule | None:
    """The rule of a class that is itself an enum, a dataclass, an attrs class, a namedtuple."""
    own = vars(kind)
    if isinstance(kind, EnumType):
        return Rule(_member, is_whole=True, covers=OF_ENUM)
    # In the class's own dict: a plain subclass inherits these marks without being of the form.
    if "__dataclass_fields__" in own:
        return Rule(
            lambda value: attributes(_present(value, (f.name for f in fields(value)))),
            covers=frozenset(),
        )
    if "__attrs_attrs__" in own:
        return Rule(
            lambda value: attributes(
                _present(value, (f.name for f in type(value).__attrs_attrs__))
            ),
            covers=frozenset({"_attrs_cached_hash"}),
        )
    if is_namedtuple(kind):
        return Rule(
            lambda value: attributes(zip(own["_fields"], tuple.__iter__(value), strict=True)),
            covers=frozenset(),
        )
    return None


def is_namedtuple(kind: type) -> bool:
    """True for a namedtuple class, made by either function, but not for a class derived from
    one.
    """
    return "_fields" in vars(kind) and issubclass(kind, tuple)


def _member(value: Any) -> tuple[str | None, Any]:
    """An enum's member, read past a `name` or `value` that the class overrides."""
    stored = vars(value)
    return stored["_name_"], stored["_value_"]
