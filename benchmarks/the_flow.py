"""The cost of a derived flow, its build time, and the cost of `materialize`.

The derived and the hand-written flow have the same bodies and task runner, and run against one
server, in turns: a layered graph of small assets that keep their values in JSON files. The
hand-written flow materializes the same assets, passes the values between its tasks and writes the
same files. Once with tasks that wait, and once with 1,000 tasks of no work.

`materialize` runs small projects of 1 to 3 assets in turn with `dagster.materialize` and with bare
Prefect flows of as many empty tasks, which are Prefect's own floor. CPU is that of this process
alone; the rest of the time is the server's.
"""

import argparse
import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import prefect
import prefect.assets
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from benchmarks.measuring import Timings, report, take_turns
from prefect_compat import as_flow, materialize
from prefect_compat.server.api import named_server
from prefect_compat.server.temporary import (
    SERVER_ENVIRONMENT,
    TemporaryServer,
    database_in,
    prefect_environment,
)

SETTLE_S = 2.0
SETTLE_LIMIT_S = 300.0
SMALL = (1, 2, 3)  # the numbers of assets of the small projects


@dataclass(frozen=True)
class Shape:
    """A layered graph: each asset past the first layer takes two of the layer before."""

    layers: int
    width: int
    body_s: float

    @property
    def tasks(self) -> int:
        return self.layers * self.width

    def work(self, inputs: list[int]) -> int:
        """The body of every asset and task: it waits a little, like a disk or a network."""
        if self.body_s:
            time.sleep(self.body_s)
        return 1 + sum(inputs)

    def names(self, layer: int) -> list[str]:
        return [f"a{layer}_{place}" for place in range(self.width)]

    def upstream_of(self, layer: int, place: int) -> list[str]:
        if layer == 0:
            return []
        return [f"a{layer - 1}_{place}", f"a{layer - 1}_{(place + 1) % self.width}"]


WAITING = Shape(8, 8, 0.1)
IDLE = Shape(10, 100, 0.0)


class JsonFiles(dg.ConfigurableIOManager):
    """Stores each asset in one file."""

    root: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        Path(self.root, f"{context.asset_key.path[-1]}.json").write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        return json.loads(Path(self.root, f"{context.asset_key.path[-1]}.json").read_text())


def derived(shape: Shape, root: str) -> prefect.Flow[..., Any]:
    assets = []
    for layer in range(shape.layers):
        for place, name in enumerate(shape.names(layer)):
            ins = {
                f"i{i}": dg.AssetIn(key) for i, key in enumerate(shape.upstream_of(layer, place))
            }

            @dg.asset(name=name, ins=ins)
            def made(**inputs: Any) -> int:
                return shape.work(list(inputs.values()))

            assets.append(made)
    defs = dg.Definitions(
        assets,
        jobs=[dg.define_asset_job("derived")],
        resources={"io_manager": JsonFiles(root=root)},
    )
    # By threads, like the other: by itself it would take as many as Dagster's executor processes.
    return as_flow(defs, job="derived", task_runner="threads")


def hand_written(shape: Shape, root: str) -> prefect.Flow[..., Any]:
    def task(name: str) -> Any:
        @prefect.assets.materialize(f"dagster://assets/{name}", cache_policy=NO_CACHE, name=name)
        def made(inputs: list[int]) -> int:
            value = shape.work(inputs)
            Path(root, f"{name}.json").write_text(json.dumps(value))
            return value

        return made

    tasks = {name: task(name) for layer in range(shape.layers) for name in shape.names(layer)}

    @prefect.flow(name="hand-written")
    def flow() -> None:
        futures: dict[str, Any] = {}
        for layer in range(shape.layers):
            for place, name in enumerate(shape.names(layer)):
                inputs = [futures[key] for key in shape.upstream_of(layer, place)]
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


def chain(count: int) -> list[dg.AssetsDefinition]:
    """A small project: each asset takes the one before."""

    def asset(number: int) -> dg.AssetsDefinition:
        ins = {"before": dg.AssetIn(f"c{number - 1}")} if number else {}

        @dg.asset(name=f"c{number}", ins=ins)
        def made(**inputs: int) -> int:
            return 1 + sum(inputs.values())

        return made

    return [asset(number) for number in range(count)]


