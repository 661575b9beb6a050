"""The header of every written file: where it comes from, and how to write it again."""

import shlex
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WIDTH = 94  # with the comment sign and a backslash, below the 100 of the written project


@dataclass(frozen=True)
class Origin:
    """The project and its commit, and the command that writes the files again."""

    project: str
    commit: str | None
    command: tuple[str, ...]

    @classmethod
    def of(cls, project: str, command: Sequence[str]) -> "Origin":
        """The origin for the project in the working directory."""
        return cls(project, _commit(Path.cwd()), tuple(command))

    def lines(self) -> tuple[str, str]:
        """The header's text, without comment signs."""
        commit = f" at commit {self.commit}" if self.commit else ""
        return (
            f"Written by prefect-compat from {self.project}{commit}.",
            f"To write it again: {shlex.join(self.command)}",
        )

    def comment(self) -> str:
        """The header as comments of Python, TOML or YAML."""
        source, again = self.lines()
        wrapped = textwrap.wrap(again, WIDTH, break_long_words=False, break_on_hyphens=False)
        return "".join(f"# {line}\n" for line in (source, *_continued(wrapped)))


def _continued(lines: Sequence[str]) -> list[str]:
    """The lines of one command; a shell joins them at the backslash."""
    return [f"{line} \\" for line in lines[:-1]] + list(lines[-1:])


def _commit(folder: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
