"""`prefect-compat run` and `plan` from a shell, on our own definitions."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from prefect_compat.cli.main import COMMANDS, main
from prefect_compat.comparison.sources.prefect_server import RunningServer
from tests import needs
from tests.conftest import ROOT
from tests.projects import JOB, files

BIN = Path(sys.executable).parent


PROJECT = ("-m", "ticket_assets.definitions", "-j", JOB)


def shell(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    needs.tickets()
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "deployment" / "dagster.yaml", dagster_home)
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        env={
            **os.environ,
            "HOME": str(tmp_path / "home"),
            "DAGSTER_HOME": str(dagster_home),
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "TICKET_STORE": str(tmp_path / "store"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def here(*command: str) -> Result:
    """Invokes the command in this process, which spares it the imports."""
    needs.tickets()
    return CliRunner().invoke(main, [command[0], *PROJECT, *command[1:]])


def test_one_run_config_file_serves_both(tmp_path: Path, session_server: RunningServer) -> None:
    config = tmp_path / "run_config.yaml"
    config.write_text("ops: {sampled_batch: {config: {batch_size: 50, seed: 7}}}")
    options = ("--partition", "2016-03-08", "-c", str(config))
    server = {"PREFECT_API_URL": session_server.url}
    run = shell(tmp_path, "prefect-compat", "run", *PROJECT, *options, **server)
    assert run.returncode == 0, run.stderr
    assert f"{JOB}: 15 steps, 9 materializations, 6 checks, 0 of them failed." in run.stdout
    made = files(tmp_path / "store")
    assert len(made) == 9
    (tmp_path / "store").rename(tmp_path / "under-prefect")

    tags = json.dumps({"dagster/partition": "2016-03-08"})
    dagster = ("dagster", "job", "execute", "-m", "ticket_assets.definitions", "-j", JOB)
    run = shell(tmp_path, *dagster, "--tags", tags, "-c", str(config))
    assert run.returncode == 0, run.stderr
    assert files(tmp_path / "store") == made
    summary = json.loads((tmp_path / "store" / "trial_summary" / "2016-03-08.json").read_text())
    assert summary["provenance"]["batch_size"] == 50
    assert not (tmp_path / "home" / ".dagster").exists()
    assert not (tmp_path / "home" / ".prefect").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), f"{JOB} is partitioned: pass --partition KEY"),
        (("--partition", "2015-01-01"), "'2015-01-01' does not exist; there are 356"),
        (("--partition", "2016-03-08", "-c", "{tmp}/list.yaml"), "holds list; expected a mapping"),
    ],
)
def test_a_wrong_call_is_refused_by_one_clear_error(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "list.yaml").write_text("- ops")
    found = here("run", *(option.format(tmp=tmp_path) for option in options))
    assert found.exit_code == 2
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stdout == ""


@pytest.mark.usefixtures("prefect_server")
def test_a_run_that_fails_says_why_and_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    config = {"resources": {"io_manager": {"config": {"root": str(tmp_path / "store")}}}}
    (tmp_path / "run_config.json").write_text(json.dumps(config))
    found = here("run", "--partition", "2016-03-08", "-c", str(tmp_path / "run_config.json"))
    assert found.exit_code == 2
    (error,) = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
    assert "raw_log failed" in error


def test_the_plan_is_printed_for_people_and_for_machines(tmp_path: Path) -> None:
    found = shell(tmp_path, "prefect-compat", "plan", *PROJECT)
    assert f"{JOB}: 15 steps, digest " in found.stdout
    assert (
        "trial_summary  <- metrics (value), model_scores (value), targets (value)" in found.stdout
    )
    steps = json.loads(here("plan", "--json").stdout)["steps"]
    assert [step["name"] for step in steps if step["outputs"][0]["asset_key"]] == [
        "raw_log",
        "challenger",
        "sampled_batch",
        "challenger_predictions",
        "predictions",
        "targets",
        "metrics",
        "model_scores",
        "trial_summary",
    ]


@pytest.mark.nightly
def test_two_runs_of_one_day_at_once_leave_the_day_of_one_of_them(
    tmp_path: Path, session_server: RunningServer
) -> None:
    """Under both orchestrators at the same time, each with a seed of its own."""
    tags = json.dumps({"dagster/partition": "2016-03-08"})
    commands = {
        1: ("dagster", "job", "execute", "--tags", tags),
        2: ("prefect-compat", "run", "--partition", "2016-03-08"),
    }

    def run(seed: int) -> subprocess.CompletedProcess[str]:
        config = tmp_path / f"{seed}.yaml"
        config.write_text(f"ops: {{sampled_batch: {{config: {{batch_size: 50, seed: {seed}}}}}}}")
        command = (*commands[seed], *PROJECT, "-c", str(config))
        return shell(tmp_path, *command, PREFECT_API_URL=session_server.url)

    with ThreadPoolExecutor(2) as pool:
        for ended in pool.map(run, commands):
            assert ended.returncode == 0, ended.stderr
    day = tmp_path / "store"
    origins = [json.loads((day / "trial_summary" / "2016-03-08.json").read_text())["provenance"]]
    for name in ("sampled_batch", "targets", "predictions", "metrics"):
        metadata = pq.read_schema(day / name / "2016-03-08.parquet").metadata
        origins.append(json.loads(metadata[b"provenance"]))
    assert len({origin["seed"] for origin in origins}) == 1


def test_the_help_lists_each_command_with_its_own_words() -> None:
    for name, words in COMMANDS.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(limit=200) == words


def test_the_package_is_the_command() -> None:
    command = [sys.executable, "-m", "prefect_compat", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == metadata.version("prefect-compat")


def test_help_and_version_import_neither_orchestrator() -> None:
    heavy = "{'dagster', 'prefect', 'pandas', 'duckdb'} & set(sys.modules)"
    code = (
        "import sys, click.testing; from prefect_compat.cli.main import main;"
        "run = click.testing.CliRunner().invoke;"
        "assert run(main, ['--help']).exit_code == run(main, ['--version']).exit_code == 0;"
        "assert run(main, ['run', '--help']).exit_code == 0;"
        "assert run(main, ['compare', '--help']).exit_code == 0;"
        f"assert not {heavy}, {heavy}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
