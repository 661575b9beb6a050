"""Values in files: their text and their rows, and what a stored file is read as."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_compat.comparison.diff import values
from prefect_compat.comparison.diff.text_rows import text_rows
from prefect_compat.comparison.diff.values import (
    RowsInFiles,
    as_arrow,
    read_file,
    rows_file,
    text_file,
    write_values,
)
from prefect_compat.errors import ComparisonError

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
duckdb = pytest.importorskip("duckdb")


def text_of(folder: Path, number: int = 0) -> dict[str, Any]:
    """The written text; lists in place of tuples."""
    found: dict[str, Any] = json.loads(text_file(folder, number).read_text())
    return found


def rows_of(folder: Path, number: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(rows_file(folder, number)).to_pylist()
    return found


def written(folder: Path, *written: Any) -> Path:
    """The folder with the files of these values."""
    write_values(lambda value: value, written, folder / "new" / "values")
    return folder / "new" / "values"


class TestWrite:
    def test_each_value_has_its_text_and_a_table_its_rows_too(self, tmp_path: Path) -> None:
        folder = written(tmp_path, {"é": 1}, pd.DataFrame({"x": [1, 2]}))
        assert sorted(path.name for path in folder.iterdir()) == [
            *("0.json", "1.json", "1.parquet")
        ]
        assert text_of(folder) == {
            "names": ["place", "value"],
            "columns": [["['é']"], ["1"]],
            "is_document": True,
            "is_empty": False,
        }
        assert text_of(folder, 1)["columns"] == [["0", "1"], ["1", "2"]]
        assert rows_of(folder, 1) == [{"x": 1}, {"x": 2}]

    def test_a_value_that_cannot_be_read_does_not_stop_the_others(self, tmp_path: Path) -> None:
        def load(value: Any) -> Any:
            if value is None:
                raise OSError("the disk is gone")
            return value

        write_values(load, [None, 1], tmp_path)
        write_values(load, [None, 1], tmp_path)  # into a folder that is there
        assert text_of(tmp_path)["names"] == ["cannot be read"]
        assert text_of(tmp_path)["columns"] == [["the disk is gone"]]
        assert text_of(tmp_path, 1)["columns"] == [[""], ["1"]]

    @pytest.mark.parametrize(("most", "has_text"), [(6, True), (5, False)])
    def test_a_large_table_has_no_text(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, has_text: bool
    ) -> None:
        monkeypatch.setattr(values, "MOST_CELLS", most)
        folder = written(tmp_path, pd.DataFrame({"x": [1, 2, 3], "y": [1, 2, 3]}))
        assert text_file(folder, 0).exists() is has_text
        assert len(rows_of(folder)) == 3

    @pytest.mark.parametrize(
        "table",
        [
            pd.DataFrame({"x": [1, "a"]}),  # no type of Arrow holds both
            pd.DataFrame([[1, 2]], columns=["x", "x"]),
            pa.table({"x": pa.array([None], pa.month_day_nano_interval())}),
        ],
        ids=["cells of several types", "names that repeat", "a type that Parquet lacks"],
    )
    def test_a_table_that_parquet_cannot_hold_has_its_text(
        self, tmp_path: Path, table: Any
    ) -> None:
        folder = written(tmp_path, table)
        assert [path.name for path in folder.iterdir()] == ["0.json"]
        assert text_of(folder)["columns"] == [list(cells) for cells in text_rows(table).columns]

    def test_rows_in_a_file_are_linked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
        monkeypatch.chdir(tmp_path)
        folder = written(tmp_path, RowsInFiles([Path("a.parquet")]), "another")
        assert text_file(folder, 1).exists()
        assert rows_file(folder, 0).readlink() == tmp_path / "a.parquet"
        assert not text_file(folder, 0).exists()
        assert rows_of(folder) == [{"x": 1}]


class TestRowsInFiles:
    def test_parquet_files_are_joined_in_their_order(self, tmp_path: Path) -> None:
        files = [tmp_path / f"it's {name}.parquet" for name in "ba"]
        for number, file in enumerate(files):
            pq.write_table(pa.table({"x": [10 * number + place for place in range(3)]}), file)
        RowsInFiles(files).write(tmp_path / "0.parquet")
        found = pq.read_table(tmp_path / "0.parquet")
        assert found.to_pydict() == {"x": [0, 1, 2, 10, 11, 12]}

    def test_csv_files_are_read_to_their_end_to_find_the_types(self, tmp_path: Path) -> None:
        """A number that is a word in the last row is text in all of them."""
        one, two = tmp_path / "1.csv", tmp_path / "2.csv"
        one.write_text("x,y\n" + "1,2\n" * 30_000 + "word,2\n")
        two.write_text("y,x\n7,8\n")
        RowsInFiles([one, two]).write(tmp_path / "0.parquet")
        found = pq.read_table(tmp_path / "0.parquet")
        assert found.num_rows == 30_002
        assert found.slice(30_000).to_pylist() == [{"x": "word", "y": 2}, {"x": "8", "y": 7}]

    @pytest.mark.parametrize("number", [1, 2])
    def test_the_ending_of_a_parquet_file_may_be_in_capitals(
        self, tmp_path: Path, number: int
    ) -> None:
        files = [tmp_path / f"{place}.PARQUET" for place in range(number)]
        for file in files:
            pq.write_table(pa.table({"x": [1]}), file)
        RowsInFiles(files).write(tmp_path / "0.parquet")
        assert pq.read_table(tmp_path / "0.parquet").to_pylist() == [{"x": 1}] * number

    def test_one_csv_file_is_no_link(self, tmp_path: Path) -> None:
        (tmp_path / "1.csv").write_text("x\n1\n")
        RowsInFiles([tmp_path / "1.csv"]).write(tmp_path / "0.parquet")
        assert not (tmp_path / "0.parquet").is_symlink()
        assert pq.read_table(tmp_path / "0.parquet").to_pylist() == [{"x": 1}]


class TestReadFile:
    @pytest.mark.parametrize(
        ("name", "content", "value"),
        [
            ("a.json", '{"x": "é"}', {"x": "é"}),
            ("a.jsonl", '{"x": 1}\n\n[2]\n', [{"x": 1}, [2]]),
            ("a.NDJSON", '"é"\n', ["é"]),
            ("a.txt", "one\ntwé\n", ["one", "twé"]),
            ("a", "one", ["one"]),
        ],
    )
    def test_text(self, tmp_path: Path, name: str, content: str, value: Any) -> None:
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        assert read_file([file]) == value

    def test_what_is_no_text_is_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "a.bin").write_bytes(b"\xff\x00")
        assert read_file([tmp_path / "a.bin"]) == b"\xff\x00"

    @pytest.mark.parametrize("name", ["a.parquet", "a.PQ", "a.csv", "a.tsv"])
    def test_tables_are_not_read(self, name: str) -> None:
        files = [Path(name), Path(name)]
        assert read_file(files) == RowsInFiles(files)

    def test_several_files_are_a_list(self, tmp_path: Path) -> None:
        for name in ("1", "2"):
            (tmp_path / f"{name}.json").write_text(name)
        assert read_file([tmp_path / "1.json", tmp_path / "2.json"]) == [1, 2]

    @pytest.mark.parametrize("name", ["a.pickle", "a.pkl", "a.PKL"])
    def test_a_pickle_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ComparisonError) as caught:
            read_file([tmp_path / name])
        assert str(caught.value) == (
            f"{name} is a pickle, and reading one runs code. Name the project (-m), whose own IO"
            " manager then reads it."
        )


class TestAsArrow:
    @pytest.mark.parametrize(
        ("frame", "columns"),
        [
            (lambda: pd.DataFrame({"x": [1, 2]}), {"x": [1, 2]}),
            (lambda: pd.DataFrame({7: [1, 2]}), {"7": [1, 2]}),
            (
                lambda: pd.DataFrame({"x": [1, 2]}, index=[5, 6]),
                {"index 0": [5, 6], "x": [1, 2]},
            ),
            (
                lambda: pd.DataFrame({"x": [1, 2]}, index=pd.Index([1, 2], name="id")),
                {"index 0": [1, 2], "x": [1, 2]},
            ),
            (
                lambda: pd.DataFrame(
                    {"x": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
                ),
                {"index 0": ["a", "b"], "index 1": [1, 2], "x": [1, 2]},
            ),
        ],
        ids=["plain", "a number as a name", "an index", "a named index", "two levels"],
    )
    def test_an_index_that_does_not_count_is_a_column(
        self, frame: Callable[[], Any], columns: dict[str, list[Any]]
    ) -> None:
        value = frame()
        assert as_arrow(value).to_pydict() == columns
        assert list(value.columns) == list(frame().columns)

    def test_tables_of_arrow(self) -> None:
        table = pa.table({"x": [1]})
        assert as_arrow(table) is table
        assert as_arrow(table.to_batches()[0]) == table

    def test_tables_of_polars(self) -> None:
        polars = pytest.importorskip("polars")
        assert as_arrow(polars.DataFrame({"x": [1]})).to_pydict() == {"x": [1]}

    @pytest.mark.parametrize("value", [None, 1, [1], {"x": [1]}, pd.Series([1])])
    def test_nothing_else_is_a_table(self, value: Any) -> None:
        assert as_arrow(value) is None

    def test_names_that_repeat_are_no_table(self) -> None:
        with pytest.raises(ValueError, match=r"^names of columns repeat$"):
            as_arrow(pd.DataFrame([[1, 2]], columns=["x", "x"]))
