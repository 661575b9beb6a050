"""The event log's columns, and the faults of a header."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "count", "flag", "time"]

PRIORITIES = ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low")
MISSING = "?"
# Parsing adds the first two columns, and Arrow adds the others to every file that it reads. A
# second column of such a name could not be distinguished.
RESERVED = (
    *("day", "log_row"),
    *("__fragment_index", "__batch_index", "__last_in_fragment", "__filename"),
)
# ServiceNow's own incident table has fewer than 200. Each costs time in every block of the log.
MOST_COLUMNS = 1000
SHOWN_LETTERS = 60


@dataclass(frozen=True)
class Column:
    """One column of the log; a `required` one is never `?`."""

    name: str
    kind: Kind
    required: bool
    description: str

    @property
    def dtype(self) -> str:
        """The pandas dtype of the parsed column."""
        return {"text": "str", "count": "int64", "flag": "bool", "time": "datetime64[s]"}[self.kind]


COLUMNS = (
    Column("number", "text", True, "Incident number; one incident has many rows."),
    Column("incident_state", "text", True, "State after this update."),
    Column("active", "flag", True, "Whether the incident is still open."),
    Column("reassignment_count", "count", True, "Times it changed group or analyst so far."),
    Column("reopen_count", "count", True, "Times the caller rejected the resolution so far."),
    Column("sys_mod_count", "count", True, "Updates so far."),
    Column("made_sla", "flag", True, "Whether it is within its service level."),
    Column("caller_id", "text", False, "Who is affected."),
    Column("opened_by", "text", False, "Who reported it."),
    Column("opened_at", "time", False, "When it was opened."),
    Column("sys_created_by", "text", False, "Who registered it."),
    Column("sys_created_at", "time", False, "When it was registered."),
    Column("sys_updated_by", "text", False, "Who made this update."),
    Column("sys_updated_at", "time", True, "When this update was made."),
    Column("contact_type", "text", False, "How it was reported."),
    Column("location", "text", False, "Where it occurred."),
    Column("category", "text", False, "Service affected, first level."),
    Column("subcategory", "text", False, "Service affected, second level."),
    Column("u_symptom", "text", False, "What the caller perceived."),
    Column("cmdb_ci", "text", False, "Configuration item affected."),
    Column("impact", "text", False, "Impact, 1 to 3."),
    Column("urgency", "text", False, "Urgency, 1 to 3."),
    Column("priority", "text", False, "Priority, from impact and urgency."),
    Column("assignment_group", "text", False, "Support group in charge."),
    Column("assigned_to", "text", False, "Analyst in charge."),
    Column("knowledge", "flag", True, "Whether a knowledge article was used."),
    Column("u_priority_confirmation", "flag", True, "Whether the priority was double-checked."),
    Column("notify", "text", False, "Whether notifications were generated."),
    Column("problem_id", "text", False, "Problem that it belongs to."),
    Column("rfc", "text", False, "Change request that it belongs to."),
    Column("vendor", "text", False, "Vendor in charge."),
    Column("caused_by", "text", False, "Change that caused it."),
    Column("closed_code", "text", False, "How it was resolved."),
    Column("resolved_by", "text", False, "Who resolved it."),
    Column("resolved_at", "time", False, "When it was resolved; the same on all its rows."),
    Column("closed_at", "time", False, "When it was closed; the same on all its rows."),
)
NAMES = tuple(column.name for column in COLUMNS)


def one_line(text: str) -> str:
    """The text on one line for an error: cut to SHOWN_LETTERS, unprintable characters escaped."""
    cut = text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS] + "..."
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)


def header_faults(header: Sequence[str]) -> list[str]:
    """A message for each fault of a header; empty for a header that can be read.

    Columns that the log does not have are no fault, except for the RESERVED names.
    """
    if len(header) > MOST_COLUMNS:
        return [f"{len(header):,} columns, more than {MOST_COLUMNS:,}"]
    faults = [
        f"column '{one_line(name)}' occurs {count} times"
        for name, count in Counter(header).items()
        if count > 1
    ]
    faults += [f"column '{name}' has a reserved name" for name in RESERVED if name in header]
    unknown = [name for name in header if name not in NAMES]
    for name in NAMES:
        if name not in header:
            close = difflib.get_close_matches(name, unknown, n=1, cutoff=0.75)
            hint = f" ('{one_line(close[0])}'?)" if close else ""
            faults.append(f"column '{name}' is missing{hint}")
    return faults


def other_delimiter(line: str) -> str | None:
    """The delimiter of a header that has the log's columns but no commas; else None."""
    for delimiter in (",", ";", "\t", "|"):
        if any(name.strip(' "') in NAMES for name in line.split(delimiter)):
            return None if delimiter == "," else delimiter
    return None


def is_damaged_copy(header: Sequence[str]) -> bool:
    """True for the damaged copy of the UCI log, which lost its prefixes to a search-and-replace."""
    return "ident_state" in header and header.count("category") > 1
