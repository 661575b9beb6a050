"""A release whose versions and changelog disagree is refused."""

from pathlib import Path

import pytest

from tools.release import faults


def project(folder: Path, tickets: str, library: str, heading: str) -> Path:
    for version, file in ((tickets, "."), (library, "prefect_compat")):
        (folder / file).mkdir(exist_ok=True)
        (folder / file / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n## 0.1.0 (2026-01-01)\n")
    return folder


def test_one_version_with_its_dated_section_is_ready(tmp_path: Path) -> None:
    assert faults(project(tmp_path, "0.2.0", "0.2.0", "## 0.2.0 (2026-11-24)")) == []


@pytest.mark.parametrize(
    ("tickets", "library", "heading", "words"),
    [
        ("0.2.0", "0.2.1", "## 0.2.0 (2026-11-24)", "different versions"),
        ("0.3.0", "0.3.0", "## 0.2.0 (2026-11-24)", "opens with 0.2.0, the version is 0.3.0"),
        ("0.2.0", "0.2.0", "", "opens with 0.1.0, the version is 0.2.0"),
        ("0.2.0", "0.2.0", "## 0.2.0 (unreleased)", "expected a day"),
    ],
)
def test_each_disagreement_is_named(
    tmp_path: Path, tickets: str, library: str, heading: str, words: str
) -> None:
    (fault,) = faults(project(tmp_path, tickets, library, heading))
    assert words in fault
