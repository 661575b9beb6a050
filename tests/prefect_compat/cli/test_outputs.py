"""A file that cannot be written is refused before anything is done for it, in one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from prefect_compat.cli.main import main
from prefect_compat.cli.output_files import validate_outputs, write_output
from prefect_compat.errors import ConfigError


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["folder"], "folder is a folder; expected the name of a file to write"),
        (["file/page.html"], "file is a file. Name another place"),
        (["file/below/page.html"], "file is a file. Name another place"),
        (["page.html", "page.html"], "page.html is named twice"),
    ],
)
def test_it_is_refused(tmp_path: Path, names: list[str], words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=words) as refused:
        validate_outputs(*(tmp_path / name for name in names))
    assert "\n" not in str(refused.value)


def test_what_can_be_written_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("{}")
    validate_outputs(tmp_path / "there.json", tmp_path / "new" / "below" / "page.html")
    assert not (tmp_path / "new").exists()


def test_a_lineage_for_a_folder_is_refused_before_the_project_is_loaded(tmp_path: Path) -> None:
    options = ["lineage", "-m", "no.such.module", "-j", "any", "-o", str(tmp_path)]
    found = CliRunner().invoke(main, options)
    assert found.exit_code == 2
    assert found.output == f"Error: {tmp_path} is a folder; expected the name of a file to write.\n"


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("as it was")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match=r"page.html cannot be written: No space left"):
        write_output(page, "as it should be")
    assert page.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [page]
