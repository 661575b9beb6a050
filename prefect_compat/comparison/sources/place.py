"""The place of a side's process: its folder, its commit, its interpreter."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from prefect_compat.errors import ComparisonError
from prefect_compat.graph.project import Project

# For a process in a worktree: the folder from which its project must not be imported.
ORIGINAL = "PREFECT_COMPAT_ORIGINAL_FOLDER"
PROBE = "import prefect_compat.comparison.sources.dagster_job, dagster; print(dagster.__version__)"


@dataclass(frozen=True)
class Place:
    """An interpreter and a working directory; variables are set beside those of the side.

    If it `is_isolated`, the working directory is no import folder until the project is loaded.
    """

    python: str = sys.executable
    directory: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    is_isolated: bool = False

    def project(self, project: Project) -> Project:
        """The project in this place: its paths below the user's checkout are relative to here."""
        original = self.variables.get(ORIGINAL)

        def moved(path: str | None) -> str | None:
            is_below = path and original and Path(path).is_absolute()
            if not (is_below and Path(str(path)).resolve().is_relative_to(str(original))):
                return path
            return os.path.relpath(str(path))

        return replace(project, file=moved(project.file), folder=moved(project.folder))


HERE = Place()


@contextmanager
def base_place(revision: str | None, python: str | None) -> Iterator[Place]:
    """Yields the place of another commit, of another interpreter, or of both.

    The commit is checked out into a worktree, which is removed afterwards. Raises ComparisonError
    if git does not know the revision, or if the interpreter cannot import what a side needs.
    """
    with (
        tempfile.TemporaryDirectory(prefix="prefect-compat-base-") as folder,
        _worktree(revision, Path(folder) / "commit") as (directory, original),
    ):
        variables = {ORIGINAL: str(original)} if original else {}
        if python is not None:
            # This version of the library, and nothing else of this interpreter.
            library = lend("prefect_compat", Path(__file__).parent.parent.parent, Path(folder))
            variables["PYTHONPATH"] = str(library)
            _probe(python, variables)
        yield Place(
            python or sys.executable, directory, variables, is_isolated=revision is not None
        )


def lend(name: str, package: Path, folder: Path) -> Path:
    """The import folder, below a folder, through which another interpreter finds a package."""
    library = folder / "library"
    library.mkdir(exist_ok=True)
    (library / name).symlink_to(package)
    return library


@contextmanager
def _worktree(revision: str | None, folder: Path) -> Iterator[tuple[Path | None, Path | None]]:
    """The working directory at the revision, and the root of the user's own checkout."""
    if revision is None:
        yield None, None
        return
    root = Path(_git("rev-parse", "--show-toplevel").strip())
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    try:
        _git("worktree", "add", "--detach", "--quiet", str(folder), commit)
        yield folder / Path.cwd().relative_to(root.resolve()), root
    finally:
        subprocess.run(
            ["git", "-C", str(root), "worktree", "remove", "--force", str(folder)],
            capture_output=True,
            check=False,
        )


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True
        ).stdout
    except FileNotFoundError:
        raise ComparisonError("--base needs git, which is not installed.") from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split()) or "there is no such commit"
        raise ComparisonError(
            f"git {' '.join(arguments[:1])} {arguments[-1]}: {reason}. Name a commit, a branch or a"
            " tag of the repository of this folder: --base main."
        ) from error


def _probe(python: str, variables: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            [python, "-c", PROBE],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
    except OSError as error:
        raise ComparisonError(
            f"--base-python {python} cannot be started: {error.strerror}. Name an interpreter, such"
            " as ../old-venv/bin/python."
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ComparisonError(
            f"--base-python {python} cannot run a side: {last}. It needs Dagster 1.12 or later,"
            " psutil and pyyaml; prefect-compat itself is lent to it."
        ) from error


def validate_origin() -> None:
    """Raises ComparisonError if a module comes from the user's own checkout, not the worktree."""
    original = os.environ.get(ORIGINAL)
    if original is None:
        return
    here = Path.cwd().resolve()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or name.partition(".")[0] == "prefect_compat" or "site-packages" in file:
            continue
        path = Path(file).resolve()
        if path.is_relative_to(Path(original).resolve()) and not path.is_relative_to(here):
            raise ComparisonError(
                f"The module {name} was imported from {original} and not from the other commit,"
                " because it is installed from there. Compare in a folder from which the project"
                " is imported directly (-m, -f, -d)."
            )
