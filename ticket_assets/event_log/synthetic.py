"""The sample log: synthetic and seeded, with the real log's columns, spellings, quirks and shape.

With it everything runs without a network. It says nothing about real tickets: days, durations and
names are random, in shares like those of the UCI log.

The generator uses only uniform numbers of NumPy's PCG64 and exact arithmetic, so the file has the
same bytes on every machine.
"""

import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ticket_assets.event_log.schema import MISSING, NAMES, PRIORITIES
from ticket_assets.store.staging import stage

# Raise it when the content changes: an existing file of the name is used as it is.
VERSION = 1
SAMPLE_NAME = f"sample-{VERSION}.csv"
INCIDENTS_PER_CHUNK = 50_000
MINUTES_PER_DAY = 1440
AUTO_CLOSE_MINUTES = 120 * 60

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """The size of the log and its days; the default is that of the UCI log."""

    seed: int = 20160229
    incidents: int = 24_000
    first_day: date = date(2016, 2, 29)
    last_day: date = date(2017, 2, 18)
    largest_day: date = date(2016, 3, 24)
    busy_days: int = 110
    empty_days: int = 84

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1


def write_sample(path: Path, shape: Shape | None = None) -> None:
    """Writes the log as CSV, in bounded memory, whole or not at all."""
    shape = shape or Shape()
    closing_day = _closing_days(shape)
    with stage(path.parent) as work:
        temporary = work / path.name
        with temporary.open("wb") as file:
            file.write((",".join(NAMES) + "\n").encode())
            for chunk, start in enumerate(range(0, len(closing_day), INCIDENTS_PER_CHUNK)):
                # Each chunk has its own stream, so its rows do not depend on other chunks.
                days = closing_day[start : start + INCIDENTS_PER_CHUNK]
                rows = _rows(shape, np.random.default_rng([shape.seed, chunk]), days, start)
                pyarrow.csv.write_csv(
                    rows,
                    file,
                    pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"),
                )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _closing_days(shape: Shape) -> Ints:
    """The day (from 0) on which each incident closes, ascending.

    First come busy months with quiet weekends, then a thin tail with the empty days. One day has a
    seventh of all incidents.
    """
    # 2**31 is no chunk's number, so no chunk draws the same numbers.
    rng = np.random.default_rng([shape.seed, 2**31])
    day = np.arange(shape.days)
    weekday = (day + shape.first_day.weekday()) % 7
    draw = rng.random(shape.days)
    weight = np.where(day < shape.busy_days, 60 + 120 * draw, 1 + 7 * draw * draw)
    weight = weight * np.where(weekday >= 5, 0.25, 1.0)
    quiet = day[(day >= shape.busy_days) & (day < shape.days - 1)]
    order = np.argsort(rng.random(len(quiet)) - 0.6 * (weekday[quiet] >= 5), kind="stable")
    weight[quiet[order[: shape.empty_days]]] = 0
    largest = (shape.largest_day - shape.first_day).days
    weight[largest] = 0
    # A sixth of all the other days is a seventh of the whole.
    weight[largest] = weight.sum() / 6
    # At least one incident on every day that is not meant to be empty.
    sure = day[weight > 0]
    edges = np.floor(np.cumsum(weight) / weight.sum() * (shape.incidents - len(sure)))
    counts = np.diff(edges, prepend=0.0).astype(np.int64)
    counts[sure] += 1
    return np.repeat(day, counts)


@dataclass(frozen=True)
class _Incidents:
    """A chunk's incidents; times in minutes since the first day's midnight."""

    priority: Ints
    updates: Ints
    opened: Ints
    resolved: Ints
    closed: Ints


def _incidents(rng: np.random.Generator, closing_day: Ints) -> _Incidents:
    size = len(closing_day)
    # Shares of the real log's rows: critical 1.6 %, high 2.1 %, moderate 93.5 %, low 2.8 %.
    priority = np.searchsorted([0.016, 0.037, 0.972], rng.random(size), side="right")
    closed = closing_day * MINUTES_PER_DAY + _whole(420 + 840 * rng.random(size))
    after_days = rng.random(size) < 0.86
    waited = np.where(
        after_days,
        AUTO_CLOSE_MINUTES + _whole(120 * rng.random(size)) - 60,
        _skewed(rng, size, 600),
    )
    resolved = closed - waited
    worked = _skewed(rng, size, np.array([30, 120, 400, 800])[priority] * 60)
    updates = 3 + _whole(11 * _cubed(rng.random(size)))
    updates = np.where(rng.random(size) < 0.01, updates + _whole(40 * rng.random(size)), updates)
    opened = resolved - worked - 1
    by_opening = np.argsort(opened, kind="stable")
    columns = (priority, updates, opened, resolved, closed)
    return _Incidents(*(column[by_opening] for column in columns))


