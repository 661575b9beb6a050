"""The code that makes a resource."""

from dataclasses import dataclass, field


@dataclass
class ResourceCode:
    """A function that makes a resource, and what its module imports."""

    name: str
    type: str
    body: str
    imports: set[tuple[str, str]] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    is_io_manager: bool = False
