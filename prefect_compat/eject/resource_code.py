"""The code that makes a resource, and of the values that it is made with."""

import re
from dataclasses import dataclass, field
from typing import Any

from prefect_compat.eject.literals import is_literal, literal
from prefect_compat.eject.secret_values import holds_secret
from prefect_compat.errors import EjectError


@dataclass
class ResourceCode:
    """A function that makes a resource, and what its module imports.

    `variables` are those of the environment that say where it stores.
    """

    name: str
    type: str
    body: str
    imports: set[tuple[str, str]] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    is_io_manager: bool = False

    def variable(self, field_name: str) -> str:
        """The environment variable of one of its fields."""
        return re.sub(r"\W", "_", f"{self.name}_{field_name}".upper())

    def plain(self, field_name: str, value: Any, remedy: str) -> str:
        """The code of a plain value. Raises EjectError for a secret, and for any other value."""
        if isinstance(value, str) and holds_secret(value):
            raise EjectError(
                f"The resource '{self.name}' has a secret in its field '{field_name}'. {remedy}"
            )
        if not is_literal(value):
            raise EjectError(
                f"The resource '{self.name}' has {type(value).__name__} in its field"
                f" '{field_name}', which cannot be written down."
            )
        return literal(value)
