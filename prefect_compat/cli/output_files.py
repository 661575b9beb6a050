"""Files that a command writes: checked before the work, written whole after it."""

import os
from pathlib import Path

from prefect_compat.errors import ConfigError


def validate_outputs(*paths: Path) -> None:
    """Raises ConfigError for a file that could not be written, so that no run is lost by it."""
    for path in paths:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; expected the name of a file to write.")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise ConfigError(f"{path} cannot be written: {above} is a file. Name another place.")
        if not os.access(path if path.exists() else above, os.W_OK):
            raise ConfigError(f"{path} cannot be written: no permission. Name another place.")
    if len({path.absolute() for path in paths}) < len(paths):
        raise ConfigError(f"{paths[0]} is named twice. Name a file for each output.")


def write_output(path: Path, text: str) -> None:
    """Writes the file, whole or not at all. Raises ConfigError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def append_output(path: Path, text: str) -> None:
    """Adds the text to the end of a file. Raises ConfigError if it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
