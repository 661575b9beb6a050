"""Every kind of bad log that we know: each ends in one error, and nothing is stored.

Each log goes in by the public entry, as a file. It is `GOOD`, a log that is read, but for what the
case does to it.
"""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.logs import csv_bytes
from ticket_assets.errors import DataError, SourceError, TicketAssetsError
from ticket_assets.event_log import DownloadLimits, open_log
from ticket_assets.event_log.schema import MOST_COLUMNS, NAMES, RESERVED

# A traceback that a library prints is a fault, too: pytest makes a warning of it.
# ResourceWarning: a socket that another test left open may be collected in one of these.
pytestmark = pytest.mark.filterwarnings(
    "error", "default::ResourceWarning", "default::pytest.PytestUnraisableExceptionWarning"
)

GOOD = csv_bytes([{}] * 3)
HEADER, ROW = GOOD.splitlines(keepends=True)[:2]
LIMITS = DownloadLimits(limit_mb=4)


def row(**values: str) -> bytes:
    """A good log, the second of whose three rows has these values."""
    return csv_bytes([{}, values, {}])


def header(change: Callable[[list[str]], object]) -> bytes:
    names = list(NAMES)
    change(names)
    return csv_bytes(header=names)


def renamed(**names: str) -> bytes:
    return csv_bytes(header=[names.get(name, name) for name in NAMES])


