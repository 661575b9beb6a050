"""The files around the code: packaging, deployments, tests, and what was not carried over."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import packages_distributions, version
from textwrap import dedent

import dagster as dg

from prefect_compat.eject.header import Origin
from prefect_compat.eject.literals import literal
from prefect_compat.graph.plan import Plan


def pyproject(
    name: str, libraries: Iterable[str], variables: Sequence[str], moved: Mapping[str, str]
) -> str:
    """`pyproject.toml`: the libraries that the code imports, and how it is tested and compared.

    `variables` say where values are stored; `moved` are modules that took over another's classes.
    """
    found = {"prefect": version("prefect")}
    for distribution in _distributions_of(libraries):
        if not distribution.startswith(("dagster", "prefect-compat")):
            found[distribution.lower()] = version(distribution)
    dependencies = "".join(
        f"    {json.dumps(f'{distribution}>={number}')},\n"
        for distribution, number in sorted(found.items())
    )
    compared = f"\n[tool.prefect-compat]\nstore_env = {json.dumps(list(variables))}\n"
    compared += "compare_files = true\n"
    if moved:
        compared += "\n[tool.prefect-compat.moved_modules]\n"
        compared += "".join(f'"{new}" = "{old}"\n' for new, old in sorted(moved.items()))
    text = dedent(
        f"""\
        [project]
        name = {json.dumps(name.replace("_", "-"))}
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = [
        DEPENDENCIES]

        [project.optional-dependencies]
        test = ["pytest>=8"]

        [tool.pytest.ini_options]
        pythonpath = ["."]
        testpaths = ["tests"]

        [tool.ruff]
        line-length = 100

        [tool.ruff.lint]
        ignore = ["B008"] # configurations are frozen: one may be the default of a parameter

        # Prefect's overloads of `submit` know no `wait_for`, nor its flows a typed task runner.
        [[tool.mypy.overrides]]
        module = ["flows.*"]
        disable_error_code = ["call-overload", "arg-type"]
        """
    ).replace("DEPENDENCIES", dependencies)
    text += compared if variables or moved else ""
    tomllib.loads(text)  # names of distributions come from elsewhere
    return text


def _distributions_of(modules: Iterable[str]) -> list[str]:
    """The distributions that modules belong to; those of the standard library have none."""
    known = packages_distributions()
    return sorted({name for module in modules for name in known.get(module.partition(".")[0], ())})


def prefect_yaml(name: str, entrypoint: str, schedules: Sequence[dg.ScheduleDefinition]) -> str:
    """`prefect.yaml`: a deployment of the flow with the job's schedules."""
    lines = [
        f"name: {json.dumps(name)}",
        "deployments:",
        f"  - name: {json.dumps(name)}",
        f"    entrypoint: {json.dumps(entrypoint)}",
        "    work_pool:",
        "      name: default",
    ]
    crons = [(cron, schedule) for schedule in schedules for cron in _crons(schedule)]
    if crons:
        lines.append("    schedules:")
    for cron, schedule in crons:
        zone = schedule.execution_timezone or "UTC"
        active = schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        lines += [
            f"      - cron: {json.dumps(cron)}",
            f"        timezone: {json.dumps(zone)}",
            f"        active: {'true' if active else 'false'}",
        ]
    return "\n".join(lines) + "\n"


def _crons(schedule: dg.ScheduleDefinition) -> list[str]:
    cron = schedule.cron_schedule
    return [cron] if isinstance(cron, str) else list(cron)


def test_file(
    flow: str, module: str, plan: Plan, partition: str | None, variables: Sequence[str]
) -> str:
    """`tests/test_flow.py`: runs the flow once, and looks at each task."""
    parameter = "partition" if plan.partitions_per_run is None else "partition_key"
    call = f"{flow}({parameter}={literal(partition)}" if partition else f"{flow}("
    stores = "".join(
        f'        patch.setenv({literal(name)}, str(folder / "store"))\n' for name in variables
    )
    names = literal([step.label.replace("[?]", "") for step in plan.steps])
    return (
        dedent(
            f'''\
            """The flow runs, and each of its tasks succeeds."""

            from collections.abc import Iterator
            from typing import Any

            import pytest
            from prefect.client.orchestration import get_client
            from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
            from prefect.testing.utilities import prefect_test_harness

            from {module} import {flow}

            TASKS = {names}


            @pytest.fixture(scope="module")
            def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
                """The states in which the runs of each task ended."""
                folder = tmp_path_factory.mktemp("store")
                harness = prefect_test_harness(server_startup_timeout=120)
                with pytest.MonkeyPatch.context() as patch, harness:
            STORES
                    state: Any = CALL
                    with get_client(sync_client=True) as client:
                        runs = client.read_task_runs(
                            flow_run_filter=FlowRunFilter(
                                id=FlowRunFilterId(any_=[state.state_details.flow_run_id])
                            )
                        )
                    found: dict[str, list[str]] = {{}}
                    for run in runs:
                        task = max((name for name in TASKS if run.name.startswith(name)), key=len)
                        state_type = run.state_type.value if run.state_type else ""
                        found.setdefault(task, []).append(state_type)
                    yield found


            @pytest.mark.parametrize("name", TASKS)
            def test_the_task_succeeds(name: str, states: dict[str, list[str]]) -> None:
                assert set(states[name]) == {{"COMPLETED"}}
            '''
        )
        .replace("STORES\n", stores)
        .replace("CALL", f"{call}{', ' if partition else ''}return_state=True)")
    )


def not_carried(
    origin: Origin,
    refused: Mapping[str, str],
    left: Sequence[tuple[str, str, str]],
    kept: Iterable[str],
) -> str:
    """`NOT_CARRIED.md`: what was left, why, and what to do."""
    lines = ["# What was not carried over", "", *origin.lines(), ""]
    if refused:
        lines += ["## Steps to write by hand", ""]
        lines += [f"- **{name}**: {reason}" for name, reason in sorted(refused.items())]
        lines.append("")
    lines += ["## Features of the definitions", ""]
    if left:
        lines += ["| feature | where | what to do |", "|---|---|---|"]
        lines += [f"| {feature} | {where} | {what} |" for feature, where, what in left]
    else:
        lines.append("Nothing was left.")
    modules = sorted(kept)
    if modules:
        lines += [
            "",
            "## Modules that are imported as they are",
            "",
            "They do not import Dagster. Make them importable where the flow runs, or pass"
            " `--vendor` to copy what is needed of them.",
            "",
            *(f"- `{name}`" for name in modules),
        ]
    return "\n".join(lines) + "\n"
