"""Python code for plain values."""

from collections.abc import Mapping
from typing import Any

PLAIN = (str, int, float, bool, type(None), bytes)


def is_literal(value: Any) -> bool:
    """True if `literal` can write the value."""
    if type(value) in PLAIN:
        return True
    if type(value) in (list, tuple, set, frozenset):
        return all(map(is_literal, value))
    if type(value) is dict:
        return all(is_literal(key) and is_literal(entry) for key, entry in value.items())
    return False


def literal(value: Any) -> str:
    """The code of a plain value. Raises ValueError for any other."""
    if not is_literal(value):
        raise ValueError(f"{type(value).__name__} {value!r} is no plain value")
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, set | frozenset):
        inner = ", ".join(sorted(map(literal, value)))
        name = type(value).__name__
        return f"{name}([{inner}])" if not value or name == "frozenset" else f"{{{inner}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and value != value:
        return 'float("nan")'
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(value)


def _quoted(text: str) -> str:
    """A text in double quotes, as formatters write it."""
    code = repr(text)
    if code.startswith("'") and '"' not in code:
        return f'"{code[1:-1]}"'
    return code


def literals_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that are plain values."""
    return {name: value for name, value in metadata.items() if is_literal(value)}