def zipped(
    entries: Mapping[str, bytes] = {"log.csv": GOOD}, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("log.csv")
        entry.size = len(GOOD)
        archive.addfile(entry, io.BytesIO(GOOD))
    return buffer.getvalue()


def patched(content: bytes, signature: bytes, offset: int, new: bytes) -> bytes:
    """The zip with other bytes at an offset from the last place of the signature."""
    place = content.rindex(signature) + offset
    return content[:place] + new + content[place + len(new) :]


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ZIP = zipped()
DATA = 30 + len("log.csv")  # of a zip's only entry: its local header comes first


def with_flag(flag: int) -> bytes:
    return patched(patched(ZIP, LOCAL, 6, bytes([flag])), CENTRAL, 8, bytes([flag]))


def with_method(method: int) -> bytes:
    content = struct.pack("<H", method)
    return patched(patched(ZIP, LOCAL, 8, content), CENTRAL, 10, content)


def bad_date(text: str) -> tuple[bytes, str]:
    """Faults of `closed_at`, which assigns the rows to days."""
    return row(closed_at=text), (
        f"1 fault: row 2, column closed_at: found '{text}', expected a date like 29/2/2016 01:16."
    )


def bad_count(text: str, shown: str | None = None) -> tuple[bytes, str]:
    found = text if shown is None else shown
    return row(sys_mod_count=text), (
        f"1 fault: row 2, column sys_mod_count: found '{found}', expected a whole number, 0 or"
        " more."
    )


def bad_flag(text: str) -> tuple[bytes, str]:
    return row(active=text), (
        f"1 fault: row 2, column active: found '{text}', expected true or false."
    )


def missing(column: str) -> tuple[bytes, str]:
    return row(**{column: "?"}), f"1 fault: row 2, column {column}: found '?', expected a value."


def quoted_from(first: int, last: int, rows: int, column: str) -> bytes:
    """Two stray quotes: where the column begins in row `first` and where it begins in `last`."""
    values = [{"number": str(number)} for number in range(1, rows + 1)]
    for number in (first, last):
        values[number - 1][column] = '"Room 1'
    return csv_bytes(values)


CSVS: dict[str, tuple[bytes, str]] = {
    # nothing, or nothing but a header
    "empty": (b"", "is empty; expected a CSV with the log's 36 columns"),
    "byte-order mark only": (b"\xef\xbb\xbf", "is empty"),
    "line feed only": (b"\n", "is empty"),
    "empty lines only": (b"\r\n\r\n\n", "is empty"),
    "blanks only": (b"  \t ", "is empty"),
    "empty first line": (b"\n" + GOOD, "begins with an empty line; expected a CSV"),
    "header only": (HEADER, "has a header and no rows"),
    "header without a line end": (HEADER.rstrip(), "has a header and no rows"),
    "header and empty lines": (HEADER + b"\n\n\r\n", "has a header and no rows"),
    "no header": (ROW * 3, "header: 39 faults: column 'true' occurs 3 times;"),
    # other encodings
    "UTF-16": (GOOD.decode().encode("utf-16"), "is UTF-16 text, expected a CSV in UTF-8"),
    "UTF-16 big-endian": (b"\xfe\xff" + GOOD.decode().encode("utf-16-be"), "is UTF-16 text"),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), "header: found a NUL byte"),
    "UTF-32": (GOOD.decode().encode("utf-32"), "is UTF-16 text"),
    "latin-1 in a row": (
        row(location="Caf@").replace(b"@", b"\xe9"),
        r"line 3: found the bytes b'\xe9,?,', expected UTF-8 text",
    ),
    "latin-1 in the last row": (
        (GOOD + ROW).replace(ROW, ROW.replace(b"Caller", b"Call\xe9"), 4),
        r"line 2: found the bytes b'\xe9 24', expected UTF-8 text",
    ),
    "latin-1 in the header": (
        GOOD.replace(b"vendor", b"v\xe9ndor"),
        r"header: found the bytes b'\xe9ndo', expected UTF-8 text",
    ),
    "latin-1 in a row with few fields": (
        GOOD + b"Caf\xe9,x\n",
        r"line 5: found the bytes b'\xe9,x\n', expected UTF-8 text",
    ),
    "half a surrogate": (
        row(location="@").replace(b"@", b"\xed\xa0\x80"),
        r"line 3: found the bytes b'\xed\xa0\x80,', expected UTF-8 text",
    ),
    "UTF-8 cut off": (GOOD[:-1] + b"\xc3", r"line 4: found the bytes b'\xc3', expected UTF-8 text"),
    # no text at all
    "zeros": (bytes(5000), "header: found a NUL byte"),
    "more zeros than a row may have": (bytes(3 << 20), "header: is longer than 1 MiB"),
    "NUL in a value": (row(location="a\0b"), "line 3: found a NUL byte, expected text"),
    "NUL in a date": (row(closed_at="5/3/2016 12:0\0"), "line 3: found a NUL byte"),
    "NULs where a write was cut off": (GOOD + bytes(100), "line 5: found a NUL byte"),
    "every byte": (bytes(range(256)), "header: found a NUL byte"),
    "an executable": (b"\x7fELF\x02\x01\x01" + bytes(9), "header: found a NUL byte"),
    # other formats under the name .csv
    "gzip": (gzip.compress(GOOD), "is a gzip file, expected a CSV in UTF-8 or a zip archive"),
    "xz": (lzma.compress(GOOD), "is an xz file"),
    "bzip2": (bz2.compress(GOOD), "is a bzip2 file"),
    "Zstandard": (b"\x28\xb5\x2f\xfd\x24\0", "is a Zstandard file"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive"),
    "RAR": (b"Rar!\x1a\x07\x01\0", "is a RAR archive"),
    "tar": (tarred(), "is a tar archive"),
    "PDF": (b"%PDF-1.7\n", "is a PDF file"),
    "Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel file"),
    "Parquet": (b"PAR1\x15\x04\x15", "is a Parquet file"),
    "SQLite": (b"SQLite format 3\0\x10", "is an SQLite database"),
    "HTML": (b"<!DOCTYPE html>\n<html>\n", "is an HTML page"),
    "HTML on one line": (b"<html><body>" + b"Not found, " * 20_000, "is an HTML page"),
    "HTML after blanks": (b"\xef\xbb\xbf\n  <HTML lang='en'>", "is an HTML page"),
    "XML": (b"<?xml version='1.0'?><log/>", "is an XML file"),
    "JSON": (json.dumps([{"number": 1}]).encode(), "is JSON"),
    "JSON lines": (b'{"number": 1}\n{"number": 2}\n', "is JSON"),
    "text": (b"No such file.\nTry again.\n", "header: 36 faults: column 'number' is missing;"),
    # line ends and delimiters
    "CR only": (GOOD.replace(b"\n", b"\r"), "header: found a carriage return without a line feed"),
    "a CR within the header": (GOOD.replace(b",", b"\r,", 1), "header: found a carriage return"),
    "semicolons": (GOOD.replace(b",", b";"), "header: found columns divided by ';'"),
    "quoted semicolons": (
        b";".join(b'"%s"' % name.encode() for name in NAMES) + b"\n",
        "header: found columns divided by ';', expected commas",
    ),
    "tabs": (GOOD.replace(b",", b"\t"), r"header: found columns divided by '\t', expected commas"),
    "bars": (GOOD.replace(b",", b"|"), "header: found columns divided by '|', expected commas"),
    "blanks after commas": (GOOD.replace(b",", b", "), "35 faults: column 'incident_state' is"),
    # columns
    "a column missing": (header(lambda names: names.remove("rfc")), "column 'rfc' is missing"),
    "a column misspelt": (renamed(closed_at="closedat"), "column 'closed_at' is missing ('closed"),
    "a column in capitals": (renamed(vendor="Vendor"), "column 'vendor' is missing ('Vendor'?)"),
    "a column twice": (header(lambda names: names.append("rfc")), "column 'rfc' occurs 2 times"),
    "an extra column twice": (
        header(lambda names: names.extend(["mood"] * 3)),
        "header: 1 fault: column 'mood' occurs 3 times",
    ),
    "all columns in capitals": (HEADER.upper() + ROW, "36 faults: .* and 26 more."),
    "missing, misspelt and twice": (
        header(lambda names: (names.remove("rfc"), names.append("impact"))),
        "header: 2 faults: column 'impact' occurs 2 times; column 'rfc' is missing.",
    ),
    "the damaged copy": (
        renamed(incident_state="ident_state", subcategory="category"),
        "is the damaged copy of the UCI log",
    ),
    **{
        f"a column named {name}": (
            header(lambda names, name=name: names.append(name)),  # type: ignore[misc]
            f"header: 1 fault: column '{name}' has a reserved name",
        )
        for name in RESERVED
    },
    "too many columns": (
        header(lambda names: names.extend(f"x{n}" for n in range(MOST_COLUMNS - 35))),
        "header: 1 fault: 1,001 columns, more than 1,000",
    ),
    "far too many columns": (
        HEADER.rstrip() + b"," * 500_000 + b"\n",
        "header: 1 fault: 500,036 columns, more than 1,000",
    ),
    "a column name that is too long": (
        GOOD.replace(b"vendor", b"v" * 200_000),
        "header: found 'number,incident_state,",
    ),
    "a column name of many letters": (
        GOOD.replace(b"vendor", b"v" * 100_000),
        "header: 1 fault: column 'vendor' is missing.",
    ),
    "a quote open in the header": (
        GOOD.replace(b"vendor", b'"vendor'),
        "header: the quote at '\"vendor,caused_by",
    ),
    "a line break in a column's name": (
        GOOD.replace(b"vendor", b'"ven\ndor"'),
        "header: found 'number,incident_state,",
    ),
    # fields
    "too few fields": (GOOD + b"INC1,New,true\n", "row 4, has 3 fields, expected 36."),
    "a field too many": (GOOD + ROW.rstrip() + b",x\n", "row 4, has 37 fields, expected 36."),
    "a blank in an empty line": (GOOD + b" \n", "row 4, has 1 fields, expected 36."),
    "the last row cut off": (GOOD[:-40], "row 3, has 30 fields, expected 36."),
    "the last date cut off": (GOOD[:-4], "row 3, column closed_at: found '5/3/2016 12', expected"),
    "a line break in a value": (
        row(location="Room 1\nfloor 2"),
        "2 faults: row 2, has 16 fields, expected 36; row 3, has 21 fields",
    ),
    "a CR in a value": (row(location="Room 1\rfloor 2"), "2 faults: row 2, has 16 fields"),
    "only short rows": (
        HEADER + b"a\n" * 300_000,
        "1,001 faults or more: row 1, has 1 fields, expected 36; .* and 996 more",
    ),
    "the header twice": (GOOD + GOOD, "row 4, column active: found 'active', expected true"),
    # dates
    **{
        f"the date {text or 'left out'}": bad_date(text)
        for text in (
            "31/2/2016 10:00",
            "29/2/2015 10:00",
            "31/4/2016 10:00",
            "32/1/2016 10:00",
            "0/1/2016 10:00",
            "1/13/2016 10:00",
            "1/0/2016 10:00",
            "1/1/0000 10:00",
            "29/2/0000 10:00",
            "1/1/2016 24:00",
            "1/1/2016 10:60",
            "1/1/2016 10:00:00",
            "1/1/2016 10:00 AM",
            "1/1/2016",
            "10:00",
            "2016-01-01 10:00",
            "2016-01-01T10:00Z",
            "1/1/16 10:00",
            "1/1/20166 10:00",
            "-1/1/2016 10:00",
            "1.1.2016 10:00",
            " 1/1/2016 10:00",
            "1/1/2016 10:00 ",
            "1/1/2016  10:00",
            "٢/1/2016 10:00",
            "42430.5",
            "never",
            "",
        )
    },
    "year 0000 of no day": (row(opened_at="1/1/0000 10:00"), "column opened_at: found '1/1/0000"),
    "a date in quotes on two lines": (
        row(closed_at='"1/1/2016 10:00\n"'),
        r"row 2, column closed_at: found '1/1/2016 10:00\n', expected a date",
    ),
    "American dates": (
        csv_bytes([{"resolved_at": f"3/{day}/2016 10:00"} for day in range(1, 31)]),
        "18 faults: row 13, column resolved_at: found '3/13/2016 10:00', .* and 13 more",
    ),
    "no closed_at at all": (csv_bytes([{"closed_at": "?"}] * 3), "no row has a closed_at"),
    # counts and flags
    **{
        f"the count {text or 'left out'}": bad_count(text)
        for text in ("-1", "-0", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "٣", "one", "NaN", "")
    },
    "a count in words": bad_count('"1,000"', "1,000"),
    "a count beyond 64 bits": bad_count("9223372036854775808"),
    "a count of 100,000 digits": bad_count("9" * 100_000, "9" * 60 + "..."),
    "a count on two lines": bad_count('"1\n"', r"1\n"),
    **{
        f"the flag {text or 'left out'}": bad_flag(text)
        for text in ("True", "TRUE", "yes", "1", "0", " true", "t", "")
    },
    # values that must be there
    **{
        f"no {column}": missing(column)
        for column in ("number", "incident_state", "active", "sys_mod_count", "sys_updated_at")
    },
    # quotes
    "a quote before the first row": (
        HEADER + b'"' + ROW * 3,
        "row 1 (line 2): the quote at '\"INC0000045,New,true' opens a value that nothing closes up"
        " to the end of the file",
    ),
    "a quote in the middle row": (row(location='"Room 1'), "row 2 (line 3): the quote at '\"Room"),
    "a quote at the very end": (GOOD + b'"', "row 4 (line 5): the quote at '\"' opens a value"),
    "a quote before the last value": (
        csv_bytes([{}, {"mood": '"good'}], header=[*NAMES, "mood"]),
        r"""row 2 (line 3): the quote at '"good\n' opens a value""",
    ),
    "a quote in front of a large log": (
        HEADER + b'"' + ROW * 8000,
        "row 1 (line 2): the quote at '\"INC0000045,New,true' opens a value that nothing closes up",
    ),
    **{
        f"stray quotes in {column}, rows {first} and {last}": (
            quoted_from(first, last, 9, column),
            f"1 fault: row {first}, column {column}: found a quoted value that holds whole rows",
        )
        for column in ("number", "location", "vendor")
        for first, last in ((1, 2), (2, 9), (1, 9))
    },
    "stray quotes in two columns": (
        csv_bytes([{}, {"location": '"x'}, {"vendor": '"y'}, {}]),
        "1 fault: row 2, has 21 fields, expected 36",
    ),
    # sizes
    "a value that is too long": (
        row(location="x" * (1 << 20)),
        "row 2 (line 3): is longer than 1 MiB, expected a row of the log",
    ),
    "a quoted value that is too long": (
        row(location='"' + "x\n" * (1 << 19) + '"'),
        "row 2 (line 3): is longer than 1 MiB, expected a row of the log",
    ),
    "a CSV that is too large": (HEADER + ROW * 12_000 * 2, "the CSV is larger than 4 MiB"),
    # many faults
    "faults of many kinds": (
        csv_bytes([{"active": "maybe"}, {}, {"closed_at": "never", "reopen_count": "-1"}])
        + b"x,y\n"
        + csv_bytes([{"number": "?"}]).splitlines(keepends=True)[1],
        "5 faults: row 1, column active: found 'maybe', expected true or false; row 3, column"
        " closed_at: found 'never', expected a date like 29/2/2016 01:16; row 3, column"
        " reopen_count: found '-1', expected a whole number, 0 or more; row 4, has 2 fields,"
        " expected 36; row 5, column number: found '?', expected a value. Correct the rows",
    ),
    "more faults than are shown": (
        csv_bytes([{"active": "maybe", "closed_at": "never"}] * 1000),
        "2,000 faults: .*; row 3, column active: found 'maybe', .* and 1,995 more.",
    ),
    "a different fault in every row": (
        csv_bytes([{"opened_at": f"day {number}"} for number in range(9000)]),
        "9,000 faults: row 1, column opened_at: found 'day 0', .*'day 4', .* and 8,995 more.",
    ),
}  # fmt: skip

