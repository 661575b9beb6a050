"""Dates are parsed many at a time, and each is what a plain reading of it says."""

import re
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from ticket_assets.event_log.dates import DATE, _usual, parse_dates

NUMBERS = st.integers(0, 99)
WRITTEN = st.builds(
    lambda day, month, year, hour, minute, wide: (
        f"{day:0{wide}}/{month:0{3 - wide}}/{year:04} {hour:0{wide}}:{minute:02}"
    ),
    *(st.integers(0, 33), st.integers(0, 14), st.integers(0, 9999), st.integers(0, 25), NUMBERS),
    st.integers(1, 2),
)
SPOILT = st.builds(
    lambda text, place, new, cut: text[: place % 17] + new + text[place % 17 + cut :],
    *(WRITTEN, st.integers(0, 16), st.sampled_from(["", "/", " ", ":", "0", "-", "é", "\n"])),
    st.integers(0, 1),
)


def plainly(text: str) -> int | None:
    if not re.fullmatch(DATE, text, re.ASCII):
        return None
    try:
        moment = datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(moment.timestamp())


@given(st.lists(WRITTEN | SPOILT, min_size=1, max_size=20), st.integers(0, 3))
@example(["29/2/2016 01:16", "31/2/2016 10:00", "29/2/1900 10:00", "29/2/2000 10:00"], 0)
@example(["1/1/0001 00:00", "31/12/9999 23:59", "1/1/0000 00:00", "1/1/2016 1:16"], 0)
@example(["1/1/2016 10:00", "12/2016 10:00", "/1/2016 10:00", "", "31/11/2016 10:00"], 0)
def test_a_date_is_what_a_plain_reading_says(texts: list[str], skipped: int) -> None:
    array = pa.array(["31/12/2016 01:16"] * skipped + texts)[skipped:]
    seconds, fits = parse_dates(array)
    found = [int(number) if fit else None for number, fit in zip(seconds, fits, strict=True)]
    assert found == [plainly(text) for text in texts]


def test_the_log_s_own_spelling_takes_the_fast_way() -> None:
    """Else a date in this spelling would still be right, but slow."""
    spelt = ["9/2/2016 01:16", "29/2/2016 01:16", "9/12/2016 01:16", "29/12/2016 01:16"]
    assert _usual(pa.array(spelt))[1].all()
    assert not _usual(pa.array(["9/2/2016 1:16"]))[1].any()
