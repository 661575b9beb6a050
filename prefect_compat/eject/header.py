"""The header of every written file: where it comes from, and how to write it again."""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
        return "".join(f"# {line}\n" for line in self.lines())


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
