"""The kills of each target, and what is looked for after each."""

import random
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.kills import forks, targets


@dataclass
class Row:
    """The faults that one target's kills left; each list of sentences should be empty."""

    kills: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def all_faults(self) -> list[str]:
        return self.torn + self.mixed + self.left + self.blocked + self.events


def campaign(
    found: list[targets.Target], folder: Path, kills: int, rng: random.Random
) -> dict[str, Row]:
    rows = {}
    for number, target in enumerate(found):
        row = rows[target.name] = Row()
        share = kills * (number + 1) // len(found) - kills * number // len(found)
        started = time.monotonic()
        attack(target, folder / target.name, share, rng, row)
        took = (time.monotonic() - started) / max(1, share)
        print(f"{target.name}: {share} kills, {took:.2f} s each", file=sys.stderr, flush=True)
    return rows


def attack(target: targets.Target, place: Path, kills: int, rng: random.Random, row: Row) -> None:
    """Kills the target's run so often, and looks at what is left."""
    versions = {name: place / name for name in ("nothing", "old", "new")}
    for path in versions.values():
        path.mkdir(parents=True)
    forks.in_fork(target.run, versions["old"], "old")
    shutil.copytree(versions["old"], versions["new"], dirs_exist_ok=True)
    forks.in_fork(target.run, versions["new"], "new")
    targets.copy(versions["old"], place / "run")
    target.learn()
    extent = forks.extent_of(target.run, place / "run", "new")
    known = {name: targets.snapshot(path) for name, path in versions.items()}
    for _ in range(kills):
        start = rng.choice(["nothing", "old"])
        targets.copy(versions[start], place / "run")
        target.forget()
        moment = extent.draw(rng)
        killed = forks.kill_in(moment, target.run, place / "run", "new")
        row.kills += 1
        look(target, place / "run", known, start, killed, row)
        try:
            forks.in_fork(target.demand_free, place / "run")
            forks.in_fork(target.run, place / "run", "new")
        except RuntimeError as error:
            row.blocked.append(f"{moment}: {error}")
            continue
        compare(targets.snapshot(place / "run"), known, moment, row)


def look(
    target: targets.Target,
    folder: Path,
    known: dict[str, targets.Snapshot],
    start: str,
    killed: bool,
    row: Row,
) -> None:
    """After a kill: where it landed, and whether each file is whole."""
    found, old, new = targets.snapshot(folder), known[start], known["new"]
    unfinished = set(found) - set(known["old"]) - set(new)
    changes = {name for name in new if old.get(name) != new[name]}
    changed = {name for name in changes if found.get(name) == new[name]}
    if not killed:
        row.landed["had ended"] += 1
    elif changed:
        row.landed["all new" if changed == changes else "some new"] += 1
    else:
        row.landed["half-written" if unfinished else "nothing changed"] += 1
    for name in set(found) - unfinished:
        if found[name] not in (old.get(name), new.get(name)):
            whole = forks.in_fork(targets.is_whole, folder / name)
            (row.mixed if whole else row.torn).append(f"{name} is neither the old nor the new")
    for name in set(old) - set(found):
        row.torn.append(f"{name} is gone")
    row.events += target.faults()


def compare(
    found: targets.Snapshot,
    known: dict[str, targets.Snapshot],
    moment: forks.Moment,
    row: Row,
) -> None:
    """After the good run: the right bytes, and nothing else."""
    wanted = known["new"]
    for name in sorted(set(found) - set(wanted)):
        row.left.append(f"{moment}: {name} is left")
    for name in sorted(wanted):
        if found.get(name) != wanted[name]:
            row.mixed.append(f"{moment}: {name} is wrong after the good run")
