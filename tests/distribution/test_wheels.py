"""The wheels hold what they promise and ask for nothing that their users do not need."""

import re
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.environments import build_wheel

IMPORTS_TICKETS = re.compile(rb"(import|from) ticket_assets")


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def entry_points(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        return archive.read(name).decode()


@pytest.fixture(scope="session")
def tickets(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(root, tmp_path_factory.mktemp("tickets"))


def sources(root: Path, package: str) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in (root / package).rglob("*")
        if path.is_file() and path.suffix in (".py", ".typed", ".j2", ".css", ".txt")
    }


def test_the_librarys_wheel_holds_the_package_without_the_tickets(root: Path, wheel: Path) -> None:
    held = names(wheel)
    assert held == sources(root, "prefect_compat") - {"prefect_compat/ticket_flow.py"}
    assert "prefect_compat/py.typed" in held
    assert "prefect_compat/templates/comparison.html.j2" in held
    assert "prefect_compat/templates/eject/storage.py.txt" in held


def test_the_librarys_wheel_names_no_ticket(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        telling = [
            name
            for name in archive.namelist()
            if name.endswith(".py") and IMPORTS_TICKETS.search(archive.read(name))
        ]
    assert telling == []


def test_the_library_asks_for_ranges_and_for_no_data_library(wheel: Path) -> None:
    asked = metadata(wheel).get_all("Requires-Dist") or []
    always = {line.split(";")[0] for line in asked if "extra ==" not in line}
    packages = {line.split("<")[0].split(">")[0].strip() for line in always}
    assert {"dagster", "prefect", "click", "pydantic", "pyyaml", "psutil", "jinja2"} <= packages
    assert not packages & {"pandas", "numpy", "pyarrow", "matplotlib", "ticket-assets", "requests"}
    assert not [line for line in asked if "==" in line.split(";")[0] or "~=" in line]
    assert set(metadata(wheel).get_all("Provides-Extra") or []) == {
        *("pandas", "arrow", "tables", "dask", "eject")
    }


def test_the_library_is_described(root: Path, wheel: Path) -> None:
    text = metadata(wheel).get_payload()
    assert text == (root / "prefect_compat" / "README.md").read_text(encoding="utf-8")
    assert metadata(wheel)["License-Expression"] == "Apache-2.0"
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        assert archive.read(licence) == (root / "LICENSE").read_bytes()
    assert entry_points(wheel).split() == [
        *("[console_scripts]", "prefect-compat", "=", "prefect_compat.cli.main:main")
    ]


def test_both_wheels_share_no_file(root: Path, wheel: Path, tickets: Path) -> None:
    assert names(tickets) == sources(root, "ticket_assets") | {"prefect_compat/ticket_flow.py"}
    assert not names(tickets) & names(wheel)


def test_the_evaluation_depends_on_the_library_of_this_version(wheel: Path, tickets: Path) -> None:
    asked = metadata(tickets).get_all("Requires-Dist") or []
    (line,) = (line for line in asked if line.startswith("prefect-compat"))
    major, minor, _ = metadata(wheel)["Version"].split(".")
    assert f">={major}.{minor}" in line
    assert metadata(tickets)["Version"] == metadata(wheel)["Version"]
