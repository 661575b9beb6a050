"""Wrong logic on one side is found and named; what is only done differently raises no alarm."""

import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from prefect_compat.comparison.judging.findings import Difference as D
from prefect_compat.comparison.record.record import Record, RecordedOutput
from prefect_compat.comparison.sources.file_store import record_of_outputs
from prefect_compat.comparison.verdict import Verdict, judge
from prefect_compat.graph.ids import OutputId
from tests.prefect_compat.comparison.shop import Shop, slowly
from tests.prefect_compat.comparison.shop_runs import DAY, SIDES, run

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.xdist_group("planted differences"),  # they share what took long to make
]

GOOD = Shop()
BAD_LOG = replace(GOOD, rows_checked=51)


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Shop], Record]:
    """Records of what is run several times, run once."""
    known: dict[tuple[str, Shop], Record] = {}

    def record(side: str, shop: Shop) -> Record:
        if (side, shop) not in known:
            known[side, shop] = run(side, tmp_path_factory.mktemp(side), shop)
        return known[side, shop]

    return record


def last_bit(table: pd.DataFrame) -> pd.DataFrame:
    price = table["price"].to_numpy(copy=True)
    price[-1] = np.nextafter(price[-1], 1)
    return table.assign(price=price)


def with_record(name: str, **attributes: Any) -> Callable[[dict[str, Any]], Any]:
    """The document, something added to one of its records."""

    def changed(document: dict[str, Any]) -> dict[str, Any]:
        record = document["records"][name]
        for attribute, value in attributes.items():
            setattr(record, attribute, value)
        return document

    return changed


def fuller(document: dict[str, Any]) -> dict[str, Any]:
    document["records"]["basket"]["pen"] = 3
    return document


