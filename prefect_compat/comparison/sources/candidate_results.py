"""The outputs of a candidate flow: what its tasks returned, as Prefect has stored it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import TaskRun

from prefect_compat.comparison.sources.candidate_steps import FlowRunOf, step_ids
from prefect_compat.comparison.sources.matching import Matching, StepFacts, ValueFacts
from prefect_compat.flow.prefect_port import stored_result
from prefect_compat.graph.ids import OutputId, StepId, StepOutputId, ValueId, parse_value_id

# In a side's home: where the value of each output is.
RESULTS = "results.json"


@dataclass(frozen=True)
class TaskResult:
    """The file of a task's persisted result, or the value of one key in it."""

    file: str
    key: str | None = None

    def value(self) -> Any:
        """Reads the file, which may run code of the candidate's modules."""
        whole = stored_result(Path(self.file))
        return whole if self.key is None else whole[self.key]


def results_of(
    home: Path, steps: Iterable[StepFacts], runs: Iterable[FlowRunOf], matching: Matching
) -> Iterator[tuple[ValueId, TaskResult | None]]:
    """The result of each task that stands for a step with outputs; None for one without a value.

    A task with several outputs returns a mapping, by the names of the outputs or the assets; one
    with a dynamic output returns a mapping, by the mapping keys.
    """
    by_name = {step.name: step for step in steps}
    for flow_run in runs:
        ids = step_ids(flow_run, matching)
        for run in flow_run.task_runs:
            step_id = ids.get(run.id)
            step = by_name.get(step_id.name) if step_id else None
            file = _file(home, run)
            if step is None or step_id is None or file is None:
                continue
            for output, result in _outputs(step, step_id, flow_run.run, TaskResult(file)):
                key = flow_run.partition if step.is_partitioned else None
                is_asset = isinstance(output, OutputId)
                yield OutputId(output.asset_key, key) if is_asset else output, result


def _file(home: Path, run: TaskRun) -> str | None:
    """The file with the result of a run that succeeded and returned one."""
    if run.state is None or not run.state.is_completed():
        return None
    key = getattr(run.state.data, "storage_key", None)
    return str(home / "results" / key) if key is not None else None


def _outputs(
    step: StepFacts, step_id: StepId, run: int, result: TaskResult
) -> Iterator[tuple[Any, TaskResult | None]]:
    for output in step.outputs:
        if output.asset is not None and not output.has_value:
            yield OutputId(output.asset), None
    outputs = [output for output in step.outputs if output.has_value]
    if len(outputs) == 1 and not outputs[0].is_dynamic:
        yield _identity(outputs[0], step_id, run), result
        return
    value = result.value() if outputs else None
    if not isinstance(value, Mapping):
        return
    for output in outputs:
        if output.is_dynamic:
            for key in value:
                identity = StepOutputId(run, step_id, output.name, str(key))
                yield identity, TaskResult(result.file, key)
            continue
        name = next((name for name in output.names if name in value), None)
        if name is not None:
            yield _identity(output, step_id, run), TaskResult(result.file, name)


def _identity(output: ValueFacts, step_id: StepId, run: int) -> ValueId:
    if output.asset is not None:
        return OutputId(output.asset)
    return StepOutputId(run, step_id, output.name)


def write_results(home: Path, results: Mapping[ValueId, TaskResult | None]) -> None:
    """Keeps where the results are, for a process that reads them later."""
    places = {str(output): asdict(result) for output, result in results.items() if result}
    (home / RESULTS).write_text(json.dumps(places), encoding="utf-8")


def load_results(home: Path) -> dict[ValueId, TaskResult]:
    """Reads the places that `write_results` has kept."""
    places: Mapping[str, Mapping[str, str]] = json.loads((home / RESULTS).read_text())
    return {parse_value_id(text): TaskResult(**place) for text, place in places.items()}
