"""Files that are the same in every written project."""

from importlib.resources import files

FOLDER = "templates/eject"


def template(name: str) -> str:
    """The text of a module."""
    path = files("prefect_compat").joinpath(FOLDER, f"{name}.py.txt")
    return path.read_text(encoding="utf-8")
