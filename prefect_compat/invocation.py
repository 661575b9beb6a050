"""One step: its inputs loaded, the asset's own function called, its output stored.

The function is called through Dagster's direct invocation, which does the type checks, the
config and the resources. What direct invocation leaves out (input and output through IO managers,
metadata of one partition, the log) is added here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.op_invocation import direct_invocation_result
from dagster._core.definitions.utils import NoValueSentinel
from dagster._core.execution.context.invocation import (
    DirectAssetCheckExecutionContext,
    DirectAssetExecutionContext,
    DirectOpExecutionContext,
)

from prefect_compat import io_managers
from prefect_compat.errors import StepError
from prefect_compat.execution import Execution
from prefect_compat.plan import CheckId, OutputId, Step, assets_def_of

METADATA = Mapping[str, Any]


@dataclass(frozen=True)
class Materialization:
    """What a step made of one asset for one partition."""

    output: OutputId
    data_version: str | None
    metadata: METADATA


@dataclass(frozen=True)
class CheckEvaluation:
    """The result of one check, over the partitions of the run."""

    check: CheckId
    passed: bool
    severity: str
    blocking: bool
    description: str | None
    metadata: METADATA

    @property
    def stops_downstream(self) -> bool:
        return self.blocking and not self.passed and self.severity == "ERROR"


@dataclass(frozen=True)
class StepResult:
    """What a step made: references, never the values, which lie where the IO managers put them."""

    step: str
    materializations: tuple[Materialization, ...] = ()
    checks: tuple[CheckEvaluation, ...] = ()


class StepOpContext(DirectOpExecutionContext):
    """Direct invocation's context for a step of a flow run."""

    def __init__(self, execution: Execution, step: Step, config: METADATA, log: Any) -> None:
        keys = execution.keys if step.partitions else None
        one = keys is not None and len(keys) == 1
        super().__init__(
            op_config=dict(config) or None,
            # Already initialised, so passed on as they are, not to be set up a second time.
            resources_dict={
                key: dg.ResourceDefinition.hardcoded_resource(getattr(execution.resources, key))
                for key in step.resource_keys
            },
            resources_config={},
            instance=execution.instance,
            partition_key=keys[0] if keys and one else None,
            partition_key_range=dg.PartitionKeyRange(keys[0], keys[-1])
            if keys and not one
            else None,
            mapping_key=None,
            run_tags=execution.tags,
            event_loop=None,
        )
        self._step_log = log
        self._keys = keys
        self._step_run_id = execution.run_id
        self.step_assets_def = assets_def_of(execution.job, step.name)

    def bind(
        self,
        op_def: dg.OpDefinition,
        pending_invocation: Any,
        assets_def: dg.AssetsDefinition | None,
        config_from_args: METADATA | None,
        resources_from_args: METADATA | None,
    ) -> "StepOpContext":
        """Binds to the op without the asset's own resource definitions: the flow run has set
        them up, and direct invocation refuses to be given both."""
        super().bind(op_def, pending_invocation, None, config_from_args, resources_from_args)
        bound = self._per_invocation_properties
        assert bound is not None
        self._per_invocation_properties = bound._replace(assets_def=self.step_assets_def)
        return self

    @property
    def log(self) -> Any:
        return self._step_log

    @property
    def run_id(self) -> str:
        return self._step_run_id

    @property
    def partition_keys(self) -> list[str]:
        if self._keys is None:
            raise dg.DagsterInvariantViolationError("This run is not partitioned.")
        return list(self._keys)


class StepAssetContext(DirectAssetExecutionContext):
    """Adds metadata of one partition to what direct invocation's context can do."""

    def __init__(self, op_context: StepOpContext) -> None:
        super().__init__(op_context)
        self.metadata_of_asset: dict[str, Any] = {}
        self.metadata_by_partition: dict[str, dict[str, Any]] = {}

    def add_asset_metadata(
        self,
        metadata: METADATA,
        asset_key: Any = None,
        partition_key: str | None = None,
    ) -> None:
        if partition_key is None:
            self.metadata_of_asset.update(metadata)
        else:
            self.metadata_by_partition.setdefault(partition_key, {}).update(metadata)


def run_step(execution: Execution, step: Step, config: METADATA, log: Any) -> StepResult:
    """Runs one step for the partitions of the flow run.

    Raises whatever the user's function raises; StepError where it returns what cannot be read.
    """
    inputs = {
        entry.name: io_managers.load(execution, step, entry)
        for entry in step.inputs
        if entry.is_value
    }
    op_context = StepOpContext(execution, step, config, log)
    if not step.asset_keys:
        check_context = DirectAssetCheckExecutionContext(op_context)
        returned = _called(check_context, inputs)
        return StepResult(step.name, checks=(_evaluation(execution, step, returned),))
    context = StepAssetContext(op_context)
    returned = _called(context, inputs)
    return StepResult(step.name, _stored(execution, step, context, returned))


def _called(context: Any, inputs: METADATA) -> Any:
    """What the function returns, type-checked by Dagster."""
    return direct_invocation_result(context.op_execution_context.step_assets_def, context, **inputs)


def _evaluation(execution: Execution, step: Step, returned: Any) -> CheckEvaluation:
    if not isinstance(returned, dg.AssetCheckResult):
        returned = dg.AssetCheckResult(passed=bool(returned))
    (check,) = step.check_keys
    (spec,) = assets_def_of(execution.job, step.name).check_specs
    return CheckEvaluation(
        check=check,
        passed=returned.passed,
        severity=returned.severity.value,
        blocking=spec.blocking,
        description=returned.description,
        metadata=returned.metadata or {},
    )


def _stored(
    execution: Execution, step: Step, context: StepAssetContext, returned: Any
) -> tuple[Materialization, ...]:
    """Stores what the function returned, unless Dagster would not, and says what was made."""
    value, metadata, data_version = _unwrapped(step, returned)
    of_store: METADATA = {}
    if value is not NoValueSentinel:
        of_store = io_managers.store(execution, step, value)
    of_asset = {**metadata, **of_store, **context.metadata_of_asset}
    (asset_key,) = step.asset_keys
    keys = execution.keys if step.partitions and execution.keys else (None,)
    return tuple(
        Materialization(
            OutputId(asset_key, key),
            data_version,
            {**of_asset, **context.metadata_by_partition.get(key or "", {})},
        )
        for key in keys
    )


def _unwrapped(step: Step, returned: Any) -> tuple[Any, METADATA, str | None]:
    """Value, metadata and data version of a bare value, an Output or a MaterializeResult."""
    if isinstance(returned, dg.MaterializeResult):
        if returned.check_results:
            raise StepError(
                f"{step.name}: check results inside a MaterializeResult are not read yet."
            )
        version = returned.data_version.value if returned.data_version else None
        return returned.value, returned.metadata or {}, version
    if isinstance(returned, dg.Output):
        version = returned.data_version.value if returned.data_version else None
        return returned.value, returned.metadata or {}, version
    return returned, {}, None