def first_missing(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(price=table["price"].mask(table.index == 0))


# What is wrong on one side; the kind of difference and the place that must be named.
FAULTS: dict[str, tuple[Shop, D, str]] = {
    "a changed constant": (replace(GOOD, factor=2.0001), D.CONTENT, f"forecast[{DAY}]"),
    "an unseeded sampler": (
        replace(GOOD, seed=lambda: None),
        D.CONTENT,
        f"sampled[{DAY}]",
    ),
    "another seed": (replace(GOOD, seed=lambda: 8), D.CONTENT, f"sampled[{DAY}]"),
    "another partition mapping": (
        replace(GOOD, mapping=dg.IdentityPartitionMapping()),
        D.CONTENT,
        f"forecast[{DAY}]",
    ),
    "a dropped asset": (replace(GOOD, lacks="document"), D.STEP, "document"),
    "an added asset": (replace(GOOD, extra=True), D.STEP, "surplus"),
    "an added dependency": (
        replace(GOOD, score_reads=("forecast", "unsteady")),
        D.EDGE,
        "unsteady -> score",
    ),
    "an extra row": (replace(GOOD, rows=51), D.CONTENT, f"log[{DAY}]"),
    "a column's type": (
        replace(GOOD, log=lambda t: t.astype({"amount": "int32"})),
        D.CONTENT,
        f"log[{DAY}], amount",
    ),
    "the order of columns": (
        replace(GOOD, log=lambda t: t[["at", "price", "amount", "kind", "note"]]),
        D.CONTENT,
        f"log[{DAY}]",
    ),
    "the order of rows": (
        replace(GOOD, sample=lambda t: t.iloc[::-1].reset_index(drop=True)),
        D.CONTENT,
        f"sampled[{DAY}]",
    ),
    "a renamed column": (
        replace(GOOD, log=lambda t: t.rename(columns={"note": "notes"})),
        D.CONTENT,
        f"log[{DAY}]",
    ),
    "a lost index": (
        replace(GOOD, sample=lambda t: t.set_axis(range(1, 11))),
        D.CONTENT,
        f"sampled[{DAY}], index",
    ),
    "the last bit of a float": (
        replace(GOOD, sample=last_bit),
        D.CONTENT,
        f"sampled[{DAY}], price",
    ),
    "a missing value": (
        replace(GOOD, sample=first_missing),
        D.CONTENT,
        f"sampled[{DAY}], price",
    ),
    "a lost time zone": (
        replace(GOOD, log=lambda t: t.assign(at=t["at"].dt.tz_localize(None))),
        D.CONTENT,
        f"log[{DAY}], at",
    ),
    "times in another unit": (
        replace(GOOD, log=lambda t: t.assign(at=t["at"].dt.as_unit("s"))),
        D.CONTENT,
        f"log[{DAY}], at",
    ),
    "an unused category": (
        replace(GOOD, log=lambda t: t.assign(kind=t["kind"].cat.add_categories("c"))),
        D.CONTENT,
        f"log[{DAY}], kind",
    ),
    "a blank in a text": (
        replace(GOOD, log=lambda t: t.assign(note=t["note"].replace("x", "x "))),
        D.CONTENT,
        f"log[{DAY}], note",
    ),
    "an integer as text in a document": (
        replace(GOOD, document=lambda d: {**d, "id": "1"}),
        D.CONTENT,
        f"document[{DAY}]",
    ),
    "a null in a document left out": (
        replace(GOOD, document=lambda d: {**d, "comment": None}),
        D.CONTENT,
        f"document[{DAY}]",
    ),
    "an attribute that is no field of a dataclass": (
        replace(GOOD, document=with_record("paid", tip=1)),
        D.CONTENT,
        f"document[{DAY}], records",
    ),
    "an attribute of a dataclass's subclass": (
        replace(GOOD, document=with_record("late", days=4)),
        D.CONTENT,
        f"document[{DAY}], records",
    ),
    "an entry of a dataclass that is a dict": (
        replace(GOOD, document=fuller),
        D.CONTENT,
        f"document[{DAY}], records",
    ),
    "an attribute of a named tuple": (
        replace(GOOD, document=with_record("shelf", label="ink")),
        D.CONTENT,
        f"document[{DAY}], records",
    ),
    "what cannot be compared": (
        replace(GOOD, document=lambda d: {**d, "how": object()}),
        D.NOT_COMPARABLE,
        f"document[{DAY}]",
    ),
    "an output that is not made": (replace(GOOD, skips=True), D.MISSING, f"document[{DAY}]"),
    "an output that is not written": (
        replace(GOOD, forgets="unsteady"),
        D.NOT_COMPARABLE,
        f"unsteady[{DAY}]",
    ),
    "a lost check": (replace(GOOD, has_check=False), D.CHECK, f"log[{DAY}]:is_small"),
    "a check with another limit": (replace(GOOD, limit=50), D.CHECK, f"log[{DAY}]:is_small"),
    "a blocking check that fails": (BAD_LOG, D.CHECK, f"log[{DAY}]:has_rows"),
    "other metadata": (
        replace(GOOD, metadata=lambda: {"rows": 49, "unit": "euro"}),
        D.METADATA,
        f"score[{DAY}], rows",
    ),
    "lost metadata": (
        replace(GOOD, metadata=lambda: {"rows": 50}),
        D.METADATA,
        f"score[{DAY}], unit",
    ),
    "another data version": (
        replace(GOOD, data_version="v2"),
        D.DATA_VERSION,
        f"score[{DAY}]",
    ),
    "one retry too few": (replace(GOOD, retries=0), D.STEP_STATE, "unsteady"),
    "one more failure": (replace(GOOD, fails=2), D.ATTEMPTS, "unsteady"),
    "a swallowed failure": (replace(GOOD, swallows=True), D.ATTEMPTS, "unsteady"),
    "a longer wait": (replace(GOOD, delay_s=1.0), D.RETRY_WAIT, "unsteady"),
    "another exception that is retried": (
        replace(GOOD, error=OSError),
        D.EXCEPTION,
        "unsteady",
    ),
    "another severity of a check that passes": (
        replace(GOOD, severity=dg.AssetCheckSeverity.ERROR),
        D.CHECK,
        f"log[{DAY}]:is_small",
    ),
    "a check's description": (
        replace(GOOD, checked="as many rows as there are"),
        D.DESCRIPTION,
        f"log[{DAY}]:is_small",
    ),
    "metadata as a float in place of an integer": (
        replace(GOOD, metadata=lambda: {"rows": 50.0, "unit": "euro"}),
        D.METADATA,
        f"score[{DAY}], rows",
    ),
    "metadata as Markdown in place of text": (
        replace(GOOD, metadata=lambda: {"rows": 50, "unit": dg.MetadataValue.md("euro")}),
        D.METADATA,
        f"score[{DAY}], unit",
    ),
    "metadata as an address in place of text": (
        replace(GOOD, metadata=lambda: {"rows": 50, "unit": dg.MetadataValue.url("euro")}),
        D.METADATA,
        f"score[{DAY}], unit",
    ),
    "a materialization's tag": (
        replace(GOOD, tags=(("tier", "2"),)),
        D.TAGS,
        f"score[{DAY}], tier",
    ),
    "a materialization's description": (
        replace(GOOD, ledger="three pages"),
        D.DESCRIPTION,
        "ledger",
    ),
    "what was observed": (replace(GOOD, observed=(4,)), D.METADATA, "supplier, observed"),
    "a lost observation": (replace(GOOD, observed=()), D.OBSERVATION, "supplier, observed"),
    "a second observation": (
        replace(GOOD, observed=(3, 3)),
        D.OBSERVATION,
        "supplier, observed (2)",
    ),
    "another dynamic partition": (
        replace(GOOD, adds=("blue",)),
        D.DYNAMIC_PARTITIONS,
        "colours",
    ),
    "no dynamic partition": (replace(GOOD, adds=()), D.DYNAMIC_PARTITIONS, "colours"),
    "a stray file in the store": (
        replace(GOOD, leaves="notes.txt"),
        D.FILES,
        "the store",
    ),
    "metadata of an asset that stores nothing": (
        replace(GOOD, receipts=2),
        D.METADATA,
        f"receipt[{DAY}], receipts",
    ),
    "a value between two ops of an asset": (
        replace(GOOD, parts=lambda part: part + 1),
        D.CONTENT,
        "kinds.parts[a]",
    ),
    "the type of a value between two ops": (
        replace(GOOD, parts=float),
        D.CONTENT,
        "kinds.parts[b]",
    ),
}


# What only a run knows: a store has nothing but outputs of assets.
UNKNOWN_TO_STORES = {
    *("an added dependency", "a lost check", "a check with another limit", "other metadata"),
    *("lost metadata", "another data version", "one more failure", "a swallowed failure"),
    *("a longer wait", "another exception that is retried", "a check's description"),
    "another severity of a check that passes",
    "metadata as a float in place of an integer",
    "metadata as Markdown in place of text",
    "metadata as an address in place of text",
    *("a materialization's tag", "a materialization's description", "what was observed"),
    *("a lost observation", "a second observation", "another dynamic partition"),
    *("no dynamic partition", "a stray file in the store"),
    "metadata of an asset that stores nothing",
    *("a value between two ops of an asset", "the type of a value between two ops"),
}


def stored(record: Record) -> Record:
    """What a store knows of the run: the outputs of its assets."""
    outputs = [
        RecordedOutput(entry.output, entry.fingerprint)
        for entry in record.outputs
        if isinstance(entry.output, OutputId) and entry.has_content
    ]
    return record_of_outputs("a store", tuple(outputs), "a store", reads_values=True)


def named_in(verdict: Verdict, kind: D, place: str) -> list[str]:
    """All findings as text; one of them is of the kind and at the place."""
    named = [str(finding) for finding in verdict.findings]
    assert any(
        finding.kind is kind and finding.place.startswith(place) for finding in verdict.findings
    ), named
    return named


# Everything on Dagster's side, which is quicker, and a third of it on Prefect's too, half nightly.
def cases(names: dict[str, Any]) -> list[Any]:
    on_prefect = [
        pytest.param("prefect", name, marks=pytest.mark.nightly if number % 2 else ())
        for number, name in enumerate([*names][::3])
    ]
    return [*(("dagster", name) for name in names), *on_prefect]


@pytest.mark.parametrize(("side", "fault"), cases(FAULTS))
def test_a_fault_on_one_side_is_named(
    side: str, fault: str, records: Callable[[str, Shop], Record], tmp_path: Path
) -> None:
    shop, kind, place = FAULTS[fault]
    sides = {name: records(name, GOOD) for name in SIDES if name != side}
    sides[side] = run(side, tmp_path, shop)
    verdict = judge(*(sides[name] for name in SIDES))
    named = named_in(verdict, kind, place)
    if side == "dagster":  # the same fault between two commits, and between two stores
        good = records("dagster", GOOD)
        named_in(judge(good, sides["dagster"]), kind, place)
        stores = judge(stored(good), stored(sides["dagster"]))
        assert stores.holds is (fault in UNKNOWN_TO_STORES), list(map(str, stores.findings))
    upstream = {"sampled": ("log",), "forecast": ("log", "sampled"), "document": ("log", "score")}
    for name in upstream.get(place.partition("[")[0], ()):
        assert not any(text.startswith(f"{D.CONTENT}: {name}") for text in named), named


def in_pieces(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table.iloc[:20], table.iloc[20:]], ignore_index=True)


