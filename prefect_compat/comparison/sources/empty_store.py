"""The project in an environment whose store is empty, to find out what lies outside of it.

A side of a comparison writes below its own folder because the store variables say so. Where one is
misspelt, or an IO manager has a fixed path, both sides write to the real store, and each reads back
what the other wrote. An output that can be read although the store is empty is not kept apart.
"""

import difflib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from prefect_compat.comparison.diff.declared import keys_of_assets
from prefect_compat.comparison.fingerprint.fingerprint import fingerprint
from prefect_compat.comparison.record.contents import open_store
from prefect_compat.comparison.record.record import Record
from prefect_compat.comparison.sources.side import add_dynamic_partitions, side_environment
from prefect_compat.comparison.sources.stores import stores_of
from prefect_compat.comparison.sources.work import Work
from prefect_compat.engine.dagster_port.graph import asset_metadata, parse_step_key
from prefect_compat.engine.dagster_port.run_config import merged_config
from prefect_compat.engine.run import run_instance
from prefect_compat.errors import ComparisonError
from prefect_compat.flow.parameters import run_config_of
from prefect_compat.graph.features import validate_carried_over
from prefect_compat.graph.ids import OutputId, StepId, StepOutputId, ValueId
from prefect_compat.graph.job import read_plan, resolve_job
from prefect_compat.graph.partitions import DynamicKeys, chunks, dynamic_names, run_keys

REMEDY = (
    "Name the variable that says where it stores (--store-env), or let its IO manager take its"
    ' place from one (`base_dir=dg.EnvVar("MY_STORE")`). Nothing was run.'
)

NO_RUN = "00000000-0000-0000-0000-000000000000"


