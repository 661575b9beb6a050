"""Values that may be secret, by their name or their form: they are not written down."""

import re
from typing import Any

from prefect_compat.comparison.sources.layout import shown_address

NAME = re.compile(
    r"passw|secret|token|credential|authorization|api_?key|access_?key|\bpw\b", re.IGNORECASE
)


def has_secret_name(name: str, value: Any) -> bool:
    """True for a text of a name such as `api_key`."""
    return isinstance(value, str) and NAME.search(name) is not None


def holds_secret(text: str) -> bool:
    """True for an address with a password in it."""
    return bool(re.match(r"[a-z0-9+]+://", text)) and shown_address(text) != text