def _skewed(rng: np.random.Generator, size: int, most: int | Ints) -> Ints:
    """Minutes from 0 to `most`, with small values most often."""
    return _whole(most * _cubed(rng.random(size)))


def _cubed(numbers: Floats) -> Floats:
    return numbers * numbers * numbers


def _whole(numbers: Floats) -> Ints:
    return np.floor(numbers).astype(np.int64)


def _rows(shape: Shape, rng: np.random.Generator, closing_day: Ints, first_number: int) -> pa.Table:
    """The event rows of a chunk of incidents, an incident's rows together and in their order."""
    incidents = _incidents(rng, closing_day)
    of = np.repeat(np.arange(len(closing_day)), incidents.updates)
    starts = np.cumsum(incidents.updates) - incidents.updates
    step = np.arange(len(of)) - starts[of]
    last = incidents.updates[of] - 1
    state = _states(rng, step, last)
    span = (incidents.resolved - incidents.opened)[of]
    updated = incidents.opened[of] + span * step // np.maximum(last - 1, 1)
    updated = np.where(step == last, incidents.closed[of], updated)
    priority = incidents.priority[of]
    texts = _Texts(shape, rng, of, len(closing_day))
    columns: dict[str, pa.Array] = {
        "number": texts.numbers(first_number),
        "incident_state": state,
        "active": texts.flags(step < last),
        "reassignment_count": texts.counting(step, upto=0.6),
        "reopen_count": texts.constant("0"),
        "sys_mod_count": pa.array(step).cast(pa.string()),
        "made_sla": texts.flags(rng.random(len(closing_day))[of] < 0.935),
        "caller_id": texts.named("Caller ", 5245, missing=0.0002, per_row=False),
        "opened_by": texts.named("Opened by  ", 208, missing=0.034, per_row=False),
        "opened_at": texts.times(incidents.opened[of]),
        **_creation(texts, rng, incidents.opened, of),
        "sys_updated_by": texts.named("Updated by ", 846),
        "sys_updated_at": texts.times(updated),
        "contact_type": texts.chosen(
            ("Phone", "Self service", "Email", "IVR"), (0.991, 0.998, 0.9995)
        ),
        "location": texts.named("Location ", 225, missing=0.0005, per_row=False),
        "category": texts.named("Category ", 59, missing=0.0005, per_row=False),
        "subcategory": texts.named("Subcategory ", 255, missing=0.0008, per_row=False),
        "u_symptom": texts.named("Symptom ", 526, missing=0.23, per_row=False),
        "cmdb_ci": texts.named("cmdb_ci ", 51, missing=0.997, per_row=False),
        "impact": _picked(("1 - High", "1 - High", "2 - Medium", "3 - Low"), priority),
        "urgency": _picked(("1 - High", "2 - Medium", "2 - Medium", "3 - Low"), priority),
        "priority": _picked(PRIORITIES, priority),
        "assignment_group": texts.named("Group ", 79, missing=0.10),
        "assigned_to": texts.named("Resolver ", 235, missing=0.19),
        "knowledge": texts.flags(rng.random(len(closing_day))[of] < 0.18),
        "u_priority_confirmation": texts.flags(rng.random(len(closing_day))[of] < 0.29),
        "notify": texts.chosen(("Do Not Notify", "Send Email"), (0.999,)),
        "problem_id": texts.named("Problem ID  ", 253, missing=0.984, per_row=False),
        "rfc": texts.named("CHG0000", 182, missing=0.993, per_row=False),
        "vendor": texts.chosen(
            (MISSING, "code 8s", "Vendor 1", "Vendor 2"), (0.998, 0.999, 0.9997)
        ),
        "caused_by": texts.named("CHG0001", 4, missing=0.9998, per_row=False),
        "closed_code": texts.named("code ", 17, per_row=False),
        "resolved_by": texts.named("Resolved by ", 217, missing=0.0016, per_row=False),
        "resolved_at": texts.sometimes(texts.times(incidents.resolved[of]), missing=0.022),
        "closed_at": texts.times(incidents.closed[of]),
    }
    return pa.table({name: columns[name] for name in NAMES})