ZIPS: dict[str, tuple[bytes, str]] = {
    "no zip": (GOOD, "is named .zip but begins with b'numb'; expected a zip archive"),
    "an empty file": (b"", "is named .zip but begins with b''; expected a zip archive"),
    "a signature and nothing else": (LOCAL, "is a damaged or truncated zip archive"),
    "truncated": (ZIP[:-30], "is a damaged or truncated zip archive"),
    "the second half": (LOCAL + ZIP[len(ZIP) // 2 :], "is a damaged or truncated zip archive"),
    "no files": (zipped({}), "holds 0 CSV files (none); expected one"),
    "no CSV": (zipped({"a.txt": b"x", "__MACOSX/._log.csv": b"x"}), "holds 0 CSV files (none)"),
    "a folder named .csv": (zipped({"log.csv/": b""}), "holds 0 CSV files (none)"),
    "two CSVs": (zipped({"a.csv": GOOD, "b.CSV": GOOD}), "holds 2 CSV files (a.csv, b.CSV)"),
    "many CSVs": (
        zipped({f"{number}.csv": b"" for number in range(2000)}),
        "holds 2,000 CSV files (0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 1,995 more)",
    ),
    "names on two lines": (
        zipped({"a\nb.csv": GOOD, "c.csv": GOOD}),
        r"holds 2 CSV files (a\nb.csv, c.csv)",
    ),
    "an empty CSV": (zipped({"log.csv": b""}), "is empty"),
    "a bad row": (zipped({"log.csv": row(active="maybe")}), "row 2, column active: found 'maybe'"),
    "a zip in a zip": (zipped({"log.csv": ZIP}), "is a zip archive within another"),
    "a gzip in a zip": (zipped({"log.csv": gzip.compress(GOOD)}), "is a gzip file"),
    "encrypted": (with_flag(0x1), "log.csv is encrypted, expected an archive"),
    "strongly encrypted": (with_flag(0x41), "log.csv is encrypted, expected an archive"),
    "patched data": (with_flag(0x20), "is a damaged or truncated zip archive (compressed patched"),
    "bzip2": (zipped(method=zipfile.ZIP_BZIP2), "log.csv is packed by the method bzip2, expected"),
    "LZMA": (zipped(method=zipfile.ZIP_LZMA), "packed by the method LZMA, expected deflate"),
    "Deflate64": (with_method(9), "packed by the method Deflate64, expected deflate"),
    "a method that nobody has": (with_method(77), "packed by the method 77, expected deflate"),
    "a wrong checksum": (
        zipped(method=zipfile.ZIP_STORED).replace(b"INC0000045", b"INC0000046", 1),
        "is a damaged or truncated zip archive (Bad CRC-32",
    ),
    "packed bytes that are none": (
        patched(ZIP, LOCAL, DATA, b"\xff" * 20),
        "is a damaged or truncated zip archive (Error -3 while decompressing",
    ),
    "a wrong size": (
        patched(ZIP, CENTRAL, 24, struct.pack("<I", 100)),
        "is a damaged or truncated zip archive (Bad CRC-32",
    ),
    "an offset behind the end": (
        patched(ZIP, CENTRAL, 42, struct.pack("<I", 1 << 30)),
        "is a damaged or truncated zip archive",
    ),
    "a table of contents without an end": (
        patched(ZIP, END, 12, struct.pack("<I", 1 << 31)),
        "is a damaged or truncated zip archive",
    ),
    "a table of contents that is too large": (
        zipped({"x" * 60_000 + str(number): b"" for number in range(80)}),
        "is a damaged or truncated zip archive (a table of contents of 4,8",
    ),
    "a version that nobody has": (
        patched(ZIP, CENTRAL, 6, b"\xff"),
        "is a damaged or truncated zip archive (zip file version 25.5)",
    ),
    "bytes that expand too much": (
        patched(ZIP, CENTRAL, 24, struct.pack("<I", (200 << 20) + 1)),
        "log.csv expands from 333 to 209,715,201 bytes, expected at most 200 times as many",
    ),
    "more than the limit": (zipped({"log.csv": b"\n" * (5 << 20)}), "the CSV is larger than 4 MiB"),
    "zeros": (zipped({"log.csv": bytes(3 << 20)}), "header: is longer than 1 MiB"),
}  # fmt: skip


def refused(path: Path, cache: Path) -> str:
    """The words in which the log is refused; nothing is left of it in the cache."""
    with pytest.raises(TicketAssetsError) as caught:
        open_log(str(path), cache=cache, limits=LIMITS)
    assert type(caught.value) in (DataError, SourceError)
    words = str(caught.value)
    assert len(words.splitlines()) == 1
    assert len(words) < 2000
    assert words.startswith(str(path))
    assert [left for left in cache.rglob("*") if left.is_file()] == []
    return words.removeprefix(str(path))


def holds(words: str, expected: str) -> bool:
    """True if the parts of `expected`, split at `.*`, occur in the message in this order."""
    for part in expected.split(".*"):
        _, found, words = words.partition(part)
        if not found:
            return False
    return True


@pytest.mark.parametrize(("content", "expected"), CSVS.values(), ids=CSVS.keys())
def test_a_bad_csv_is_refused_in_one_line(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    words = refused(path, tmp_path / "cache")
    assert holds(words, expected), words


@pytest.mark.parametrize(("content", "expected"), ZIPS.values(), ids=ZIPS.keys())
def test_a_bad_zip_is_refused_in_one_line(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "log.zip"
    path.write_bytes(content)
    words = refused(path, tmp_path / "cache")
    assert holds(words, expected), words


def test_the_logs_are_bad_by_their_one_fault_only(tmp_path: Path) -> None:
    for name, content in {"log.csv": GOOD, "log.zip": ZIP}.items():
        (tmp_path / name).write_bytes(content)
        assert open_log(str(tmp_path / name), cache=tmp_path / "cache").identity.rows == 3


# The log's own letters and words, so that some bytes get as far as a row, and some are good.
PIECES = st.sampled_from(
    [HEADER, ROW, *(ROW[:100], ROW[100:]), *(b"\n", b"\r", b'"', b'""', b",", b"\0", b"\xff", b"?")]
)
ANY_CSV = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(lambda content: HEADER + content),
    st.lists(PIECES, max_size=12).map(lambda pieces: HEADER + b"".join(pieces)),
)


def good_or_refused(path: Path, content: bytes) -> None:
    """All rows of a log that is read are there; any other is refused in one line."""
    path.write_bytes(content)
    cache = path.parent / "cache"
    try:
        log = open_log(str(path), cache=cache, limits=LIMITS)
    except TicketAssetsError:
        refused(path, cache)
        return
    kept = sum(pq.read_metadata(log.path / part.file).num_rows for part in log.parts)
    assert kept == log.identity.rows > 0
    days = log.read(log.first_day, log.last_day)
    assert days.num_rows + log.rows_without_day == kept


@given(ANY_CSV)
@example(csv_bytes([{"closed_at": "31/12/9999 00:00"}, {"closed_at": "?"}, {}]))
def test_any_bytes_are_a_log_or_are_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        good_or_refused(Path(folder) / "log.csv", content)


@given(st.integers(0, len(ZIP) - 1), st.binary(max_size=8), st.integers(0, 8))
def test_a_zip_with_any_bytes_changed_is_a_log_or_is_refused(
    place: int, new: bytes, removed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = ZIP[:place] + new + ZIP[place + removed :]
        good_or_refused(Path(folder) / "log.zip", content)
