"""Stores that exist, file by file: local, on S3, and left as they were."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import pytest

from prefect_compat.cli.main import main

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(json.dumps(rows))


ROWS = [{"id": number, "x": number / 4} for number in range(20)]


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    for side in ("left", "right"):
        for day in ("2024-01-01", "2024-01-02"):
            write(tmp_path / side, f"orders/{day}.parquet", ROWS)
            write(tmp_path / side, f"report/{day}.json", ROWS[:2])
    return tmp_path / "left", tmp_path / "right"


def compare(*arguments: object) -> click.testing.Result:
    options = ["compare", "-q", *map(str, arguments)]
    return click.testing.CliRunner().invoke(main, options)


def pair(stores: tuple[Path, Path]) -> tuple[object, ...]:
    return ("--left", stores[0], "--right", stores[1])


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_equal_stores_are_identical_and_left_as_they_were(stores: tuple[Path, Path]) -> None:
    before = [state(store) for store in stores]
    found = compare(*pair(stores))
    assert found.exit_code == 0, found.output
    assert found.output.splitlines()[-1] == (
        "Identical: the stores have the same content for 4 of 4 asset-days."
    )
    assert "not compared: all beside the outputs (a store keeps only outputs)" in found.output
    assert [state(store) for store in stores] == before


def test_the_same_rows_in_other_files(stores: tuple[Path, Path], tmp_path: Path) -> None:
    """As CSV, and in two Parquet files: only the form differs, and so do two types."""
    for day in ("2024-01-01", "2024-01-02"):
        (stores[1] / f"orders/{day}.parquet").unlink()
        write(stores[1], f"orders/{day}/part-0.parquet", ROWS[:7])
        write(stores[1], f"orders/{day}/part-1.parquet", ROWS[7:])
        (stores[0] / f"report/{day}.json").unlink()
        (stores[1] / f"report/{day}.json").unlink()
    found = compare(*pair(stores), "--right-layout", "{asset}/{partition}/*.parquet")
    assert found.exit_code == 0, found.output
    assert "2 are the same in another form" in found.output.splitlines()[-1]
    for day in ("2024-01-01", "2024-01-02"):
        write(stores[0], f"orders/{day}.csv", ROWS)
        (stores[0] / f"orders/{day}.parquet").unlink()
    found = compare(*pair(stores), "--right-layout", "{asset}/{partition}/*.parquet")
    assert found.exit_code == 0, found.output


def rewritten(**options: Any) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pq.read_table(path), path, **options)


HARMLESS: dict[str, Callable[[Path], None]] = {
    "another compression": rewritten(compression="zstd"),
    "row groups": rewritten(row_group_size=3),
    "no dictionaries": rewritten(use_dictionary=False),
    "no statistics": rewritten(write_statistics=False),
    "another version of Parquet": rewritten(version="1.0"),
    "pages of another size": rewritten(data_page_size=64),
    "other metadata of the file": lambda path: pq.write_table(
        pq.read_table(path).replace_schema_metadata({"by": "another"}), path
    ),
    "written by pandas": lambda path: pq.read_table(path).to_pandas().to_parquet(path, index=False),
}


@pytest.mark.parametrize("variation", HARMLESS)
def test_another_file_with_the_same_rows_raises_no_alarm(
    stores: tuple[Path, Path], variation: str
) -> None:
    HARMLESS[variation](stores[1] / "orders/2024-01-02.parquet")
    found = compare(*pair(stores))
    assert found.exit_code == 0, found.output


def test_a_document_in_another_layout_raises_no_alarm(stores: tuple[Path, Path]) -> None:
    path = stores[1] / "report/2024-01-02.json"
    rows = [dict(reversed(row.items())) for row in ROWS[:2]]
    path.write_text(json.dumps(rows, indent=2))
    found = compare(*pair(stores))
    assert found.exit_code == 0, found.output
    assert "1 is the same in another form" in found.output


def test_what_differs_is_named_by_its_key(stores: tuple[Path, Path]) -> None:
    write(stores[1], "orders/2024-01-02.parquet", [*ROWS[:5], *ROWS[6:]])
    (stores[1] / "report/2024-01-01.json").unlink()
    found = compare(*pair(stores), "--key", "orders=id")
    assert found.exit_code == 1
    assert "orders[2024-01-02]: 20 rows against 19; 1 row only in left (id=5)" in found.output
    assert "missing on one side: report[2024-01-01]: left has json file" in found.output


def test_one_partition(stores: tuple[Path, Path]) -> None:
    write(stores[1], "orders/2024-01-02.parquet", ROWS[1:])
    assert compare(*pair(stores), "--partition", "2024-01-01").exit_code == 0
    assert compare(*pair(stores), "--partition", "2024-01-02...2024-01-03").exit_code == 1


def test_a_pickle_is_not_read(stores: tuple[Path, Path]) -> None:
    for store, content in zip(stores, (b"a", b"b"), strict=True):
        (store / "orders/2024-01-01.pickle").write_bytes(content)
        (store / "orders/2024-01-01.parquet").unlink()
    found = compare(*pair(stores))
    assert found.exit_code == 1
    assert "2024-01-01.pickle is a pickle, and reading one runs code" in found.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--left", "no", "--right", "right"), "no is no folder that can be read"),
        (
            ("--left", "left", "--right", "right", "--left-layout", "{asset}.csv"),
            "left: no file matches {asset}.csv; there is orders/2024-01-01.parquet",
        ),
        (
            ("--left", "left", "--right", "other"),
            "The stores have no asset and partition in common: left has orders[2024-01-01] to"
            " report[2024-01-02]; other has orders[2025-01-01] to orders[2025-01-01]",
        ),
        (
            ("--left", "left", "--right", "right", "--base", "main"),
            "--base excludes --left and --right",
        ),
    ],
)
def test_what_cannot_be_compared(
    stores: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(stores[0].parent)
    write(stores[0].parent / "other", "orders/2025-01-01.parquet", ROWS)
    found = compare(*options)
    assert found.exit_code == 2
    assert words in found.output
    assert found.output.count("\n") == 1


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address on a real S3 server of this machine."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("shop")
    yield "s3://shop/prod"
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_and_a_folder(stores: tuple[Path, Path], bucket: str) -> None:
    import s3fs

    s3fs.S3FileSystem().put(f"{stores[0]}{os.sep}", f"{bucket}/", recursive=True)
    assert compare("--left", bucket, "--right", stores[1]).exit_code == 0
    write(stores[1], "orders/2024-01-02.parquet", ROWS[1:])
    found = compare("--left", bucket, "--right", stores[1])
    assert found.exit_code == 1
    assert "orders[2024-01-02]: 20 rows against 19; 1 row only in left (row 0)" in found.output
