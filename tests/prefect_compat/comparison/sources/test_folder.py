"""A folder that no comparison made is never emptied."""

from pathlib import Path

import pytest

from prefect_compat.comparison.sources.folder import MARKER, comparison_folder, validate_folder
from prefect_compat.errors import ComparisonError


def entries(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def made(folder: Path) -> Path:
    """A folder as a comparison leaves it."""
    with comparison_folder(folder) as kept:
        for name in ("dagster", "round-2", "failure-3", "prefect-rows"):
            (kept / name).mkdir()
        (kept / "dagster" / "log.txt").write_text("a log")
        (kept / "prefect.json").write_text("{}")
    return folder


def test_what_a_comparison_made_is_replaced(tmp_path: Path) -> None:
    kept = made(tmp_path / "kept")
    with comparison_folder(kept) as folder:
        assert folder == kept
        assert entries(kept) == {MARKER}


@pytest.mark.parametrize("name", ["absent", "absent/below", "empty"])
def test_a_new_or_empty_folder_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with comparison_folder(tmp_path / name) as folder:
        assert entries(folder) == {MARKER}


def full(folder: Path) -> Path:
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    return folder


def added_to(folder: Path) -> Path:
    (made(folder) / "notes.txt").write_text("mine")
    return folder


def file(path: Path) -> Path:
    path.write_text("a file")
    return path


def link(path: Path) -> Path:
    path.symlink_to(made(path.with_name("linked")))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (full, r"is not empty and was not made by a comparison \(it holds thesis\.txt\)"),
        (added_to, r"holds notes\.txt, which no comparison made"),
        (file, "is a file"),
        (link, "is a link to"),
    ],
)
def test_anything_else_is_refused_named_and_left(tmp_path: Path, make: object, words: str) -> None:
    keep = make(tmp_path / "keep")  # type: ignore[operator]
    before = entries(tmp_path)
    with pytest.raises(ComparisonError, match=words) as refused, comparison_folder(keep):
        pass
    assert f"--keep {keep}: " in str(refused.value)
    assert "Nothing was removed" in str(refused.value)
    assert entries(tmp_path) == before


def test_the_comparison_s_own_outputs_may_lie_in_its_folder(tmp_path: Path) -> None:
    kept = made(tmp_path / "kept")
    page = kept / "pages" / "page.html"
    page.parent.mkdir()
    page.write_text("<html>")
    with pytest.raises(ComparisonError, match="holds pages"):
        validate_folder(kept)
    validate_folder(kept, [page])
    with pytest.raises(ComparisonError, match="holds pages"):
        validate_folder(kept, [tmp_path / "pages" / "page.html"])


def test_two_comparisons_do_not_share_a_folder(tmp_path: Path) -> None:
    with comparison_folder(tmp_path / "kept") as folder:
        (folder / "dagster").mkdir()
        with (
            pytest.raises(ComparisonError, match="another comparison is using it"),
            comparison_folder(folder),
        ):
            pass
        assert entries(folder) == {MARKER, "dagster"}


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ComparisonError, match="cannot be written: Not a directory"),
        comparison_folder(tmp_path / "file" / "kept"),
    ):
        pass


def test_a_temporary_folder_is_removed() -> None:
    with comparison_folder(None) as folder:
        (folder / "dagster").mkdir()
    assert not folder.exists()
