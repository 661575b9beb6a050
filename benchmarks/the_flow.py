"""The cost of a derived flow: its run beside a hand-written Prefect flow, and its build time.

Both flows have the same bodies and run against the same server, in turns: a layered graph of small
assets that keep their values in JSON files. The hand-written flow materializes the same assets,
passes the values between its tasks and writes the same files.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import prefect
from prefect.assets import materialize
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from benchmarks.measuring import report, take_turns
from prefect_compat import as_flow

LAYERS, WIDTH = 8, 8
BODY_S = 0.1
SETTLE_S = 4.0


def work(inputs: list[int]) -> int:
    """The body of every asset and task: it waits a little, like a disk or a network."""
    time.sleep(BODY_S)
    return 1 + sum(inputs)


class JsonFiles(dg.ConfigurableIOManager):
    """Stores each asset in one file."""

    root: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        Path(self.root, f"{context.asset_key.path[-1]}.json").write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        return json.loads(Path(self.root, f"{context.asset_key.path[-1]}.json").read_text())


def names(layer: int) -> list[str]:
    return [f"a{layer}_{place}" for place in range(WIDTH)]


def upstream_of(layer: int, place: int) -> list[str]:
    if layer == 0:
        return []
    return [f"a{layer - 1}_{place}", f"a{layer - 1}_{(place + 1) % WIDTH}"]


def derived(root: str) -> prefect.Flow[..., Any]:
    assets = []
    for layer in range(LAYERS):
        for place, name in enumerate(names(layer)):
            ins = {f"i{i}": dg.AssetIn(key) for i, key in enumerate(upstream_of(layer, place))}

            @dg.asset(name=name, ins=ins)
            def made(**inputs: Any) -> int:
                return work(list(inputs.values()))

            assets.append(made)
    defs = dg.Definitions(
        assets,
        jobs=[dg.define_asset_job("derived")],
        resources={"io_manager": JsonFiles(root=root)},
    )
    return as_flow(defs, job="derived", task_runner="threads")


def hand_written(root: str) -> prefect.Flow[..., Any]:
    def task(name: str) -> Any:
        @materialize(f"dagster://assets/{name}", cache_policy=NO_CACHE, name=name)
        def made(inputs: list[int]) -> int:
            value = work(inputs)
            Path(root, f"{name}.json").write_text(json.dumps(value))
            return value

        return made

    tasks = {name: task(name) for layer in range(LAYERS) for name in names(layer)}

    @prefect.flow(name="hand-written")
    def flow() -> None:
        futures: dict[str, Any] = {}
        for layer in range(LAYERS):
            for place, name in enumerate(names(layer)):
                inputs = [futures[key] for key in upstream_of(layer, place)]
                futures[name] = tasks[name].submit(inputs)
        for future in futures.values():
            future.wait()

    return flow


def many_assets(count: int) -> dg.Definitions:
    """Layers of 100 assets, each with two upstream assets."""

    def asset(number: int) -> dg.AssetsDefinition:
        deps = [f"m{number - 100}", f"m{number - 99}"] if number >= 100 else []

        @dg.asset(name=f"m{number}", deps=deps)
        def made() -> None: ...

        return made

    return dg.Definitions([asset(n) for n in range(count)], jobs=[dg.define_asset_job("many")])


def timed(run: Callable[[], Any]) -> Callable[[], float]:
    def call() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return call


def settled(run: Callable[[], float]) -> Callable[[], float]:
    """The run, after a pause in which the server records the previous one."""

    def call() -> float:
        time.sleep(SETTLE_S)
        return run()

    return call


def built(count: int) -> Callable[[], float]:
    def call() -> float:
        defs = many_assets(count)
        defs.resolve_job_def("many")  # Dagster's own part, the same under Dagster
        return timed(lambda: as_flow(defs, job="many"))()

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
    quick = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with tempfile.TemporaryDirectory() as root, prefect_test_harness(180), quick:
        flows = {"hand-written flow": hand_written(root), "derived flow": derived(root)}
        for flow in flows.values():
            flow()
        timings = take_turns({name: settled(timed(flow)) for name, flow in flows.items()}, rounds)
    report("the_flow", timings, "hand-written flow", f"{LAYERS * WIDTH} tasks of {BODY_S} s")
    counts = {"1,000 assets": 1_000, "10,000 assets": 10_000}
    builds = take_turns({name: built(count) for name, count in counts.items()}, 1)
    report("building_a_flow", builds, "1,000 assets", "after Dagster has resolved the job")


if __name__ == "__main__":
    main()
