"""Both sides run, one after the other, each on its own; then the verdict."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prefect_compat.errors import ComparisonError
from prefect_compat.parity.injection import Fault
from prefect_compat.parity.record import Record
from prefect_compat.parity.side import SideTask, run_side
from prefect_compat.parity.verdict import Verdict, compare
from prefect_compat.project import Project

SIDES = {
    "dagster": "prefect_compat.parity.run_dagster",
    "prefect": "prefect_compat.parity.run_prefect",
}
SHOWN_FINDINGS = 20


@dataclass(frozen=True)
class Work:
    """What both sides run."""

    project: Project
    job: str
    partition: str | None
    run_config: str | None
    store_variables: tuple[str, ...]
    ignored_metadata: tuple[str, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True)
class Comparison:
    """Both records and the verdict on them."""

    work: Work
    dagster: Record
    prefect: Record
    verdict: Verdict


def compare_sides(work: Work, folder: Path, log: Callable[[str], None]) -> Comparison:
    """Runs the work under Dagster, then under Prefect, each in its own folder of `folder`.

    Raises ComparisonError where a side left no record, or where nothing keeps the stores apart.
    """
    if not work.store_variables:
        raise ComparisonError(
            "Nothing keeps the two stores apart, so one side could pass on what the other wrote."
            " Name the environment variable that says where the project stores its outputs:"
            ' --store-env MY_STORE, or store_env = ["MY_STORE"] in [tool.prefect-compat] of'
            " pyproject.toml (DAGSTER_HOME where Dagster's default IO manager is used)."
        )
    records = {}
    for side, module in SIDES.items():
        log(f"{side}: running {work.job} {work.partition or ''}")
        task = SideTask(
            project=work.project,
            job=work.job,
            partition=work.partition,
            run_config=work.run_config,
            record=str(folder / f"{side}.json"),
            home=str(folder / side),
            fault=work.fault,
            ignored_metadata=work.ignored_metadata,
        )
        records[side] = run_side(module, task, work.store_variables)
        log(f"{side}: {len(records[side].outputs)} outputs in {records[side].cost.wall_s:.1f} s")
    if work.fault is not None:
        _demand_step(work.fault, records["dagster"])
    verdict = compare(**records, expects_failure=work.fault is not None)
    return Comparison(work, **records, verdict=verdict)


def _demand_step(fault: Fault, record: Record) -> None:
    names = {step.name for step in record.steps}
    if fault.step not in names:
        raise ComparisonError(
            f"'{fault.step}' is to fail, and is no step of the job. Its steps are"
            f" {', '.join(sorted(names))}."
        )


def describe(comparison: Comparison) -> str:
    """The verdict for a terminal: a table of the assets, the differences, one closing line."""
    verdict = comparison.verdict
    width = max([len(asset.asset) for asset in verdict.assets], default=5)
    lines = [f"{'asset':<{width}}  dagster  prefect  identical"]
    lines += [
        f"{asset.asset:<{width}}  {asset.dagster:>7}  {asset.prefect:>7}  {asset.identical:>9}"
        for asset in verdict.assets
    ]
    lines += [f"  {finding}" for finding in verdict.findings[:SHOWN_FINDINGS]]
    if len(verdict.findings) > SHOWN_FINDINGS:
        lines.append(f"  and {len(verdict.findings) - SHOWN_FINDINGS} more differences")
    work = comparison.work
    noun = _noun(work.partition)
    holds = "Parity holds" if verdict.holds else "Parity does not hold"
    lines.append(
        f"{holds}: both stores have identical content for {verdict.identical} of"
        f" {verdict.compared} {noun}" + (f" after {work.fault}." if work.fault else ".")
    )
    return "\n".join(lines)


def _noun(partition: str | None) -> str:
    if partition is None:
        return "assets"
    is_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.{3}\d{4}-\d{2}-\d{2})?", partition)
    return "asset-days" if is_day else "asset partitions"