def _states(rng: np.random.Generator, step: Ints, last: Ints) -> pa.Array:
    """The state of each row: New first, Resolved and Closed last, work and waiting between."""
    names = ("New", "Active", "Awaiting User Info", "Awaiting Vendor", "Awaiting Problem",
             "Awaiting Evidence", "Resolved", "Closed")  # fmt: skip
    drawn = 1 + np.searchsorted([0.72, 0.97, 0.985, 0.999], rng.random(len(step)), side="right")
    second_new = (step == 1) & (rng.random(len(step)) < 0.45)
    state = np.where((step == 0) | second_new, 0, drawn)
    state = np.where(step == last - 1, 6, state)
    return _picked(names, np.where(step == last, 7, state))


def _creation(
    texts: "_Texts", rng: np.random.Generator, opened: Ints, of: Ints
) -> dict[str, pa.Array]:
    """The person and time of registration; both are missing on 37 % of the incidents."""
    missing = pa.array(rng.random(len(opened))[of] < 0.375)
    registered = texts.times((opened + _whole(15 * rng.random(len(opened))))[of])
    named = texts.named("Created by ", 186, per_row=False)
    return {
        "sys_created_by": pc.if_else(missing, MISSING, named),
        "sys_created_at": pc.if_else(missing, MISSING, registered),
    }


def _picked(names: tuple[str, ...], index: Ints) -> pa.Array:
    return pc.take(pa.array(names), pa.array(index))


class _Texts:
    """Columns of text for rows that belong to incidents (`of`: each row's incident)."""

    def __init__(self, shape: Shape, rng: np.random.Generator, of: Ints, incidents: int) -> None:
        self._rng = rng
        self._of = of
        self._incidents = incidents
        # An incident opens up to a good month before the first closing.
        self._first_day = shape.first_day - timedelta(days=60)
        days = (self._first_day + timedelta(days=n) for n in range(shape.days + 61))
        self._days = pa.array([f"{day.day}/{day.month}/{day.year}" for day in days])
        self._minutes = pa.array([f"{n // 60:02}:{n % 60:02}" for n in range(MINUTES_PER_DAY)])

    def numbers(self, first: int) -> pa.Array:
        digits = pa.array(self._of + first + 1).cast(pa.string())
        return pc.binary_join_element_wise("INC", pc.utf8_lpad(digits, 7, "0"), "")

    def times(self, minutes: Ints) -> pa.Array:
        day, minute = np.divmod(minutes + 60 * MINUTES_PER_DAY, MINUTES_PER_DAY)
        return pc.binary_join_element_wise(
            pc.take(self._days, pa.array(day)), pc.take(self._minutes, pa.array(minute)), " "
        )

    def named(
        self, prefix: str, count: int, missing: float = 0.0, *, per_row: bool = True
    ) -> pa.Array:
        """`prefix` and a number up to `count`, small ones more often; `?` with share `missing`."""
        draw, gap = self._draw(per_row), self._draw(per_row)
        number = pa.array(1 + _whole(count * draw * draw)).cast(pa.string())
        named = pc.binary_join_element_wise(prefix, number, "")
        return pc.if_else(pa.array(gap < missing), MISSING, named)

    def chosen(self, names: tuple[str, ...], bounds: tuple[float, ...]) -> pa.Array:
        """One of the names for each incident, by cumulative shares."""
        return _picked(names, np.searchsorted(bounds, self._draw(False), side="right"))

    def counting(self, step: Ints, upto: float) -> pa.Array:
        """A count that grows with the updates, at each incident's own rate of at most `upto`."""
        return pa.array(_whole(step * upto * self._draw(False))).cast(pa.string())

    def sometimes(self, texts: pa.Array, missing: float) -> pa.Array:
        return pc.if_else(pa.array(self._draw(False) < missing), MISSING, texts)

    def flags(self, values: npt.NDArray[np.bool_]) -> pa.Array:
        return pc.if_else(pa.array(values), "true", "false")

    def constant(self, text: str) -> pa.Array:
        return pa.array([text]).take(pa.array(np.zeros(len(self._of), np.int64)))

    def _draw(self, per_row: bool) -> Floats:
        if per_row:
            return self._rng.random(len(self._of))
        return self._rng.random(self._incidents)[self._of]
