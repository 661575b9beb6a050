import csv
import datetime
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import ROW, csv_bytes
from ticket_assets.errors import DataError
from ticket_assets.event_log import parsing, reading
from ticket_assets.event_log.reading import read_table
from ticket_assets.event_log.schema import NAMES


def refused(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table([content], "log.csv")


def renamed(old: str, new: str) -> list[str]:
    return [new if name == old else name for name in NAMES]


def test_every_column_has_its_type() -> None:
    (row,) = read_table([csv_bytes()], "log.csv").to_pylist()
    assert row["closed_at"] == datetime.datetime(2016, 3, 5, 12)
    assert row["day"] == datetime.date(2016, 3, 5)
    assert (row["log_row"], row["active"], row["sys_mod_count"]) == (1, True, 0)
    assert row["opened_by"] == "Opened by  8"
    assert row["vendor"] is None


def test_only_a_question_mark_is_missing() -> None:
    rows = [{"vendor": text} for text in ("?", "", "NA", "null", "nan")]
    table = read_table([csv_bytes(rows)], "log.csv")
    assert table["vendor"].to_pylist() == [None, "", "NA", "null", "nan"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order mark"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(newline: str, mark: bytes) -> None:
    table = read_table([mark + csv_bytes([{}, {}], newline=newline)], "log.csv")
    assert table.equals(read_table([csv_bytes([{}, {}])], "log.csv"))


def test_a_quoted_value_may_hold_commas_and_lines() -> None:
    table = read_table([csv_bytes([{"location": '"Room 1,\nfloor 2"'}, {}])], "log.csv")
    assert table["location"].to_pylist() == ["Room 1,\nfloor 2", None]


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_quoted_line_break_is_whole_wherever_arrow_would_cut(shift: int) -> None:
    """Its blocks have a MiB, and one that ended between CR and LF lost the LF."""
    line_break = {"location": '"' + "a\r\nb" * 60 + '"'}
    good, broken = (csv_bytes([row], newline="\r\n").split(b"\n", 1)[1] for row in ({}, line_break))
    before = (1 << 20) - 1 + shift - broken.index(b"\r\n")
    count, padding = divmod(before, len(good))
    rows = [{"number": ROW["number"] + "0" * padding}, *[{}] * (count - 1), *[line_break] * 99]
    table = read_table([csv_bytes(rows, newline="\r\n")], "log.csv")
    assert table["location"].to_pylist()[count:] == ["a\r\nb" * 60] * 99


def test_an_open_incident_is_kept_and_has_no_day() -> None:
    table = read_table([csv_bytes([{"closed_at": "?"}, {}])], "log.csv")
    assert table["day"].null_count == 1
    assert table.num_rows == 2


def test_an_extra_column_is_kept_as_text() -> None:
    table = read_table([csv_bytes([{"mood": "12"}], header=[*NAMES, "mood"])], "log.csv")
    assert table["mood"].to_pylist() == ["12"]


def test_missing_misspelt_and_duplicate_columns_are_named_together() -> None:
    header = [*renamed("incident_state", "incidentstate"), "urgency"]
    header.remove("closed_at")
    refused(
        csv_bytes(header=header),
        r"3 faults: column 'urgency' occurs 2 times;"
        r" column 'incident_state' is missing \('incidentstate'\?\);"
        r" column 'closed_at' is missing",
    )


def test_the_damaged_copy_that_circulates_is_named() -> None:
    header = renamed("incident_state", "ident_state")
    header[header.index("subcategory")] = "category"
    refused(csv_bytes(header=header), "damaged copy .* search-and-replace took the prefixes away")


@pytest.mark.parametrize(
    "text",
    ["31/2/2016 10:00", "29/2/2015 10:00", "1/13/2016 10:00", "0/1/2016 10:00", "1/1/2016 24:00",
     "1/1/2016 10:60", "2016-01-01 00:00", "1/1/16 10:00", " 1/1/2016 10:00", "1/1/2016", ""],
)  # fmt: skip
def test_an_impossible_date_is_named_with_row_and_column(text: str) -> None:
    rows = [{}, {}, {"resolved_at": text}]
    refused(
        csv_bytes(rows),
        rf"log.csv: 1 fault: row 3, column resolved_at: found '{text}', expected a date like",
    )


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("sys_mod_count", "1.5", "a whole number"),
        ("sys_mod_count", "0x1", "a whole number"),
        ("reopen_count", " 1", "a whole number"),
        ("active", "yes", "true or false"),
        ("made_sla", "True", "true or false"),
        ("sys_mod_count", "?", "a value"),
        ("sys_updated_at", "?", "a value"),
    ],
)
def test_a_value_that_does_not_fit_its_column(column: str, text: str, expected: str) -> None:
    refused(csv_bytes([{}, {column: text}]), rf"row 2, column {column}: found .*{expected}")


