"""Where a side's process runs: which interpreter, in which folder."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """An interpreter and a working directory; variables are set beside those of the side."""

    python: str = sys.executable
    directory: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_own_python(self) -> bool:
        """True if it is not the interpreter that runs the comparison."""
        return os.path.realpath(self.python) != os.path.realpath(sys.executable)


HERE = Place()
