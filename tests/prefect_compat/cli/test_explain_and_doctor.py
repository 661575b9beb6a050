"""`explain` names what needs attention first; `doctor` says what is wrong and how to mend it."""

import json
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prefect_compat.cli.doctor import examine
from prefect_compat.cli.explain import explain
from prefect_compat.cli.main import main
from prefect_compat.progress import PlainProgress, Progress
from tests.prefect_compat.cli.conftest import Enter

SHOP = """
    import dagster as dg

    @dg.asset(op_tags={"dagster/priority": "2"})
    def orders(): return [1, 2]

    @dg.asset
    def total(orders): return sum(orders)

    slow = dg.define_asset_job("slow", tags={dg.MAX_RUNTIME_SECONDS_TAG: "60"})
    every_day = dg.ScheduleDefinition(job=slow, cron_schedule="0 6 * * *")
    defs = dg.Definitions([orders, total], schedules=[every_day], jobs=[slow])
"""


@pytest.fixture(autouse=True)
def shop(enter_project: Enter) -> Path:
    return enter_project("shop_of_it", SHOP)


def call(*options: str) -> Result:
    return CliRunner().invoke(explain, options)


def test_features_are_grouped_by_what_needs_attention() -> None:
    found = call()
    assert found.exit_code == 1  # something is refused
    heads = [line for line in found.output.splitlines() if not line.startswith(" ")]
    assert [line.split(":")[0] for line in heads] == [
        *("refused", "not run", "emulated", "supported", "eject"),
    ]
    assert "    2 definitions: orders, total" in found.output.splitlines()


def test_the_features_of_what_would_run_and_where() -> None:
    found = call("--select", "total")
    assert found.exit_code == 0, found.output
    assert "orders" not in found.output
    assert found.output.splitlines()[-2:] == [
        "tasks run one at a time: the job has one step",
        "eject: 1 of 1 step would be carried over",
    ]


def test_the_same_for_machines() -> None:
    document = json.loads(call("--json", "--select", "*").output)
    assert document["totals"]["emulated"] == 1
    assert set(document["eject"]) == {"orders", "total"}
    assert document["eject"]["total"]["refusal"] is None
    assert {entry["definition"] for entry in document["definitions"]} == {
        *("selected_assets", "orders", "total"),
    }
    assert document["task_runner"]["name"] == "processes"


def test_the_version_and_help() -> None:
    version = CliRunner().invoke(main, ["--version"], standalone_mode=False)
    assert version.output.strip() == metadata.version("prefect-compat")
    assert "doctor" in CliRunner().invoke(main, ["-h"], standalone_mode=False).output


def test_doctor_shows_the_project(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(shop))
    entries = {entry.name: entry for entry in examine(shop)}
    assert entries["project"].fact == "shop_of_it: 2 assets, jobs: slow"
    assert entries["DAGSTER_HOME"].fact == f"{shop}, without a dagster.yaml"
    assert entries["dagster"].fact == metadata.version("dagster")
    assert not [entry for entry in entries.values() if entry.state == "wrong"]


def test_doctor_names_what_is_wrong_and_the_remedy(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "shop_of_it.py").write_text("import nothing_like_it\n")
    monkeypatch.setenv("DAGSTER_HOME", str(shop / "nowhere"))
    wrong = {entry.name: entry for entry in examine(shop) if entry.state == "wrong"}
    assert wrong["DAGSTER_HOME"].remedy == f"mkdir -p {shop / 'nowhere'}"
    assert "No module named 'nothing_like_it'" in wrong["project"].fact


def test_doctor_knows_versions_that_do_not_work(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"dagster": "1.11.16", "fastapi": "0.165.0", "prefect": "3.8.8"}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: versions.get(name) or real(name))
    wrong = {entry.name: entry for entry in examine(shop) if entry.state == "wrong"}
    assert wrong["dagster"].remedy == "install dagster 1.12 or later"
    assert wrong["fastapi"].remedy == 'pip install "fastapi<0.140"'


def test_progress_in_a_log_is_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 4.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    lines: list[str] = []
    with PlainProgress(lines.append).stage("dagster: running all assets") as update:
        update("step 1 of 9, orders")
        update("step 5 of 9, total")
        update("step 6 of 9, total")
    assert lines == [
        "dagster: running all assets…",
        "dagster: running all assets: step 5 of 9, total, 11 s",
        "dagster: running all assets: done in 30 s",
    ]


def test_without_progress_the_lines_go_to_the_log() -> None:
    lines: list[str] = []
    with Progress(lines.append).stage("starting a Prefect server"):
        Progress(lines.append).line("ready")
    assert lines == ["starting a Prefect server", "ready"]