def test_all_faults_are_counted_and_the_first_shown() -> None:
    rows = [{"active": "maybe"}] * 9 + [{"closed_at": "never"}]
    refused(csv_bytes(rows), r"10 faults: row 1, .*; row 5, .* and 5 more")


def test_a_row_with_too_few_fields_is_named() -> None:
    content = csv_bytes([{}, {}]) + b"INC1,New,true\n"
    refused(content, "1 fault: row 3, has 3 fields, expected 36")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file(content: bytes) -> None:
    refused(content, "log.csv: is empty")


def test_a_header_without_rows() -> None:
    refused(csv_bytes([]), "has a header and no rows")


def test_text_that_is_not_utf_8_is_named_by_its_line() -> None:
    content = csv_bytes([{}, {"location": "@@"}]).replace(b"@@", b"Caf\xe9")
    refused(content, r"line 3: found the bytes b'\\xe9.*expected UTF-8")


@given(
    st.lists(
        st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)).map(
            lambda moment: moment.replace(second=0, microsecond=0)
        ),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_every_date_that_exists_comes_back(moments: list[datetime.datetime], padded: bool) -> None:
    form = "{0:%d/%m/%Y %H:%M}" if padded else "{0.day}/{0.month}/{0.year} {0:%H:%M}"
    rows = [{"closed_at": form.format(moment)} for moment in moments]
    assert read_table([csv_bytes(rows)], "log.csv")["closed_at"].to_pylist() == moments


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
TEXT_ROWS = st.dictionaries(st.sampled_from(["location", "vendor", "u_symptom"]), TEXTS)


@given(st.lists(TEXT_ROWS, min_size=1, max_size=10))
def test_text_comes_back_as_the_csv_module_reads_it(rows: list[dict[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, NAMES, restval="?", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    content = buffer.getvalue()
    expected = [
        {name: None if text == "?" else text for name, text in row.items()}
        for row in csv.DictReader(io.StringIO(content))
    ]
    table = read_table([content.encode()], "log.csv")
    for column in ("location", "vendor", "u_symptom"):
        values = table[column].to_pylist()
        quoted = [row[column] for row in expected]
        assert values == quoted


@pytest.mark.parametrize("size", [1, 300, 1000, 10**6])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_log_has_the_same_rows_in_pieces(
    monkeypatch: pytest.MonkeyPatch, size: int, newline: str
) -> None:
    values = [{"location": f"Room {row}", "sys_mod_count": str(row)} for row in range(50)]
    content = csv_bytes(values, newline=newline) + b"\n\n" + csv_bytes([{}]).split(b"\n", 1)[1]
    whole = read_table([content], "log.csv")
    monkeypatch.setattr(parsing, "PIECE_BYTES", size)
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    assert read_table([content], "log.csv").equals(whole)
    header, start = parsing.read_header(content, "log.csv")
    assert parsing.parse_rows(content[start:], "log.csv", header).table.equals(whole)


@pytest.mark.parametrize("size", [1, 300, 10**6])
def test_faults_in_several_pieces_are_counted_and_shown_in_the_order_of_rows(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(parsing, "PIECE_BYTES", size)
    content = csv_bytes([{}, {"active": "maybe"}, {}, {"closed_at": "never"}] * 3)
    header, start = parsing.read_header(content, "log.csv")
    parsed = parsing.parse_rows(content[start:] + b"x,y\n", "log.csv", header)
    assert (parsed.rows, parsed.faults) == (13, 7)
    assert [row for row, _ in parsed.first_faults] == [2, 4, 6, 8, 10]
