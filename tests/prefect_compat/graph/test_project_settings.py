"""[tool.prefect-compat] is read as it is meant, or refused in one line that names the file."""

from pathlib import Path

import pytest

from prefect_compat.errors import ConfigError
from prefect_compat.graph.project_settings import ProjectSettings, read_project_settings

SECTION = b"[tool.prefect-compat]\n"


def test_each_setting_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(
        SECTION + b'store_env = ["A", "B"]\nignore_metadata = ["took_s"]\nempty_partition = "x"\n'
    )
    assert read_project_settings(path) == ProjectSettings(
        store_env=("A", "B"), ignore_metadata=("took_s",), empty_partition="x"
    )


@pytest.mark.parametrize("text", [b"", b"[tool.other]\nx = 1\n", SECTION])
def test_without_the_section_every_setting_has_its_default(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text)
    assert read_project_settings(path) == ProjectSettings()


def test_without_the_file_too(tmp_path: Path) -> None:
    assert read_project_settings(tmp_path / "pyproject.toml") == ProjectSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            SECTION + b'store_env = "MYSTORE"\n',
            "`store_env` is 'MYSTORE'; expected a list of texts",
        ),
        (SECTION + b"store_env = [1]\n", "`store_env.0` is 1; expected a text"),
        (
            SECTION + b'store_env = ["MY STORE"]\n',
            "`store_env.0` is 'MY STORE'; expected the name of an environment variable",
        ),
        (SECTION + b'store_env = [""]\n', "expected the name of an environment variable"),
        (SECTION + b"empty_partition = 3\n", "`empty_partition` is 3; expected a text"),
        (
            SECTION + b'storeenv = ["A"]\n',
            "`storeenv` is no setting; there are store_env, ignore_metadata, empty_partition",
        ),
        (
            SECTION + b'storeenv = ["A"]\nempty_partition = 3\n',
            "expected a text; `storeenv` is no setting",
        ),
        (b"tool = 3\n", "`tool` is 3; expected a table [tool]"),
        (b"[tool]\nprefect-compat = 3\n", "expected a table [tool.prefect-compat]"),
        (b"[tool\n", "cannot be read as TOML: Expected ']'"),
        ('[tool]\nname = "é"\n'.encode("utf-16"), "is not UTF-8 (byte 0)"),
        (b'name = "\xff"\n', "is not UTF-8 (byte 8)"),
        (b"\x00\x01", "cannot be read as TOML"),
    ],
)
def test_anything_else_is_one_line_that_names_the_file(
    tmp_path: Path, text: bytes, words: str
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as refused:
        read_project_settings(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_project_settings(tmp_path / "pyproject.toml")
