"""A project that other processes can import: what a process pool or Dask needs."""

import os

import dagster as dg

from tests.prefect_compat.graphs import JsonStore


class Process(dg.ConfigurableResource["Process"]):
    """Tells in which process it was set up."""

    @property
    def pid(self) -> int:
        return os.getpid()


class Size(dg.Config):
    size: int = 1


@dg.asset
def first(config: Size) -> int:
    return config.size


@dg.asset
def second(first: int, process: Process) -> list[int]:
    return [first + 1, process.pid]


@dg.op(out=dg.DynamicOut(int))
def pieces(first: int):  # type: ignore[no-untyped-def]  # Dagster reads the annotation
    for number in range(first):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.op
def square(value: int) -> int:
    return value**2


@dg.op
def total(values: list[int]) -> int:
    return sum(values)


@dg.graph_asset
def squares(first: int) -> int:
    return total(pieces(first).map(square).collect())  # type: ignore[no-any-return]


attempts: list[int] = []


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1), deps=[squares])
def flaky() -> int:
    attempts.append(1)
    if len(attempts) % 2:
        raise ValueError("not yet")
    return len(attempts)


defs = dg.Definitions(
    [first, second, squares, flaky],
    jobs=[dg.define_asset_job("the_job")],
    resources={
        "io_manager": JsonStore(root=dg.EnvVar("IMPORTABLE_STORE")),
        "process": Process(),
    },
)
