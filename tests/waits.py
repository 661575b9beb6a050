"""Waiting for what a server or a daemon does by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def waited_for(found: Callable[[], Found], seconds: float = 900) -> Found:
    """The first result that is true."""
    give_up = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < give_up, f"nothing came within {seconds:g} s"
        time.sleep(0.5)
    return result
