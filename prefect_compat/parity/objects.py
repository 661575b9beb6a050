"""What stands for Python's own values, for records, files, and fitted models."""

import datetime as dt
import hashlib
from dataclasses import fields
from decimal import Decimal
from enum import EnumType
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from prefect_compat.parity.plain import (
    NotComparable,
    Part,
    Parts,
    Rule,
    attributes,
    inner,
    qualified,
)

# Of a fitted model: follows from its parameters or the machine, or is where a random draw began.
DERIVED = frozenset({"_loss", "_tree", "_n_threads", "n_threads", "_random_seed"})


def zone_name(zone: dt.tzinfo | None) -> str | None:
    """A time zone's name or its fixed offset, whichever library made it.

    Raises NotComparable for a zone with neither, such as the machine's local one.
    """
    if zone is None:
        return None
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name:
        return str(name)
    offset = zone.utcoffset(None)
    if offset is None:
        raise NotComparable(f"the time zone {zone!r} has neither a name nor a fixed offset")
    return f"UTC{offset.total_seconds():+}" if offset else "UTC"


def _moment(value: Any) -> tuple[Any, ...]:
    return value.isoformat(), value.fold, zone_name(value.tzinfo)


def _timestamp(value: pd.Timestamp) -> Parts:
    moment = value.to_datetime64().view("i8").item()
    return inner(moment=moment, unit=value.unit, fold=value.fold, zone=zone_name(value.tzinfo))


def _class(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise NotComparable("a class inside a function has no name of its own")
    return qualified(kind)


def _file_or_tree(path: Path) -> Any:
    """The bytes of the file, or of all files below by relative name; never where it lies."""
    if path.is_file():
        return _sha256(path)
    if not path.is_dir():
        raise NotComparable(f"no file or directory at {path}")
    found = sorted((entry.relative_to(path).as_posix(), entry) for entry in path.rglob("*"))
    return Parts(tuple(Part(name, _entry(entry), f"/{name}") for name, entry in found))


def _entry(path: Path) -> str | None:
    if path.is_file():
        return _sha256(path)
    if path.is_dir() and not path.is_symlink():
        return None
    raise NotComparable(f"{path} is neither a file nor a directory")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model(model: Any) -> Parts:
    """A pydantic model: fields, extra fields, private attributes."""
    own = [(name, getattr(model, name)) for name in type(model).model_fields]
    more = {**(model.__pydantic_extra__ or {}), **(model.__pydantic_private__ or {})}
    return attributes([*own, *sorted(more.items())])


def _estimator(estimator: Any) -> Parts:
    """Parameters and what was learned.

    scikit-learn's public name for what was learned ends in `_`, but nearest neighbours and
    histogram boosting learn in private names alone (1.9): these are content too, save DERIVED
    and private sources of randomness.
    """
    random = (np.random.RandomState, np.random.Generator)
    state = {**estimator.get_params(deep=False), **vars(estimator)}
    return attributes(
        (name, value)
        for name, value in sorted(state.items())
        if name not in DERIVED and not (name.startswith("_") and isinstance(value, random))
    )


def _bins(mapper: Any) -> Parts:
    """The bins of histogram boosting; its seed is one that the model drew."""
    learned = _estimator(mapper).entries
    return Parts(tuple(part for part in learned if part.name != "random_state"))


def _sparse(matrix: Any) -> Parts:
    """Stored entries in order; duplicates are summed, as the matrix itself would."""
    entries = matrix.tocoo(copy=True)
    entries.sum_duplicates()
    coordinates = [axis.astype("<i8") for axis in entries.coords]
    return inner(shape=matrix.shape, coordinates=coordinates, values=entries.data)


def _state(value: Any) -> Parts:
    return attributes(sorted(value.__getstate__().items()))


def _text_of_decimal(value: Decimal) -> str:
    return "NaN" if value.is_nan() else str(value)


RULES: dict[type, Rule] = {
    Decimal: Rule(_text_of_decimal, "decimal", is_whole=True),
    Fraction: Rule(lambda value: (value.numerator, value.denominator), "fraction", is_whole=True),
    UUID: Rule(lambda value: value.bytes, "uuid", is_whole=True),
    range: Rule(lambda value: (value.start, value.stop, value.step), "range", is_whole=True),
    dt.datetime: Rule(_moment, "datetime", is_whole=True),
    dt.date: Rule(lambda value: value.isoformat(), "date", is_whole=True),
    dt.time: Rule(_moment, "time", is_whole=True),
    dt.timedelta: Rule(
        lambda value: (value.days, value.seconds, value.microseconds), "timedelta", is_whole=True
    ),
    dt.tzinfo: Rule(zone_name, "time zone", has_one_kind=True, is_whole=True),
    type: Rule(_class, "class", has_one_kind=True, is_whole=True),
    type(pd.NA): Rule(lambda _: "NA", "NA", is_whole=True),
    type(pd.NaT): Rule(lambda _: "NaT", "NaT", is_whole=True),
    pd.Timestamp: Rule(_timestamp, "timestamp", is_whole=True),
    pd.Timedelta: Rule(
        lambda value: (value.to_timedelta64().view("i8").item(), value.unit),
        "duration",
        is_whole=True,
    ),
    pd.Period: Rule(lambda value: (value.ordinal, value.freqstr), "period", is_whole=True),
    pd.Interval: Rule(
        lambda value: (value.left, value.right, value.closed), "interval", is_whole=True
    ),
    np.random.RandomState: Rule(lambda value: value.get_state(legacy=False)),
    np.random.Generator: Rule(lambda value: value.bit_generator.state),
    Path: Rule(_file_or_tree, "file", has_one_kind=True),
}

# Optional libraries, by the name of the class, so that none is imported to find out.
RULES_BY_NAME: dict[str, Rule] = {
    "pydantic.main.BaseModel": Rule(_model),
    "sklearn.base.BaseEstimator": Rule(_estimator),
    "sklearn.tree._tree.Tree": Rule(_state),
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper": Rule(_bins),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": Rule(_state),
    "sklearn.neural_network._stochastic_optimizers.BaseOptimizer": Rule(_state),
    "scipy.sparse._base._spbase": Rule(_sparse),
    # Read into memory: a digest of a pandas frame needs it whole.
    "dask.dataframe.dask_expr._collection.FrameBase": Rule(lambda frame: frame.compute()),
    "polars.dataframe.frame.DataFrame": Rule(lambda frame: frame.to_arrow()),
    "polars.series.series.Series": Rule(lambda series: (series.name, series.to_arrow())),
}


def rule_of_form(kind: type) -> Rule | None:
    """The rule of a class that is itself an enum, a dataclass, an attrs class, a namedtuple."""
    own = vars(kind)
    if isinstance(kind, EnumType):
        return Rule(lambda value: (value.name, value.value), is_whole=True)
    if "__dataclass_fields__" in own:
        return Rule(
            lambda value: attributes((f.name, getattr(value, f.name)) for f in fields(value))
        )
    if "__attrs_attrs__" in own:
        return Rule(
            lambda value: attributes(
                (f.name, getattr(value, f.name)) for f in type(value).__attrs_attrs__
            )
        )
    if "_fields" in own and issubclass(kind, tuple):
        return Rule(lambda value: attributes(zip(value._fields, value, strict=True)))
    return None
