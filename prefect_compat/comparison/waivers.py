"""Differences that someone has accepted until a day, from a TOML file.

[[waiver]]
finding = "different content: orders[*], amount"
reason = "the new library rounds half to even"
by = "Ann"
until = 2026-12-31
"""

import datetime as dt
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefect_compat.comparison.judging.findings import Difference, Finding
from prefect_compat.comparison.verdict import Verdict
from prefect_compat.errors import ConfigError


class Waiver(BaseModel):
    """One accepted difference.

    `finding` is its kind and place as reports show them; `*` stands for any text. It holds up to
    and with the day `until`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    finding: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    by: str = Field(min_length=1)
    until: dt.date

    def accepts(self, finding: Finding) -> bool:
        """True if the finding is meant, whatever the day is."""
        pattern = ".*".join(map(re.escape, self.finding.split("*")))
        return re.fullmatch(pattern, f"{finding.kind}: {finding.place}") is not None

    def __str__(self) -> str:
        return f"{self.reason} ({self.by}, until {self.until.isoformat()})"


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """Reads the file. Raises ConfigError if it cannot be read or a waiver is not complete."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read as waivers: {error}. Correct the file."
        ) from error
    entries = content.get("waiver", [])
    others = sorted({*content} - {"waiver"})
    if others or not isinstance(entries, list):
        raise ConfigError(
            f"{path}: `{(others or ['waiver'])[0]}` is not expected; there are only [[waiver]]"
            " tables. Correct the file."
        )
    return tuple(_waiver(path, number, entry) for number, entry in enumerate(entries, start=1))


def _waiver(path: Path, number: int, entry: object) -> Waiver:
    try:
        return Waiver.model_validate(entry)
    except ValidationError as error:
        faults = "; ".join(
            f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg'].lower()}"
            for fault in error.errors()
        )
        raise ConfigError(
            f"{path}, waiver {number}: {faults}. A waiver has `finding`, `reason`, `by` and"
            " `until`, a day such as 2026-12-31."
        ) from None


def with_waivers(verdict: Verdict, waivers: Sequence[Waiver], today: dt.date) -> Verdict:
    """The verdict with accepted findings put apart.

    A waiver that has ended accepts nothing, and it is a finding, as is one that nothing needs.
    """
    findings, waived = [], []
    used: set[Waiver] = set()
    for finding in verdict.findings:
        meant = [waiver for waiver in waivers if waiver.accepts(finding)]
        used.update(meant)
        holding = [waiver for waiver in meant if waiver.until >= today]
        if holding:
            waived.append((finding, str(holding[0])))
        else:
            findings.append(finding)
    for waiver in waivers:
        if waiver.until < today:
            state = f"ended on {waiver.until.isoformat()}"
        elif waiver not in used:
            state = "no difference needs it"
        else:
            continue
        findings.append(
            Finding(Difference.WAIVER, waiver.finding, state, f"by {waiver.by}", sides=("it", "it"))
        )
    return replace(verdict, findings=tuple(findings), waived=tuple(waived))
