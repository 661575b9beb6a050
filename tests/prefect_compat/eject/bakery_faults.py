"""Edits of the project that is ejected from `bakery`: faults, what is not seen, and harmless ones.

Each replaces a text that stands in its file exactly once.
"""

from dataclasses import dataclass
from pathlib import Path

from prefect_compat.comparison.judging.findings import Difference as D

ASSETS, FIGURES, TABLES = "tasks/assets.py", "tasks/figures.py", "tasks/storage.py"
FLOW, RESOURCES, PARTITIONS = "flows/daily.py", "resources.py", "partitions.py"
CHECKS, FAILURES, PICKLES, STORAGE = "checks.py", "failures.py", "pickles.py", "storage.py"


@dataclass(frozen=True)
class Edit:
    """A text of a file of the written project, and what replaces it."""

    file: str
    old: str
    new: str

    def plant(self, project: Path) -> None:
        """Replaces the text. Raises ValueError if it does not stand there exactly once."""
        path = project / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Fault(Edit):
    """An edit after which the comparison of a case has a difference of this kind at this place."""

    kind: D
    place: str
    case: str = "two days"


BLOCKS, CLOSED = "a check that blocks", "a failure without retries"
SAVE_TOTALS = 'save(csv_files, "totals", value, [partition_key])'
LOAD_TOTALS = 'totals=load(csv_files, "totals", [partition_key]),\n            trend'
RETRIES = "retries=2, retry_delay_seconds=0.1, retry_condition_fn=may_retry"
WAITS = "wait_for=[orders_run, orders_pieces_are_positive_run]"
CLOSING = "closing_note.submit(key, config=closing_note_config, wait_for=[trend_run])"
CHECK_STEP = "orders_pieces_are_positive"
CHECK_RUN = "totals_large_orders_are_few.submit(key, wait_for=[totals_run])"
CHECK_REPORT = (
    'assets.large_orders_are_few(totals=load(csv_files, "totals", [partition_key]))\n'
    "        report_checks([result])"
)
SMALL = "return small.reset_index(drop=True)"
NOTE = "frame = pd.DataFrame(columns).round(2)"
TABLE = "currency.converted(1.0))\n"
READ = "{key: pd.read_csv(self._path(context, key)) for key in keys}"
SOLD = 'summary = {"pieces": float(totals["pieces"].sum())}'
CAKE = "totals[\"product\"] != 'cake'"

