"""A small flow for skeletons: a chain, a fan-out, a wait, constants, retries, a side effect."""

from pathlib import Path

CODE = '''
from prefect import flow, task, unmapped
from prefect.logging import get_run_logger

FACTOR = 3


@task
def prepare(place: str) -> None:
    """Makes the place ready."""


@task(retries=2, retry_delay_seconds=1, tags=["nightly"], timeout_seconds=60)
def numbers(count: int) -> list[int]:
    """The numbers to work on."""
    return [1000 + number for number in range(count)]


@task
def scale(number: int, factor: int) -> int:
    return number * factor


@task(name="sum up")
def total(scaled: list[int], bounds: dict[str, int]) -> int:
    get_run_logger().info("summing")
    return sum(number for number in scaled if number < bounds["high"])


@task
async def doubled(total: int, *more: int) -> int:
    return 2 * total + sum(more)


@task
def notify(amount: int, text: str = "done") -> None:
    print(text, amount)


@flow
async def shop(count: int = 3) -> int:
    ready = prepare.submit("shelf")
    found = numbers.submit(count, wait_for=[ready])
    scaled = scale.map(found, unmapped(FACTOR))
    result = total(scaled, {"low": 0, "high": 3004})
    twice = await doubled(result, 7, len(str(result)) * 1000)
    notify(twice)
    return twice
'''
NAMES = ("prepare", "numbers", "scale_1", "scale_2", "scale_3", "sum_up", "doubled", "notify")


def write_shop(folder: Path, code: str = CODE, name: str = "shop_flows") -> Path:
    """The file of the flow in a folder."""
    path = folder / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    return path
