"""Appends the sample log to a folder, a day at a time, as a live log for demos and tests.

python -m ticket_assets.event_log.simulate --into FOLDER --days 30
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ticket_assets.errors import SettingError, StoreError, TicketAssetsError
from ticket_assets.event_log.schema import COLUMNS, MISSING, NAMES
from ticket_assets.event_log.synthetic import Shape, write_sample

SAMPLE = Shape()
# Late rows come one to so many days after their own.
MOST_DAYS_LATE = 3
TIMES = tuple(column.name for column in COLUMNS if column.kind == "time")
TIME_FORMAT = "%d/%m/%Y %H:%M"
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True)
class Plan:
    """The days to append, and the share of rows that come late, chosen by the seed."""

    first_day: date
    days: int
    late: float
    seed: int


def daily_tables(plan: Plan, rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """For each day in order, the rows that its file has. All columns are text, as in the CSV.

    They are the sample's `rows` of that day, in its order, after the late rows of earlier days. If
    the sample does not have all of the days, it is moved so that it begins with the first of them.
    """
    shift = _shift(plan)
    closed = pc.strptime(rows["closed_at"], format=TIME_FORMAT, unit="s").to_numpy()
    rng = np.random.default_rng(plan.seed)
    is_late = rng.random(len(rows)) < plan.late
    waits = np.where(is_late, rng.integers(1, MOST_DAYS_LATE + 1, len(rows)), 0)
    first = plan.first_day - timedelta(days=shift)
    own = (closed.astype("datetime64[D]") - np.datetime64(first, "D")).astype(int)
    arrives = own + waits
    for number in range(plan.days):
        chosen = np.flatnonzero((arrives == number) & (own >= 0))
        chosen = chosen[np.argsort(own[chosen], kind="stable")]
        yield plan.first_day + timedelta(days=number), _moved(rows.take(chosen), shift)


def _shift(plan: Plan) -> int:
    """The days by which the sample is moved: 0 if it has all of the plan's days."""
    last = plan.first_day + timedelta(days=plan.days - 1)
    if SAMPLE.first_day <= plan.first_day and last <= SAMPLE.last_day:
        return 0
    return (plan.first_day - SAMPLE.first_day).days


def _parsed(text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT)


def _moved(rows: pa.Table, days: int) -> pa.Table:
    if not days:
        return rows
    for name in TIMES:
        texts = [
            text if text == MISSING else _as_text(_parsed(text) + timedelta(days=days))
            for text in rows[name].to_pylist()
        ]
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, pa.array(texts, pa.string()))
    return rows


def _as_text(moment: datetime) -> str:
    return f"{moment.day}/{moment.month}/{moment.year} {moment:%H:%M}"


def append(folder: Path, day: date, rows: pa.Table) -> Path:
    """Writes the day's file, whole or not at all. Raises StoreError if it is already there."""
    path = folder / f"{day}.csv"
    temporary = folder / f".{path.name}.tmp"
    if path.exists():
        raise StoreError(
            f"{path} is already there; expected a folder without files of these days. Choose an"
            " empty folder, or a later --start."
        )
    try:
        with temporary.open("wb") as file:
            file.write((",".join(NAMES) + "\n").encode())
            options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
            pyarrow.csv.write_csv(rows, file, options)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}. Make room, or choose another --into."
        ) from error
    return path


def simulate(folder: Path, plan: Plan, every_s: float = 0.0) -> Iterator[tuple[date, int, int]]:
    """Appends the days, waiting `every_s` between two; yields day, rows, and late rows of each."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"--into {folder}: cannot be made: {error.strerror}. Choose another folder."
        ) from error
    with tempfile.TemporaryDirectory() as work:
        sample = Path(work, "sample.csv")
        write_sample(sample, SAMPLE)
        rows = _read(sample)
    for number, (day, of_day) in enumerate(daily_tables(plan, rows)):
        if number and every_s:
            time.sleep(every_s)
        append(folder, day, of_day)
        own = pc.starts_with(of_day["closed_at"], f"{day.day}/{day.month}/{day.year} ")
        yield day, len(of_day), len(of_day) - (pc.sum(own).as_py() or 0)


def _read(sample: Path) -> pa.Table:
    types = dict.fromkeys(NAMES, pa.string())
    return pyarrow.csv.read_csv(
        sample, convert_options=pyarrow.csv.ConvertOptions(column_types=types)
    )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ticket_assets.event_log.simulate",
        description="Appends the sample log to a folder, a day at a time, as a live log.",
    )
    parser.add_argument("--into", required=True, type=Path, help="folder of the live log")
    parser.add_argument("--days", default="30", help="number of days to append (default: 30)")
    parser.add_argument(
        "--start", default="2016-03-01", help="the first of them (default: 2016-03-01)"
    )
    parser.add_argument(
        "--every", default="0", help="seconds from one day to the next (default: 0, all at once)"
    )
    parser.add_argument(
        "--late",
        default="0.02",
        help="share of rows that come one to three days late (default: 0.02)",
    )
    parser.add_argument("--seed", default="498", help="decides which rows are late (default: 498)")
    return parser


def _number(text: str, option: str, expected: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise SettingError(f"--{option} is '{text}'; expected {expected}. Correct it.")
    return number


def _whole(text: str, option: str, expected: str, least: int, most: int) -> int:
    if not text.isdecimal():
        raise SettingError(f"--{option} is '{text}'; expected {expected}. Correct it.")
    return int(_number(text, option, expected, least, most))


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not EARLIEST <= day <= LATEST:
        raise SettingError(f"--start is '{text}'; expected a day such as 2016-03-01. Correct it.")
    return day


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 after one error."""
    options = _options().parse_args(arguments)
    try:
        most = SAMPLE.days
        plan = Plan(
            first_day=_day(options.start),
            days=_whole(options.days, "days", f"1 to {most}, the sample's days", 1, most),
            late=_number(options.late, "late", "a share from 0 to 1, such as 0.02", 0, 1),
            seed=_whole(options.seed, "seed", "a whole number from 0", 0, 2**63),
        )
        every_s = _number(options.every, "every", "seconds from 0 to 86400", 0, 86_400)
        for day, rows, late in simulate(options.into, plan, every_s):
            print(f"{day}  {rows:,} rows, {late:,} of them late", flush=True)  # noqa: T201
    except TicketAssetsError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
