"""`make release`: checks that the versions and the changelog agree before anything is published.

Both distributions carry one version, the changelog opens with its section, and the section says
the day of the release.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECTS = ("pyproject.toml", "prefect_compat/pyproject.toml")
HEADING = re.compile(r"^## (?P<version>\S+) \((?P<day>[^)]*)\)$", re.MULTILINE)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def faults(root: Path) -> list[str]:
    """Returns what stands in the way of a release; an empty list if nothing does."""
    versions = {file: _version(root / file) for file in PROJECTS}
    messages: list[str] = []
    if len(set(versions.values())) > 1:
        listed = ", ".join(f"{file}: {version}" for file, version in versions.items())
        messages.append(f"The distributions have different versions ({listed}). Give them one.")
    heading = HEADING.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    if heading is None:
        messages.append("CHANGELOG.md has no section. Expected a heading `## VERSION (DAY)`.")
        return messages
    version = versions[PROJECTS[0]]
    if heading["version"] != version:
        messages.append(
            f"CHANGELOG.md opens with {heading['version']}, the version is {version}."
            " Change one of them."
        )
    if not DAY.fullmatch(heading["day"]):
        messages.append(
            f"CHANGELOG.md: {heading['version']} has ({heading['day']}), expected a day like"
            " (2026-11-24). Write the day of the release."
        )
    return messages


def _version(file: Path) -> str:
    version: str = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"]
    return version


def main() -> None:
    """Prints each fault and exits with code 1 if there are any."""
    messages = faults(ROOT)
    for message in messages:
        print(message)
    sys.exit(bool(messages))


if __name__ == "__main__":
    main()
