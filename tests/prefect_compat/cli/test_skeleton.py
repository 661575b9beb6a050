"""`skeleton` writes assets that the comparison finds the same as the flow."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prefect_compat.cli.main import main
from prefect_compat.progress import Progress
from prefect_compat.skeleton import recorder
from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.recording import RecordingTask, record_flow
from prefect_compat.skeleton.skeleton import SkeletonOptions
from tests.prefect_compat.skeleton.shop import NAMES, write_shop

pytest.importorskip("ruff", reason="needs prefect-compat[eject]")
pytestmark = pytest.mark.usefixtures("handed_over")
FLOW = "shop_flows.py:shop"


@pytest.fixture
def in_this_process(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow is recorded here: a process costs two to three seconds of CPU."""

    def record(options: SkeletonOptions, progress: Progress) -> RecordedFlow:
        given = options.parameters, options.partition, options.parameter
        return record_flow(RecordingTask(options.entrypoint, *given, None, "unused"))

    monkeypatch.setattr(recorder, "record_in_process", record)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the flow in it."""
    write_shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*options: str) -> Result:
    return CliRunner().invoke(main, options)


def skeleton(*options: str) -> Result:
    return call("skeleton", "-q", "--flow", FLOW, "-o", "out", *options)


def compare(result: Result, *options: str) -> Result:
    """The comparison, by the command that `skeleton` printed."""
    program, command, *named = shlex.split(result.output.splitlines()[-1])
    assert (program, command) == ("prefect-compat", "compare")
    return call("compare", "-q", *named, *options)


@pytest.mark.nightly
def test_the_written_assets_and_the_flow_are_identical_until_one_changes(folder: Path) -> None:
    written = skeleton("--parameters", '{"count": 3}')
    assert written.exit_code == 0, written.output
    assert f"{len(NAMES)} assets, 0 of them as stubs" in written.output
    compared = compare(written)
    assert compared.exit_code == 0, compared.output
    assert "Identical: the stores have the same content for 6 of 6 assets" in compared.output

    definitions = folder / "out" / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    changed = text.replace("factor=3", "factor=4", 1)
    assert changed != text
    definitions.write_text(changed, encoding="utf-8")
    found = compare(written)
    assert found.exit_code == 1, found.output
    assert re.search(r"different content: scale_1\b", found.output)
    assert "different content: scale_2" not in found.output


@pytest.mark.usefixtures("in_this_process")
def test_a_second_call_writes_the_same_bytes_and_replaces_no_change(folder: Path) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}

    assert skeleton().exit_code == 0
    first = files()
    assert set(first) == {"definitions.py", "pyproject.toml", "NOT_CARRIED.md", "skeleton.json"}
    assert skeleton().exit_code == 0
    assert files() == first
    (folder / "out" / "definitions.py").write_text("mine = 1\n", encoding="utf-8")
    refused = skeleton()
    assert refused.exit_code == 2
    assert "definitions.py was changed since" in refused.output
    assert skeleton("--force").exit_code == 0
    assert files() == first


REFUSED = """
import threading
from prefect import flow, task

@task
def first(): return 1

@task
def hold(lock): return 2

@flow
def shop():
    first()
    hold(threading.Lock())
"""


@pytest.mark.usefixtures("in_this_process")
def test_what_is_refused_is_named_or_written_as_a_stub(folder: Path) -> None:
    write_shop(folder, REFUSED)
    refused = skeleton()
    assert refused.exit_code == 2
    assert (
        "1 of 2 tasks cannot be written as assets:\n  hold: its argument `lock`" in refused.output
    )
    assert not (folder / "out").exists()
    stubs = skeleton("--stub")
    assert stubs.exit_code == 1, stubs.output
    assert "1 of them as stubs" in stubs.output
    assert "**hold**" in (folder / "out" / "NOT_CARRIED.md").read_text(encoding="utf-8")


def test_a_flow_that_fails_is_one_error(folder: Path) -> None:
    write_shop(folder, REFUSED.replace("return 2", "raise ValueError('no shop')"))
    failed = skeleton()
    assert failed.exit_code == 2
    assert "the task hold: ValueError: no shop" in failed.output
    assert "Traceback" not in failed.output
    missing = call("skeleton", "-q", "--flow", "nowhere.py:shop", "-o", "out")
    assert missing.exit_code == 2
    assert "expected a file and the flow in it" in missing.output
