"""The module of a flow's file, as the written project imports it."""

import os
from dataclasses import dataclass
from pathlib import Path

from prefect_compat.errors import SkeletonError


@dataclass(frozen=True)
class FlowModule:
    """The module's name, and the folder that it is imported from."""

    name: str
    folder: Path

    @classmethod
    def of(cls, entrypoint: str) -> "FlowModule":
        """The module of an entrypoint `FILE:FLOW`.

        Raises SkeletonError for another form, and for a file that cannot be imported by its name.
        """
        file, mark, flow = entrypoint.rpartition(":")
        path = Path(os.path.abspath(file))
        if not mark or not flow or not path.is_file():
            raise SkeletonError(
                f"--flow {entrypoint}: expected a file and the flow in it, such as flows.py:daily."
            )
        folder, names = path.parent, [path.stem]
        while (folder / "__init__.py").is_file():
            names.insert(0, folder.name)
            folder = folder.parent
        name = ".".join(names)
        if name == "definitions" or not all(part.isidentifier() for part in names):
            raise SkeletonError(
                f"--flow {entrypoint}: the written definitions.py cannot import {path.name} by its"
                " name. Rename the file, such as to flows.py."
            )
        return cls(name, folder)

    @property
    def is_here(self) -> bool:
        """True if it is imported from the working directory."""
        return self.folder == Path.cwd()
