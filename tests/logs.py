"""Small event logs for the tests, written as the real one is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ticket_assets.event_log.schema import NAMES

ROW = {
    "number": "INC0000045",
    "incident_state": "New",
    "active": "true",
    "reassignment_count": "0",
    "reopen_count": "0",
    "sys_mod_count": "0",
    "made_sla": "true",
    "caller_id": "Caller 2403",
    "opened_by": "Opened by  8",
    "opened_at": "29/2/2016 01:16",
    "sys_created_by": "?",
    "sys_created_at": "?",
    "sys_updated_by": "Updated by 21",
    "sys_updated_at": "29/2/2016 01:23",
    "priority": "3 - Moderate",
    "knowledge": "true",
    "u_priority_confirmation": "false",
    "resolved_at": "29/2/2016 11:29",
    "closed_at": "5/3/2016 12:00",
}


def csv_bytes(
    rows: Sequence[Mapping[str, str]] = ({},),
    header: Sequence[str] = NAMES,
    newline: str = "\n",
) -> bytes:
    """A log of one line a mapping, each filled up from `ROW` and `?`."""
    lines = [",".join(header)]
    lines += [",".join({**ROW, **row}.get(name, "?") for name in header) for row in rows]
    return (newline.join(lines) + newline).encode()


def write_log(path: Path, rows: Sequence[Mapping[str, str]] = ({},)) -> Path:
    path.write_bytes(csv_bytes(rows))
    return path