class EmptyStore:
    """The work's job, loaded with the store variables pointing to an empty folder."""

    def __init__(self, work: Work, home: Path) -> None:
        """Loads the project and checks everything that can be checked before anything is run.

        Raises DefinitionError, PartitionError, ConfigError and ComparisonError, each naming what
        to correct.
        """
        self._work = work
        self._environment = side_environment(os.environ, home, work.store_variables)
        with _reads_of_environment() as read:
            with self._entered():
                self.job = resolve_job(work.project, work.choice)
            # Outside of the empty store's environment: the keys are in the user's own instance.
            self._dynamic = _dynamic_partitions(self.job)
            # A variable of a store needs no value of the user's: each side has its own.
            given = json.loads(work.run_config)
            named = stores_of(self.job, given, work.store_variables, home).variables
            self._environment = side_environment(os.environ, home, named)
            with self._entered():
                config = self._validate()
            stores = stores_of(self.job, config, work.store_variables, home)
            stores.validate()
            self.work = replace(
                work,
                store_variables=stores.variables,
                stores=stores,
                dynamic_partitions=self._dynamic,
                rules=keys_of_assets(dict(asset_metadata(self.job))).merged(work.rules),
            )
            self._environment = side_environment(os.environ, home, stores.variables)
            placed = merged_config(config, stores.run_config(home))
            self._resources: Mapping[str, Any] = placed.get("resources", {})
            with self._entered():
                self._validate_store(read)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The partitions of the work; None if the job has none."""
        return self._keys

    @property
    def not_made(self) -> tuple[str, ...]:
        """The assets that the job loads and does not make."""
        plan = read_plan(self.job)
        made = {output.asset_key for step in plan.steps for output in step.outputs}
        loaded = {
            entry.asset_key
            for step in plan.steps
            for entry in step.inputs
            if entry.asset_key is not None and entry.is_value
        }
        return tuple("/".join(key) for key in sorted(loaded - made))

    def keys_of(self, partition: str | None) -> tuple[str, ...] | None:
        """The partitions that a partition argument stands for; None if the job has none."""
        with run_instance() as instance:
            add_dynamic_partitions(instance, self._dynamic)
            return run_keys(self.job, partition, instance if self._dynamic else None)

    def marked(self, record: Record) -> Record:
        """The record, with each output marked that does not lie in its side's own store."""
        with self._entered():
            return self._marked(record)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        with patch.dict(os.environ, self._environment, clear=True):
            yield

    def _validate(self) -> Mapping[str, Any]:
        """Checks fault, partition and configuration; the configuration of the first run."""
        work, job = self._work, self.job
        validate_carried_over(job)
        plan = read_plan(job)
        names = {step.name for step in plan.steps}
        if work.fault is not None and parse_step_key(work.fault.step).name not in names:
            raise ComparisonError(
                f"'{work.fault.step}' is to fail, and is no step of the job. Its steps are"
                f" {', '.join(sorted(names))}. Nothing was run."
            )
        self._keys = self.keys_of(work.partition)
        if work.empty_partition is not None:
            self.keys_of(work.empty_partition)
        config = json.loads(work.run_config)
        runs = list(chunks(self._keys, plan.partitions_per_run)) if self._keys else [None]
        # Only a partitioned configuration differs by run; otherwise one check serves for all.
        configs = [
            run_config_of(job, config, {}, keys)
            for keys in (runs if job.partitioned_config else runs[:1])
        ]
        return configs[0]

    def _validate_store(self, read: "Reads") -> None:
        """Raises ComparisonError where the store variables cannot be those of the store."""
        for output, value in self._readable(self._outputs(), (NO_RUN,)):
            if not _is_empty(value):
                raise ComparisonError(
                    f"{output.label} can be read although the store is empty, so it does not lie"
                    f" where {self.work.stores.words if self.work.stores else ''} says: both sides"
                    f" would write to one place. {REMEDY}"
                )
        variables = self._work.store_variables
        for name in variables:
            others = read.by_name.difference(variables)
            close = difflib.get_close_matches(name, others, n=1, cutoff=0.75)
            # A variable may be read only in a copy of the whole environment. So one is refused
            # if it looks misspelt, or if none of them was read in any way.
            is_misspelt = close and name not in read.by_name
            if is_misspelt or (variables and read.at_all.isdisjoint(variables)):
                meant = f" Did you mean {close[0]}?" if close else ""
                raise ComparisonError(
                    f"The project never reads {name}, so it cannot say where the outputs are"
                    f" stored.{meant} {REMEDY}"
                )

    def _outputs(self) -> Iterator[ValueId]:
        """Yields the outputs of the job in these partitions; op outputs have no real run."""
        for step in read_plan(self.job).steps:
            for output in step.outputs:
                if output.asset_key is not None:
                    keys = self._keys if step.partitions and self._keys else (None,)
                    yield from (OutputId(output.asset_key, key) for key in keys)
                elif output.check_key is None:
                    mapping_key = "key" if output.is_dynamic else None
                    yield StepOutputId(0, StepId(step.name), output.name, mapping_key)

    def _marked(self, record: Record) -> Record:
        outputs = {entry.output: entry.fingerprint for entry in record.outputs if entry.has_content}
        if not record.files:  # the side wrote nothing, so none of it lies there
            elsewhere = set(outputs)
        else:
            values = self._readable(outputs, record.run_ids)
            # An IO manager may return a default where it finds nothing, so the content must match.
            elsewhere = {
                output for output, value in values if fingerprint(value).same_as(outputs[output])
            }
        return replace(
            record,
            outputs=tuple(
                replace(entry, is_kept_apart=False) if entry.output in elsewhere else entry
                for entry in record.outputs
            ),
        )

    def _readable(
        self, outputs: Iterable[ValueId], run_ids: tuple[str, ...] = ()
    ) -> Iterator[tuple[ValueId, Any]]:
        """Each output that can be read here, with its value."""
        try:
            with (
                run_instance() as instance,
                open_store(self.job, instance, self._resources, run_ids) as load,
            ):
                for output in outputs:
                    try:
                        value = load(output)
                    except Exception:  # an IO manager that finds nothing raises what it likes
                        continue
                    yield output, value
        except dg.DagsterError:  # a resource that needs the store to be there
            return


def _dynamic_partitions(job: dg.JobDefinition) -> DynamicKeys:
    """The keys of the job's dynamic partitions, by name, in the instance of DAGSTER_HOME."""
    names = dynamic_names(job.partitions_def)
    if not names or "DAGSTER_HOME" not in os.environ:
        return ()
    with dg.DagsterInstance.get() as instance:
        return tuple((name, tuple(instance.get_dynamic_partitions(name))) for name in names)


def _is_empty(value: Any) -> bool:
    """True for a value that IO managers return when they find nothing."""
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


@dataclass(frozen=True)
class Reads:
    """Names of environment variables that were read: in any way, and each by its own name.

    The rest was read with all others, as libraries do that copy the environment.
    """

    at_all: set[str] = field(default_factory=set)
    by_name: set[str] = field(default_factory=set)


@contextmanager
def _reads_of_environment() -> Iterator[Reads]:
    """Yields what this process reads of the environment meanwhile."""
    reads = Reads()
    environ: Any = type(os.environ)
    original = environ.__getitem__

    def reading(self: Any, name: str) -> str:
        reads.at_all.add(name)
        # `os.getenv` and `environ.get` end in `Mapping.get`, and the code of `environ["X"]` has X
        # among its constants. Code that copies the whole environment is neither.
        caller = sys._getframe(1).f_code
        if caller.co_name == "get" or name in caller.co_consts:
            reads.by_name.add(name)
        value: str = original(self, name)
        return value

    with patch.object(environ, "__getitem__", reading):
        yield reads
