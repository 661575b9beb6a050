"""Flows that are recorded, written and loaded in the test's process."""

import importlib.util
from pathlib import Path

import dagster as dg

from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.flow_module import FlowModule
from prefect_compat.skeleton.recording import RecordingTask, record_flow
from prefect_compat.skeleton.skeleton import SkeletonOptions, write_skeleton
from tests.prefect_compat.skeleton.shop import write_shop


def record(
    flow: str, parameters: str = "{}", partition: str | None = None, parameter: str | None = None
) -> RecordedFlow:
    return record_flow(RecordingTask(flow, parameters, partition, parameter, None, "unused"))


def record_code(folder: Path, code: str, partition: str | None = None) -> RecordedFlow:
    """The record of the flow `daily` in a file of this code."""
    text = "from prefect import flow, task\n" + code
    return record(f"{write_shop(folder, text, 'own_flows')}:daily", partition=partition)


def write(folder: Path, recorded: RecordedFlow, partition: str | None = None) -> Path:
    """The written definitions, as a file beside the flow."""
    entrypoint = next(str(path) for path in folder.glob("*_flows.py")) + ":flow"
    options = SkeletonOptions(entrypoint, "out", partition=partition)
    written = write_skeleton(recorded, FlowModule.of(entrypoint), "", options)
    path = folder / "written_definitions.py"
    path.write_text(written.files["definitions.py"], encoding="utf-8")
    return path


def load(path: Path) -> dg.Definitions:
    """The definitions in a file."""
    spec = importlib.util.spec_from_file_location("written_definitions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dg.Definitions = module.defs
    return found
