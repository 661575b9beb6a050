"""Plain values as code: those of `eject`, dates and times, and paths."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect_compat.eject.literals import is_literal, literal

LONGEST = 2_000  # characters of code: what is longer is data, and no constant
ZERO = dt.timedelta(0)


def constant(value: Any) -> str | None:
    """The code of a plain value; None for any other value.

    In the code, `dt` is the module datetime, and `Path` that of pathlib.
    """
    code = _code(value)
    return code if code is None or len(code) <= LONGEST else None


def _code(value: Any) -> str | None:
    if type(value) in (list, tuple, dict):
        return _container(value)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return _moment(value)
    if type(value) is type(Path()):
        return f"Path({literal(str(value))})"
    return literal(value) if is_literal(value) else None


def _container(value: Any) -> str | None:
    if isinstance(value, dict):
        pairs = [(_code(key), _code(entry)) for key, entry in value.items()]
        if any(code is None for pair in pairs for code in pair):
            return None
        return container_code(
            "dict", [str(entry) for _, entry in pairs], [str(k) for k, _ in pairs]
        )
    codes = [_code(entry) for entry in value]
    if any(code is None for code in codes):
        return None
    return container_code(type(value).__name__, list(map(str, codes)))


def container_code(kind: str, items: Sequence[str], keys: Sequence[str] = ()) -> str:
    """The code of a list, tuple or dict with these items; a dict has `keys`."""
    if kind == "dict":
        pairs = zip(keys, items, strict=True)
        return f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"
    inner = ", ".join(items)
    if kind == "list":
        return f"[{inner}]"
    return f"({inner},)" if len(items) == 1 else f"({inner})"


def _moment(value: dt.date | dt.time | dt.timedelta) -> str | None:
    """The code of a date, a time or a duration; times are without a zone or in UTC."""
    if type(value) is dt.date:
        return f"dt.date({value.year}, {value.month}, {value.day})"
    if type(value) is dt.timedelta:
        parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
        return (
            f"dt.timedelta({', '.join(f'{name}={part}' for name, part in parts.items() if part)})"
        )
    if not isinstance(value, dt.datetime) or type(value).__module__ != "datetime":
        return None
    zone = value.tzinfo
    if zone is not None and (value.utcoffset() != ZERO or value.tzname() != "UTC"):
        return None
    parts_of_time = [value.hour, value.minute, value.second, value.microsecond]
    while parts_of_time and not parts_of_time[-1]:
        parts_of_time.pop()
    numbers = [value.year, value.month, value.day, *(parts_of_time or [0])]
    in_utc = ", tzinfo=dt.UTC" if zone is not None else ""
    return f"dt.datetime({', '.join(map(str, numbers))}{in_utc})"