FAULTS: dict[str, Fault] = {
    # Values
    "a wrong constant": Fault(
        ASSETS, "FEW_PIECES = 4", "FEW_PIECES = 5", D.CONTENT, "small_orders[2024-01-01]"
    ),
    "`<` for `<=`": Fault(
        FIGURES, '["pieces"] <= limit', '["pieces"] < limit', D.CONTENT, "large_orders[2024-01-01]"
    ),
    "arguments swapped": Fault(
        ASSETS,
        "summed(small_orders, large_orders)",
        "summed(large_orders, small_orders)",
        D.CONTENT,
        "totals[2024-01-01], small, large",
    ),
    "the values of two columns swapped": Fault(
        FIGURES,
        '"small": revenue[0], "large": 0.0',
        '"small": 0.0, "large": revenue[0]',
        D.CONTENT,
        "totals[2024-01-01], small, large",
    ),
    "another order of columns": Fault(
        FIGURES, '"small", "large", "large_share"]]', '"large", "small", "large_share"]]',
        D.CONTENT, "totals[2024-01-01]",
    ),
    "a dropped row": Fault(
        FIGURES, SMALL, "return small[1:].reset_index(drop=True)", D.CONTENT,
        "small_orders[2024-01-01]",
    ),
    "a row twice": Fault(
        ASSETS, TABLE, TABLE + "    table = pd.concat([table, table[:1]])\n", D.CONTENT,
        "orders[2024-01-01]",
    ),
    "another order of rows": Fault(
        FIGURES, "as_index=False)", "as_index=False, sort=False)", D.CONTENT, "totals[2024-01-01]"
    ),
    "a group left out": Fault(
        FIGURES, "return totals[[", f"return totals[{CAKE}][[", D.CONTENT, "totals[2024-01-01]"
    ),
    "another rounding": Fault(
        FIGURES, ".round(3)", ".round(2)", D.CONTENT, "totals[2024-01-01], large_share"
    ),
    "the last bit of a float": Fault(
        ASSETS, NOTE, NOTE + " * (1 + 2**-52)", D.CONTENT, "trend[2024-01-01], 2024-01-01"
    ),
    "another seed": Fault(
        FIGURES, "(seed + int(", "(seed + 1 + int(", D.CONTENT, "orders[2024-01-01]"
    ),
    "no seed": Fault(
        FIGURES, "seed + int(day[-2:])", "", D.CONTENT, "orders[2024-01-01]"
    ),
    "another word in a text": Fault(
        ASSETS, "{config.count} orders", "{config.count} order", D.CONTENT,
        "closing_note[2024-01-01]",
    ),
    "the entries of a document in another order": Fault(
        FIGURES, '{"day": day, **summary}', '{**summary, "day": day}', D.CONTENT,
        "report[2024-01-01]",
    ),
    "an entry of a mapping left out": Fault(
        ASSETS, 'columns.drop("note")', 'columns.drop("note")[1:]', D.CONTENT,
        "report.summarise, 2024-01-01",
    ),
    # Types
    "float32 for float64": Fault(
        ASSETS, NOTE, NOTE + '.astype("float32")', D.CONTENT, "trend[2024-01-01], 2024-01-01"
    ),
    "an integer for a float": Fault(
        ASSETS, SOLD, SOLD.replace("float", "int"), D.CONTENT, "report.summarise, pieces"
    ),
    "a lost dtype": Fault(
        FIGURES, SMALL, "return small.reset_index(drop=True).astype(object)", D.CONTENT,
        "small_orders[2024-01-01], id, ",
    ),
    "a changed index": Fault(
        FIGURES, "large.reset_index(drop=True)", "large", D.CONTENT,
        "large_orders[2024-01-01], index",
    ),
    "NaN for None": Fault(
        ASSETS, "[None] * len(frame)", '[float("nan")] * len(frame)', D.CONTENT,
        "trend[2024-01-01], note",
    ),
    "the value before it was stored": Fault(
        FLOW, 'return load(csv_files, "orders", [partition_key])', "return value", D.CONTENT,
        "orders[2024-01-01], note",
    ),
    # Configuration and resources
    "a default of the configuration": Fault(
        ASSETS, "count: int = 24", "count: int = 25", D.CONTENT, "closing_note[2024-01-01]"
    ),
    "the job's configuration lost": Fault(
        FLOW, "OrdersConfig(seed=11)", "OrdersConfig()", D.CONTENT, "orders[2024-01-01]"
    ),
    "the configuration of another step": Fault(
        FLOW, "config=orders_config)", "config=closing_note_config)", D.CONTENT,
        "orders[2024-01-01]",
    ),
    "a resource's setting": Fault(
        RESOURCES, "rate=1.25", "rate=1.2", D.CONTENT, "orders[2024-01-01], price"
    ),
    "a resource that is not used": Fault(
        ASSETS, "currency.converted(1.0)", "1.0", D.CONTENT, "orders[2024-01-01], price"
    ),
    # Storage and partitions
    "the outputs of the multi-asset swapped": Fault(
        FLOW, '["small_orders", "large_orders"]', '["large_orders", "small_orders"]', D.CONTENT,
        "small_orders[2024-01-01]",
    ),
    "another asset loaded": Fault(
        FLOW, 'load(io_manager, "large_orders"', 'load(io_manager, "small_orders"', D.CONTENT,
        "totals[2024-01-01]",
    ),
    "another partition loaded": Fault(
        FLOW, LOAD_TOTALS, LOAD_TOTALS.replace("partition_key", '"2024-01-01"'), D.CONTENT,
        "report.summarise in run 2",
    ),
    "a stale value": Fault(
        TABLES, READ,
        "{key: __builtins__.setdefault(f'kept {context.asset_key.path}', table) for key, table in"
        f" {READ}.items()}}",
        D.CONTENT, "orders[2024-01-02]",
    ),
    "a window that is too short": Fault(
        FLOW, "start_offset=-1", "start_offset=0", D.CONTENT, "trend[2024-01-02]"
    ),
    "a window that ends too early": Fault(
        FLOW, "start_offset=-1", "start_offset=-1, end_offset=-1", D.RUN, "the whole run"
    ),
    "a window that ends too late": Fault(
        PARTITIONS, "upstream.window(name).start < end", "upstream.window(name).start <= end",
        D.RUN, "the whole run",
    ),
    "partitions that start a day later": Fault(
        PARTITIONS, '"2024-01-01", end', '"2024-01-02", end', D.RUN, "the whole run"
    ),
    "a value that is not saved": Fault(FLOW, SAVE_TOTALS, "pass", D.RUN, "the whole run"),
    "a value saved under another name": Fault(
        FLOW, 'save(io_manager, "small_orders"', 'save(io_manager, "small"', D.RUN, "the whole run"
    ),
    "a value saved in another partition": Fault(
        FLOW, SAVE_TOTALS, SAVE_TOTALS.replace("partition_key", '"2024-01-01"'), D.RUN,
        "the whole run",
    ),
    "nothing in the file": Fault(
        PICKLES, "pickle.dumps(obj", "pickle.dumps(None", D.RUN, "the whole run"
    ),
    # Steps and dependencies
    "a step left out": Fault(FLOW, CHECK_RUN, "totals_run", D.STEP, "totals_large_orders_are_few"),
    "a step under another name": Fault(
        FLOW, 'name="closing_note"', 'name="note"', D.STEP, "note"
    ),
    "a step that does not wait": Fault(
        FLOW, CLOSING, CLOSING.replace(", wait_for=[trend_run]", ""), D.EDGE,
        "trend -> closing_note",
    ),
    "a step that does not wait for a check": Fault(
        FLOW, WAITS, "wait_for=[orders_run]", D.EDGE,
        "orders_pieces_are_positive -> divide_orders",
    ),
    "a further dependency": Fault(
        FLOW, CLOSING, CLOSING.replace("[trend_run]", "[trend_run, totals_run]"), D.EDGE,
        "totals -> closing_note",
    ),
    # Failures and retries
    "a failure swallowed": Fault(
        ASSETS, 'raise Failure("The bakery is closed.", allow_retries=False)',
        'day = "2024-01-02"', D.STEP_STATE, "orders", CLOSED,
    ),
    "retries after a failure that forbids them": Fault(
        FLOW, RETRIES, RETRIES.replace(", retry_condition_fn=may_retry", ""), D.ATTEMPTS, "orders",
        CLOSED,
    ),
    "each failure forbids retries": Fault(
        FAILURES, "return not isinstance(error, CheckFailedError)", "return False",
        D.STEP_STATE, "orders", "orders fail once",
    ),
    "no retries": Fault(
        FLOW, RETRIES + ")\ndef orders(", "retries=0)\ndef orders(", D.STEP_STATE, "orders",
        "orders fail once",
    ),
    "a retry too many": Fault(
        FLOW, "retries=2", "retries=3", D.ATTEMPTS, "orders", "orders fail"
    ),
    "a retry too few": Fault(
        FLOW, "retries=2", "retries=1", D.ATTEMPTS, "orders", "orders fail"
    ),
    "a longer delay": Fault(
        FLOW, "retry_delay_seconds=0.1", "retry_delay_seconds=1.1", D.RETRY_WAIT, "orders",
        "orders fail once",
    ),
    "no retries of an op": Fault(
        FLOW, '"report.write_report", retries=1', '"report.write_report", retries=0',
        D.STEP_STATE, "report.write_report", "the report fails once",
    ),
    # Checks
    "a check that reports nothing": Fault(
        FLOW, CHECK_REPORT, "None", D.CHECK, "totals[2024-01-01]:large_orders_are_few"
    ),
    "a check that always passes": Fault(
        ASSETS, "passed=most < 0.8", "passed=True", D.CHECK,
        "totals[2024-01-01]:large_orders_are_few",
    ),
    "a blocking check that always passes": Fault(
        ASSETS, "passed=least > 0", "passed=True", D.STEP_STATE, CHECK_STEP, BLOCKS
    ),
    "a check that never passes": Fault(
        CHECKS, "bool(result.passed)", "False", D.CHECK, "totals[2024-01-02]:large_orders_are_few"
    ),
    "another severity": Fault(
        ASSETS, 'severity="WARN"', 'severity="ERROR"', D.CHECK,
        "totals[2024-01-01]:large_orders_are_few",
    ),
    "another description": Fault(
        ASSETS, "at most {most", "at least {most", D.DESCRIPTION,
        "totals[2024-01-01]:large_orders_are_few",
    ),
    "a check of another asset": Fault(
        FLOW, '{"totals": ["large_orders_are_few"]}', '{"orders": ["large_orders_are_few"]}',
        D.CHECK, "orders[2024-01-01]:large_orders_are_few",
    ),
    "a check without its partition": Fault(
        CHECKS, "self.partition_keys[0] if len(self.partition_keys) == 1 else None", "None",
        D.CHECK, "totals:large_orders_are_few",
    ),
    "a blocking check that does not block": Fault(
        FLOW, 'blocking=["pieces_are_positive"],', "blocking=[],", D.STEP_STATE, CHECK_STEP, BLOCKS
    ),
    "a blocking check whose failure is lost": Fault(
        CHECKS, "    if reporter.failed:\n", "    if not reporter:\n", D.STEP_STATE,
        CHECK_STEP, BLOCKS,
    ),
    # Files
    "the last value of the run is not saved": Fault(
        FLOW, 'save(io_manager, "report", value, [partition_key])', "pass", D.FILES, "report"
    ),
    "the last value of the run is saved under another name": Fault(
        FLOW, 'save(io_manager, "closing_note"', 'save(io_manager, "note"', D.FILES, "closing_note"
    ),
    "another name of files": Fault(TABLES, '{key}.csv"', '{key}.txt"', D.FILES, "orders"),
}  # fmt: skip


