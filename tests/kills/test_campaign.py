"""The campaign finds what is planted. The campaign itself is `make kills`."""

import json
from pathlib import Path

import pytest

from tests.kills import campaign
from tests.kills.forks import Moment
from tests.kills.targets import Publish, Snapshot, snapshot


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text)
    return folder


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Snapshot]:
    """A target's files before and after its whole run."""
    versions = {
        "nothing": write(tmp_path / "nothing"),
        "old": write(tmp_path / "old", a="1", b="1"),
        "new": write(tmp_path / "new", a="2", b="2"),
    }
    return {name: snapshot(path) for name, path in versions.items()}


def looked(folder: Path, known: dict[str, Snapshot], killed: bool = True) -> campaign.Row:
    row = campaign.Row()
    campaign.look(Publish(), folder, known, "old", killed, row)
    return row


@pytest.mark.parametrize(
    ("texts", "landed"),
    [
        ({"a": "1", "b": "1"}, "nothing changed"),
        ({"a": "1", "b": "1", "c": "x"}, "half-written"),
        ({"a": "2", "b": "1"}, "some new"),
        ({"a": "2", "b": "2"}, "all new"),
    ],
)
def test_where_a_kill_landed_is_seen(
    tmp_path: Path, known: dict[str, Snapshot], texts: dict[str, str], landed: str
) -> None:
    row = looked(write(tmp_path / "run", **texts), known)
    assert row.landed == {landed: 1}
    assert row.all_faults == []


@pytest.mark.parametrize(
    ("texts", "kind"),
    [({"a": "[1", "b": "1"}, "torn"), ({"a": "3", "b": "1"}, "mixed"), ({"a": "2"}, "torn")],
    ids=["torn", "of neither run", "gone"],
)
def test_a_file_that_is_neither_the_old_nor_the_new_is_found(
    tmp_path: Path, known: dict[str, Snapshot], texts: dict[str, str], kind: str
) -> None:
    row = looked(write(tmp_path / "run", **texts), known)
    assert len(row.all_faults) == len(getattr(row, kind)) == 1


@pytest.mark.parametrize(
    ("texts", "kind"),
    [({"a": "2", "b": "2", "c": "x"}, "left"), ({"a": "2", "b": "1"}, "mixed")],
)
def test_what_a_good_run_leaves_wrong_is_found(
    tmp_path: Path, known: dict[str, Snapshot], texts: dict[str, str], kind: str
) -> None:
    row = campaign.Row()
    found = snapshot(write(tmp_path / "run", **texts))
    campaign.compare(found, known, Moment(), row)
    assert len(row.all_faults) == len(getattr(row, kind)) == 1


def test_an_empty_stage_counts_and_the_time_of_a_download_does_not(tmp_path: Path) -> None:
    (tmp_path / "a" / ".staging").mkdir(parents=True)
    assert snapshot(tmp_path) == {"a/.staging": "a folder"}
    found = []
    for time in ("08:00", "09:00"):
        facts = {"sha256": "x", "fetched_at": time}
        path = tmp_path / time / "downloads" / "x.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(facts))
        found.append(snapshot(tmp_path / time))
    assert found[0] == found[1]