def bare_flow(count: int) -> prefect.Flow[..., Any]:
    """As many tasks as `chain` has assets, with nothing around them."""

    @prefect.task(cache_policy=NO_CACHE)
    def made(inputs: list[int]) -> int:
        return 1 + sum(inputs)

    @prefect.flow(
        name="bare", flow_run_name="bare", task_runner=ThreadPoolTaskRunner(max_workers=1)
    )
    def flow() -> None:
        futures: list[Any] = []
        for _ in range(count):
            futures.append(made.submit(futures[-1:]))
        for future in futures:
            future.wait()

    return flow


def timed(run: Callable[[], Any]) -> Callable[[], float]:
    def call() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return call


@dataclass
class Settling:
    """Waits after each run until the server has recorded all its tasks, and a little more.

    Otherwise a run would pay for the events of the run before it.
    """

    url: str
    recorded: int = 0

    def after(self, run: Callable[[], float], tasks: int) -> Callable[[], float]:
        def call() -> float:
            seconds = run()
            self.recorded += tasks
            until = time.monotonic() + SETTLE_LIMIT_S
            while self._count() < self.recorded and time.monotonic() < until:
                time.sleep(0.5)
            time.sleep(SETTLE_S)
            return seconds

        return call

    def _count(self) -> int:
        completed = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        try:
            answer = httpx.post(f"{self.url}/task_runs/count", json=completed, timeout=60)
        except httpx.HTTPError:  # it is busy
            return 0
        return int(answer.json()) if answer.is_success else 0


def built(count: int) -> Callable[[], float]:
    def call() -> float:
        defs = many_assets(count)
        defs.resolve_job_def("many")  # Dagster's own part, the same under Dagster
        return timed(lambda: as_flow(defs, job="many"))()

    return call


def run_both(shape: Shape, root: str, settling: Settling, rounds: int) -> dict[str, Timings]:
    """Times both flows in turns, after a first run of each."""
    flows = {"hand-written flow": hand_written(shape, root), "derived flow": derived(shape, root)}
    runs = {n: settling.after(timed(flow), shape.tasks) for n, flow in flows.items()}
    for run in runs.values():
        run()
    return take_turns(runs, rounds)


def small_projects(rounds: int) -> tuple[dict[str, Timings], dict[str, Timings]]:
    """Wall times, and CPU times of this process, of one project of each size in `SMALL`."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    contestants: Mapping[str, Callable[[int], Any]] = {
        "dagster.materialize": lambda count: dg.materialize(chain(count)),
        "prefect_compat.materialize": lambda count: materialize(chain(count)),
        "bare Prefect flow": lambda count: bare_flow(count)(),
    }
    cpu: dict[str, list[float]] = {name: [] for name in contestants}

    def run(name: str) -> None:
        started = time.process_time()
        for count in SMALL:
            contestants[name](count)
        cpu[name].append(time.process_time() - started)

    for name in contestants:
        run(name)
    wall = take_turns({name: timed(lambda n=name: run(n)) for name in contestants}, rounds)
    return wall, {name: Timings(name, tuple(times[1:])) for name, times in cpu.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=IDLE.tasks, help="of no work, in 10 layers")
    arguments = parser.parse_args()
    rounds: int = arguments.rounds
    idle = replace(IDLE, width=max(1, arguments.tasks // IDLE.layers))
    warnings.simplefilter("ignore")
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        environment = {**prefect_environment(os.environ, home), **SERVER_ENVIRONMENT}
        server = TemporaryServer(environment, database_in(home), log=home / "server.log")
        opened.callback(server.stop)
        opened.enter_context(named_server(server.url))
        opened.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
        wall, cpu = small_projects(4 * rounds)
        note = "projects of 1, 2 and 3 assets"
        report("materialize", wall, "dagster.materialize", note)
        report("materialize_cpu", cpu, "dagster.materialize", f"{note}, without the server")
        settling = Settling(server.url, recorded=2 * sum(SMALL) * (4 * rounds + 1))
        waiting = run_both(WAITING, str(home), settling, rounds)
        report("the_flow", waiting, "hand-written flow", f"64 tasks of {WAITING.body_s} s")
        timings = run_both(idle, str(home), settling, rounds)
        report("the_flow_idle", timings, "hand-written flow", f"{idle.tasks} tasks of no work")
        beyond = timings["derived flow"].median - timings["hand-written flow"].median
        print(f"\nBeyond the hand-written flow: {1000 * beyond / idle.tasks:.2f} ms a task.")
    counts = {"1,000 assets": 1_000, "10,000 assets": 10_000}
    builds = take_turns({name: built(count) for name, count in counts.items()}, 1)
    report("building_a_flow", builds, "1,000 assets", "after Dagster has resolved the job")


if __name__ == "__main__":
    main()
