"""A guard against slow changes: quick ratios of CPU time beside those that are committed.

Each contestant is ours beside a floor that does the part that nobody can leave out. Both run in
turns in this process, and CPU time is what counts, so that a busy machine changes little. It fails
if the median of a ratio is 1.5 times the committed one.

python -m benchmarks.guard [--record] [--times 20]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from prefect_compat.comparison.diff.declared import Declared
from prefect_compat.comparison.diff.tables import compare_tables
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from prefect_compat.graph.job import read_plan
from ticket_assets.event_log.reading import read_table
from ticket_assets.event_log.synthetic import Shape, write_sample
from ticket_assets.upstream_fixes.event_log_storage import KeptConnectionsEventLogStorage
from ticket_assets.upstream_fixes.private_names import StepMaterializationData

COMMITTED = Path(__file__).with_name("guard.json")
ROUNDS = 7
LIMIT = 1.5
Work = Callable[[], object]


@dataclass(frozen=True)
class Contest:
    """Ours and the floor beside which it is measured."""

    name: str
    ours: Work
    floor: Work


def ratio(contest: Contest, rounds: int = ROUNDS) -> float:
    """The median of the ratios of ours to the floor, of rounds in turns after one that warms up."""
    found = []
    for number in range(rounds + 1):
        order = (contest.ours, contest.floor)[:: 1 if number % 2 else -1]
        taken = {work: _cpu_s(work) for work in order}
        if number:
            found.append(taken[contest.ours] / taken[contest.floor])
    return statistics.median(found)


def _cpu_s(work: Work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@contextmanager
def contests() -> Iterator[tuple[Contest, ...]]:
    """The contests, with what they need; none takes more than a second."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        yield (
            _events(folder, opened),
            _digests(),
            _rows(folder),
            _reading(folder),
            _plan(),
        )


def _events(folder: Path, opened: ExitStack) -> Contest:
    storage = KeptConnectionsEventLogStorage(str(folder / "events"))
    opened.callback(storage.dispose)
    entries = [
        dg.EventLogEntry(
            error_info=None,
            level=10,
            user_message="",
            run_id="a-run",
            timestamp=1.7e9 + number,
            step_key="parts",
            job_name="job",
            dagster_event=dg.DagsterEvent(
                dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                "job",
                step_key="parts",
                event_specific_data=_materialization(number),
            ),
        )
        for number in range(300)
    ]
    return Contest(
        "events of 300 partitions / their serialization",
        lambda: storage.store_event_batch(entries),
        lambda: [dg.serialize_value(entry) for entry in entries],
    )


def _materialization(number: int) -> Any:
    return StepMaterializationData(
        dg.AssetMaterialization(
            "parts", partition=f"part-{number}", metadata={"rows": number, "preview": "x" * 200}
        )
    )


def _table(rows: int) -> pd.DataFrame:
    numbers = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "when": pd.to_datetime(numbers.integers(0, 10**9, rows), unit="s"),
            **{f"n{place}": numbers.random(rows) for place in range(4)},
            **{f"t{place}": numbers.integers(0, 500, rows).astype(str) for place in range(4)},
        }
    )


def _digests() -> Contest:
    table = _table(100_000)
    return Contest(
        "digest of a table / pandas' hash of its rows",
        lambda: fingerprint(table),
        lambda: pd.util.hash_pandas_object(table),
    )


def _rows(folder: Path) -> Contest:
    left, right = _table(100_000), _table(100_000)
    right.loc[::1000, "n0"] += 1
    files = [folder / "left.parquet", folder / "right.parquet"]
    for table, file in zip((left, right), files, strict=True):
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)
    declared = Declared(key=("id",))
    return Contest(
        "rows by key / pandas' merge of the tables",
        lambda: compare_tables(files[0], files[1], declared, threads=1),
        lambda: pd.merge(*(pd.read_parquet(file) for file in files), on="id", how="outer"),
    )


def _reading(folder: Path) -> Contest:
    file = folder / "log.csv"
    write_sample(file, Shape(incidents=5000))
    content = file.read_bytes()
    return Contest(
        "reading the log / its text by pyarrow",
        lambda: read_table([content], file.name),
        lambda: pyarrow.csv.read_csv(pa.BufferReader(content)),
    )


def _plan() -> Contest:
    def defs() -> dg.Definitions:
        def asset(number: int) -> dg.AssetsDefinition:
            @dg.asset(name=f"m{number}", deps=[f"m{number - 20}"] if number >= 20 else [])
            def made() -> None: ...

            return made

        return dg.Definitions([asset(n) for n in range(200)], jobs=[dg.define_asset_job("many")])

    job = defs().resolve_job_def("many")
    return Contest(
        "plan of 200 assets / Dagster's own job of them",
        lambda: read_plan(job),
        lambda: defs().resolve_job_def("many"),
    )


def measured(rounds: int = ROUNDS) -> dict[str, float]:
    """The ratio of each contest."""
    with contests() as found:
        return {contest.name: ratio(contest, rounds) for contest in found}


def alarms(ratios: Mapping[str, float], committed: Mapping[str, float]) -> list[str]:
    """A sentence for each ratio that is too large."""
    return [
        f"{name}: {value:.2f}, committed {committed[name]:.2f}"
        for name, value in ratios.items()
        if value > LIMIT * committed[name]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="commit to the ratios of this run")
    parser.add_argument("--times", type=int, default=1, help="runs, to count false alarms")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    committed: dict[str, float] = {}
    if not options.record:
        committed = json.loads(COMMITTED.read_text())
    raised = 0
    for _ in range(options.times):
        ratios = measured()
        found = [] if options.record else alarms(ratios, committed)
        raised += bool(found)
        for name, value in ratios.items():
            known = f" (committed {committed[name]:.2f})" if committed else ""
            print(f"{value:8.2f}  {name}{known}")
        for line in found:
            print(f"too slow: {line}")
    if options.record:
        COMMITTED.write_text(json.dumps(ratios, indent=2) + "\n")
    if options.times > 1:
        print(f"alarms in {raised} of {options.times} runs")
    sys.exit(bool(raised) and options.times == 1)


if __name__ == "__main__":
    main()
