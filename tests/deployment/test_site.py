"""The documentation builds, and what it links to is there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from prefect_compat.cli.main import main
from tests.conftest import ROOT
from tools.site import broken_links

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_no_link_of_the_site_is_broken(tmp_path: Path) -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    settings |= {"site_dir": "site"}
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    zensical = str(Path(sys.executable).with_name("zensical"))
    subprocess.run([zensical, "build", "--strict"], cwd=tmp_path, check=True, timeout=600)
    assert len(list((tmp_path / "site").glob("*.html"))) > 10
    assert list(broken_links(tmp_path / "site")) == []


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="here"></h1><a href="#here"></a><a href="b.html#there"></a><a href="c.html"></a>'
        '<img src="d.png"><a href="http://127.0.0.1/"></a>'
    )
    (tmp_path / "b.html").write_text("<p></p>")
    assert list(broken_links(tmp_path)) == [
        "a.html: b.html#there: the page has no such anchor",
        "a.html: c.html: there is no such file",
        "a.html: d.png: there is no such file",
    ]


def test_every_picture_is_shown_somewhere() -> None:
    text = "".join(page.read_text() for page in PAGES)
    pictures = {path.name for path in (ROOT / "docs" / "images").glob("*.png")}
    assert pictures
    assert {name for name in pictures if f"images/{name}" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_and_options_that_are_named_exist(page: Path) -> None:
    shown = re.findall(r"```sh\n(.*?)```", page.read_text().replace("\\\n", " "), re.DOTALL)
    for command, arguments in re.findall(r"^prefect-compat (\w+)(.*)$", "".join(shown), re.M):
        usage = CliRunner().invoke(main, [command, "--help"])
        assert usage.exit_code == 0, command
        options = re.findall(r"(?<=\s)--?[a-z][a-z-]*", arguments.partition("#")[0])
        assert [option for option in options if option not in usage.output] == []
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make (\w+)", page.read_text(), re.M))
    assert named <= targets