def through_arrow(table: pd.DataFrame) -> pd.DataFrame:
    pieces = pa.concat_tables([pa.Table.from_pandas(part) for part in (table[:7], table[7:])])
    return pieces.to_pandas()


def in_another_order(table: pd.DataFrame) -> pd.DataFrame:
    return table[sorted(table.columns, reverse=True)][list(table.columns)]


def as_one_block(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        amount=np.asfortranarray(table["amount"].to_numpy().reshape(5, 10)).reshape(-1)
    )


def fresh_texts(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(note=["".join(list(text)) for text in table["note"]]).astype(
        {"note": table["note"].dtype}
    )


def recoded(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(kind=pd.Categorical(table["kind"].astype("str"), ["a", "b"]))


HARMLESS: dict[str, Shop] = {
    "nothing but another run in another folder": GOOD,
    "a slow step": replace(GOOD, before=slowly),
    "a step that uses randomness of its own": replace(GOOD, before=lambda: random.random()),
    "a step that prints": replace(GOOD, before=lambda: sys.stdout.write("busy\n")),
    "a step that collects garbage": replace(GOOD, before=lambda: gc.collect()),
    "a step that sets an environment variable": replace(
        GOOD, before=lambda: os.environ.update(SHOP_IS="open")
    ),
    "another random state": replace(GOOD, before=lambda: np.random.seed(3)),
    "a table put together from pieces": replace(GOOD, log=in_pieces),
    "a table that was chunked in Arrow": replace(GOOD, log=through_arrow),
    "a table that was taken apart": replace(GOOD, log=in_another_order),
    "a column in another layout": replace(GOOD, log=as_one_block),
    "texts made anew": replace(GOOD, log=fresh_texts),
    "categories coded anew": replace(GOOD, log=recoded),
    "a copy": replace(GOOD, log=lambda t: t.copy(deep=True)),
    "a view": replace(GOOD, sample=lambda t: pd.concat([t, t]).iloc[:10]),
    "an index as a range or as numbers": replace(GOOD, sample=lambda t: t.set_axis(np.arange(10))),
    "the order of a document's keys": replace(GOOD, document=lambda d: dict(reversed(d.items()))),
    "the order of metadata": replace(GOOD, metadata=lambda: {"unit": "euro", "rows": 50}),
    "metadata of the run": replace(
        GOOD,
        metadata=lambda: {
            "rows": 50,
            "unit": "euro",
            "file": dg.MetadataValue.path(tempfile.mkdtemp()),
            "when": dg.MetadataValue.timestamp(time.time()),
        },
    ),
    "another description": replace(GOOD, described="what was sold"),
    "a limit that is not reached": replace(GOOD, limit=2000),
    "a seed of another type": replace(GOOD, seed=lambda: np.int64(7)),
    "a retry that is not needed": replace(GOOD, retries=3),
}


@pytest.mark.parametrize(("side", "variation"), cases(HARMLESS))
def test_what_is_only_done_differently_raises_no_alarm(
    side: str, variation: str, records: Callable[[str, Shop], Record], tmp_path: Path
) -> None:
    sides = {name: records(name, GOOD) for name in SIDES if name != side}
    sides[side] = run(side, tmp_path, HARMLESS[variation])
    verdict = judge(*(sides[name] for name in SIDES))
    assert verdict.holds, list(map(str, verdict.findings))


@pytest.mark.parametrize("side", SIDES)
def test_what_an_earlier_run_left_does_not_pass(
    side: str, records: Callable[[str, Shop], Record], tmp_path: Path
) -> None:
    """An IO manager that writes nothing, where a file of another run still lies."""
    run(side, tmp_path, replace(GOOD, factor=1.5))
    sides = {name: records(name, GOOD) for name in SIDES if name != side}
    sides[side] = run(side, tmp_path, replace(GOOD, forgets="forecast"))
    named = [str(finding) for finding in judge(*(sides[name] for name in SIDES)).findings]
    assert any(text.startswith(f"{D.CONTENT}: forecast[{DAY}]") for text in named), named


def test_a_failure_that_only_one_side_stops_at(
    records: Callable[[str, Shop], Record], tmp_path: Path
) -> None:
    """If the check fails under both, one that does not block lets the rest run."""
    lets = run("prefect", tmp_path, replace(BAD_LOG, blocks=False))
    named = [str(finding) for finding in judge(records("dagster", BAD_LOG), lets).findings]
    assert any(text.startswith(f"{D.STEP_STATE}: sampled") for text in named), named


def table() -> str:
    """The faults as the documentation lists them."""
    rows = (
        f"| {name} | {kind} | `{place}` | {'not known' if name in UNKNOWN_TO_STORES else 'found'} |"
        for name, (_, kind, place) in FAULTS.items()
    )
    head = ["| fault | difference | place | between two stores |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def test_the_documentation_lists_every_fault(root: Path) -> None:
    text = (root / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert table() in text, f"run: python -m {__name__}"
    assert f"{len(HARMLESS)} harmless variations" in text


if __name__ == "__main__":
    page = Path("docs/comparison.md")
    before, marker, rest = page.read_text(encoding="utf-8").partition("<!-- faults -->")
    end = "<!-- end of faults -->"
    page.write_text(f"{before}{marker}\n{table()}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
