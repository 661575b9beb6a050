"""Virtual environments for tests on other versions, and the wheels to install into them.

uv makes an environment in seconds; where it cannot fetch the packages, pip tries. It is made once,
in `var/environments`, and is named by the digest of its requirements. `make clean` removes it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / "var" / "environments"


class NotFetchedError(Exception):
    """The packages cannot be had from the index that pip uses: the last line of pip's errors."""


def library_requirements(*extras: str) -> tuple[str, ...]:
    """The requirements of `prefect-compat` with these extras, read from its `pyproject.toml`."""
    text = (ROOT / "prefect_compat" / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    optional = project["optional-dependencies"]
    return tuple(project["dependencies"] + [line for extra in extras for line in optional[extra]])


def build_wheel(source: Path, folder: Path) -> Path:
    """Builds the wheel of a source folder into a folder, without a download."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    _pip(
        Path(sys.executable),
        *("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)),
    )
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


def environment(requirements: Sequence[str]) -> Path:
    """The Python of an environment with these packages, made on the first call.

    Raises NotFetchedError if pip cannot get them.
    """
    wanted = "\n".join([*sorted(requirements), sys.version])
    folder = HOME / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    with _locked(folder.with_suffix(".lock")):
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            python = folder / "bin" / "python"
            if not _uv_installs(python, requirements):
                try:
                    _pip(python, "install", *requirements)
                except subprocess.CalledProcessError as error:
                    shutil.rmtree(folder)
                    raise NotFetchedError(_last_error(error)) from error
            (folder / "complete").write_text(wanted)
    return folder / "bin" / "python"


def install(python: Path, wheel: Path) -> None:
    """Puts the wheel into an environment that has what it needs already."""
    _pip(python, "install", "--no-deps", "--force-reinstall", str(wheel))


def installed(python: Path) -> dict[str, str]:
    """The version of each package of an environment, by its name in lower case."""
    done = _pip(python, "list", "--format", "freeze")
    pairs = (line.partition("==") for line in done.splitlines())
    return {name.lower(): version for name, _, version in pairs}


def unmet(python: Path) -> list[str]:
    """The requirements of `prefect-compat` that an environment does not meet, as pip says them."""
    done = subprocess.run(
        [str(python), "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.splitlines() if line.startswith("prefect-compat")]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Test processes that want the same environment make it once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _variables() -> dict[str, str]:
    """The environment with the machine's own cache of packages, not that of the tests."""
    return {key: text for key, text in os.environ.items() if key != "XDG_CACHE_HOME"}


def _pip(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
        env=_variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _uv_installs(python: Path, requirements: Sequence[str]) -> bool:
    """Installs the packages by the uv of this environment; False if there is none, or it cannot."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        return False
    command = [str(uv), "pip", "install", "--quiet", "--python", str(python), *requirements]
    return (
        subprocess.run(command, env=_variables(), capture_output=True, check=False).returncode == 0
    )


def _last_error(error: subprocess.CalledProcessError) -> str:
    lines = [line for line in str(error.stderr).splitlines() if line.startswith("ERROR")]
    return lines[0].removeprefix("ERROR: ") if lines else f"pip ended with {error.returncode}"
