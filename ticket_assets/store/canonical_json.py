"""JSON with one spelling for each value, so that equal documents have equal bytes."""

import json
from typing import Any


def canonical_json(document: Any, indent: int | None = None) -> bytes:
    """The document with sorted keys. Raises ValueError for NaN and infinity.

    With `indent` it is laid out for people and ends with a line feed.
    """
    text = json.dumps(document, sort_keys=True, indent=indent, allow_nan=False, ensure_ascii=False)
    return text.encode() + (b"\n" if indent else b"")