@dataclass(frozen=True)
class Unseen(Edit):
    """A fault that the comparison does not find, and the reason."""

    reason: str
    case: str = "two days"


# When one of these is found, it belongs to FAULTS.
UNSEEN: dict[str, Unseen] = {
    "metadata of a check": Unseen(
        ASSETS, 'metadata={"least": least}', "metadata={}", "artifacts have the results alone"
    ),
    "no description of a check": Unseen(
        CHECKS, '"description": result.description', '"description": None',
        "descriptions are compared if the flow gives one",
    ),
    "no line in the log": Unseen(
        ASSETS, '    get_run_logger().info("%d orders", len(table))\n', "",
        "what steps log is not compared",
    ),
    "retries that no failure asks for": Unseen(
        FLOW, "retries=2", "retries=5", "a step that succeeds at once shows no retries: --fail"
    ),
    "a partition that does not exist": Unseen(
        PARTITIONS, "        if key not in known:\n", "        if not key:\n",
        "both sides run partitions that exist",
    ),
    "another partition without an argument": Unseen(
        PARTITIONS, "return known[-1]", "return known[0]", "both sides are given the partition"
    ),
}  # fmt: skip

HARMLESS: dict[str, Edit] = {
    "a renamed variable": Edit(
        ASSETS,
        "    small, large = figures.divided(orders, FEW_PIECES)\n    return small, large\n",
        "    few, many = figures.divided(orders, FEW_PIECES)\n    return few, many\n",
    ),
    "statements in another order": Edit(
        FLOW,
        '        save(io_manager, "small_orders", value["small_orders"], [partition_key])\n'
        '        save(io_manager, "large_orders", value["large_orders"], [partition_key])\n',
        '        save(io_manager, "large_orders", value["large_orders"], [partition_key])\n'
        '        save(io_manager, "small_orders", value["small_orders"], [partition_key])\n',
    ),
    "tasks submitted in another order": Edit(
        FLOW,
        f"    closing_note_run = {CLOSING}\n"
        "    report_summarise_run = report_summarise.submit(key, wait_for=[totals_run, trend_run])"
        "\n",
        "    report_summarise_run = report_summarise.submit(key, wait_for=[trend_run, totals_run])"
        f"\n    closing_note_run = {CLOSING}\n",
    ),
    "a line in the log": Edit(
        ASSETS, TABLE, TABLE + '    get_run_logger().info("drawn with %d", config.seed)\n'
    ),
    "another layout of the code": Edit(
        FIGURES,
        'return json.dumps({"day": day, **summary})',
        'return json.dumps(\n        {\n            "day": day,\n'
        "            **summary,\n        }\n    )",
    ),
    "a helper that nobody calls": Edit(
        FIGURES, "def written(", "def unused() -> None:\n    raise ValueError\n\n\ndef written("
    ),
    "a docstring": Edit(ASSETS, '"""What was sold of each product."""', '"""Sums."""'),
    "tags of a task": Edit(FLOW, 'name="totals")', 'name="totals", tags=["sales"])'),
    "the same figure by another method": Edit(
        FIGURES, "orders[~is_small]", 'orders[orders["pieces"].gt(limit)]'
    ),
    "another annotation": Edit(ASSETS, "summary: dict[str, float]", "summary: dict[str, Any]"),
    "a table that is copied": Edit(
        ASSETS, "    return frame\n", "    return frame.copy(deep=True)\n"
    ),
    "a function inlined": Edit(ASSETS, "currency.converted(1.0)", "1.0 * currency.rate"),
}
